"""Workers that are killed, stopped, silent or failing for real: found within two polls, with what the broker and the worker itself say, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboard.models import Finding
from tests.conftest import TestNode
from tests.findings.looking import Looking, values
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers

THREADS = ("--pool", "threads", "--concurrency", "2")
OURS = ("worker_gone", "events_off", "events_lost", "clock_skew", "task_failures", "no_consumer", "stuck")
LOST, AHEAD, SKEW_OPENS = 12, 300, 31.0
LATER = 60.0
"""By so many seconds a round is later that shows that something has gone."""
Findings = dict[str, Finding]


@pytest.mark.nightly
def test_workers_in_trouble_are_found_with_the_right_evidence_and_their_cure_clears_it(
    workers: Workers, watching: Watching, rabbitmq: TestNode, vhost: str
) -> None:
    looking = Looking(watching.address, watching.broker, vhost)
    _start(workers, watching)
    assert ours(looking.look()) == {}
    lost = unroutable(rabbitmq, vhost)

    workers.send("rest", 600, count=5)
    watching.wait_for("killed@here", lambda worker: (worker.active, worker.reserved, len(worker.active_tasks or [])) == (2, 2, 2))
    workers.send("fail", count=25, queue="other")
    failing = wait_until(lambda: counted(seen(looking, "task_failures tests.workers.celery_app.fail"), "25 of 25 (100 %)"), seconds=60)
    assert (values(failing)["Exception"], values(failing)["stopped@here"]) == ("ValueError('as requested')", "25 of 25 failed")

    watching.wait_for("stopped@here", lambda worker: worker.processed == 25 and not worker.active and not worker.reserved)  # by its heartbeat, which is later
    workers.kill("killed@here")
    os.kill(workers.processes["stopped@here"].pid, signal.SIGSTOP)
    killed, stopped = seen(looking, "worker_gone killed@here"), seen(looking, "worker_gone stopped@here")
    _assert_killed(killed, rabbitmq, vhost)
    assert (stopped.level, stopped.short) == ("warning", "does not respond")
    assert values(stopped)["Control queue"] == "present: the broker has its connection"
    queue = seen(looking, "no_consumer jobs")
    assert queue.under_id == killed.pk
    with workers.app.connection_for_write() as link:
        link.Producer().publish("x", exchange="", routing_key="nowhere")
    assert wait_until(lambda: unroutable(rabbitmq, vhost) - lost, 20) == 1  # this one: Hareline sends nothing that nobody takes
    assert set(ours(looking.open())) == {
        "worker_gone killed@here", "worker_gone stopped@here", "no_consumer jobs", "task_failures tests.workers.celery_app.fail",
    }  # fmt: skip

    os.kill(workers.processes["stopped@here"].pid, signal.SIGCONT)
    workers.start("killed@here", "-E", *THREADS, "-Q", "jobs")
    cured(looking, lambda left: not {name for name in left if not name.startswith("task_failures")})


@pytest.mark.nightly
def test_a_worker_without_task_events_one_whose_events_are_lost_one_that_scales_down_and_a_clock_that_is_wrong(
    workers: Workers, watching: Watching, rabbitmq: TestNode, vhost: str, tmp_path: Path
) -> None:
    looking, clock = Looking(watching.address, watching.broker, vhost), tmp_path / "ahead"
    clock.write_text("0")
    workers.start("quiet@here", *THREADS, "-Q", "jobs", clock=clock)
    workers.start("leaving@here", "-E", *THREADS, "-Q", "other")
    watching.start()
    watching.wait_for("quiet@here", lambda worker: worker.state == "online" and worker.processed == 0)
    watching.wait_for("leaving@here", lambda worker: worker.state == "online" and worker.heartbeat_at and worker.processed == 0)
    earlier = datetime.now(UTC) - timedelta(minutes=12)  # since when the counts are known, so that they can be ten minutes old
    looking.look(now=earlier)
    lost = _lose_events(workers, watching, rabbitmq, vhost)
    found = looking.look(now=earlier + timedelta(seconds=5))[f"events_lost events of {vhost}"]
    assert (found.level, values(found)["Lost"]) == ("warning", str(lost))
    assert [one["source"] for one in found.body["evidence"] if one["name"] == "Lost"] == [f"over 10 min, of leaving@here ({lost})"]
    for seconds in (60, 25):
        cured_now = looking.look(now=datetime.now(UTC) - timedelta(seconds=seconds))
    assert f"events_lost events of {vhost}" not in cured_now

    workers.end("leaving@here")
    for done in range(1, 5):
        workers.send("add", 1, 2)
        watching.wait_for("quiet@here", lambda worker, done=done: worker.processed == done)
    found = seen(looking, "events_off quiet@here")
    assert (found.level, values(found)["Tasks it reports to have run"]) == ("notice", "4")
    watching.wait_for("leaving@here", lambda worker: worker.state == "gone")
    assert set(ours(looking.look())) == {"events_off quiet@here"}

    clock.write_text(f"{AHEAD}")
    found = wait_until(lambda: _half_a_minute(looking).get("clock_skew quiet@here"), seconds=60)
    assert (found.level, found.short, values(found)["Difference"]) == ("warning", "has a clock that is 5 min fast", "+5 min")
    assert set(ours(looking.open())) == {"events_off quiet@here", "clock_skew quiet@here"}
    clock.write_text("0")
    wait_until(lambda: "clock_skew quiet@here" not in _half_a_minute(looking), seconds=60)
    workers.app.control.enable_events(destination=["quiet@here"])
    watching.wait_for("quiet@here", lambda worker: worker.events_off is False or _sent(workers))
    cured(looking, lambda left: not left)


def _half_a_minute(looking: Looking) -> Findings:
    """What is open when the rules have looked twice within it. Later than now, a worker that sends no heartbeat meanwhile would be unknown."""
    looking.look(now=datetime.now(UTC) - timedelta(seconds=SKEW_OPENS))
    return looking.look()


def _lose_events(workers: Workers, watching: Watching, rabbitmq: TestNode, vhost: str) -> int:
    """How many tasks ran on leaving@here, by its own count, while the queue of Hareline's events was not bound."""
    workers.send("add", 1, 2, queue="other")
    watching.wait_for("leaving@here", lambda worker: worker.processed == 1 and worker.event_counts.get("task-succeeded") == 1)
    queue = watching.wait_for_source(lambda source: source.queue).queue
    place = f"bindings/{vhost}/e/celeryev/q/{queue}"
    bound = rabbitmq.api("GET", place)
    for one in bound:
        rabbitmq.api("DELETE", f"{place}/{quote(one['properties_key'], safe='')}")
    workers.send("add", 1, 2, count=LOST, queue="other")
    inspect = workers.app.control.inspect(["leaving@here"])
    ran = wait_until(lambda: (count := sum(inspect.stats()["leaving@here"]["total"].values())) == 1 + LOST and count, seconds=40)
    for one in bound:
        rabbitmq.api("POST", place, {"routing_key": one["routing_key"]})

    def lost() -> int:
        workers.send("add", 1, 2, queue="other")
        worker = watching.worker("leaving@here")
        return worker.lost_events if worker else 0

    assert wait_until(lost, seconds=40) == LOST
    return int(ran) - 1


def _sent(workers: Workers) -> None:
    workers.send("add", 1, 2)


def _start(workers: Workers, watching: Watching) -> None:
    workers.start("killed@here", "-E", *THREADS, "-Q", "jobs")
    workers.start("stopped@here", "-E", *THREADS, "-Q", "other")
    watching.start()
    for hostname in ("killed@here", "stopped@here"):
        watching.wait_for(hostname, lambda worker: worker.state == "online" and worker.queues and worker.heartbeat_at and worker.pool)


def _assert_killed(found: Finding, rabbitmq: TestNode, vhost: str) -> None:
    """The broker has back in its queue what the finding says returns: all but the two that were acknowledged early."""
    assert (found.level, found.short) == ("critical", "is gone with 4 tasks")
    assert "2 running tasks were acknowledged early (acks_late off) and are lost." in found.body["meaning"]
    assert "2 tasks that had not begun return to their queues." in found.body["meaning"]
    assert values(found)["Tasks without an end"] == "4"
    assert values(found)["Control queue"].startswith("gone")
    ready = wait_until(lambda: rabbitmq.api("GET", f"queues/{vhost}/jobs").get("messages_ready"), seconds=20)
    assert ready == 5 - 2


def unroutable(node: TestNode, vhost: str) -> int:
    return int(node.api("GET", f"vhosts/{vhost}").get("message_stats", {}).get("drop_unroutable", 0))


def ours(found: Findings) -> Findings:
    """Without what the other tests of the node may raise."""
    return {name: one for name, one in found.items() if one.rule in OURS and one.vhost}


def seen(looking: Looking, name: str) -> Finding:
    return wait_until(lambda: looking.look().get(name), seconds=60)


def counted(finding: Finding, failed: str) -> Finding | None:
    """The finding, once all that failed has been received; it opens before."""
    return finding if values(finding)["Failed"] == failed else None


def cured(looking: Looking, is_enough: Callable[[Findings], bool]) -> None:
    """Nothing is open any more once the rules have looked twice, the second time a minute later."""

    def gone() -> bool:
        looking.look()
        return is_enough(ours(looking.look(ahead=LATER)))

    wait_until(gone, seconds=60)
