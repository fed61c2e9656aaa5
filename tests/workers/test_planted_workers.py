"""Workers that are killed, stopped, silent or failing for real: found within two polls, with what the broker and the worker itself say, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from dashboard.models import Finding
from tests.conftest import TestNode
from tests.findings.looking import Looking, values
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers

pytestmark = pytest.mark.timeout(240)
THREADS = ("--pool", "threads", "--concurrency", "2")
OURS = ("worker_gone", "events_off", "task_failures", "no_consumer", "stuck")
LATER = 60.0
"""By so many seconds a round is later that shows that something has gone."""
Findings = dict[str, Finding]


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
    failing = seen(looking, "task_failures tests.workers.celery_app.fail")
    assert values(failing)["Failed"] == "25 of 25 (100 %)"
    assert (values(failing)["Exception"], values(failing)["stopped@here"]) == ("ValueError('as requested')", "25 of 25 failed")

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


def test_a_worker_without_task_events_and_one_that_scales_down(workers: Workers, watching: Watching, vhost: str) -> None:
    looking = Looking(watching.address, watching.broker, vhost)
    workers.start("quiet@here", *THREADS, "-Q", "jobs")
    workers.start("leaving@here", "-E", *THREADS, "-Q", "other")
    watching.start()
    watching.wait_for("quiet@here", lambda worker: worker.state == "online" and worker.processed == 0)
    watching.wait_for("leaving@here", lambda worker: worker.state == "online" and worker.heartbeat_at)
    workers.end("leaving@here")
    for done in range(1, 5):
        workers.send("add", 1, 2)
        watching.wait_for("quiet@here", lambda worker, done=done: worker.processed == done)
    found = seen(looking, "events_off quiet@here")
    assert (found.level, values(found)["Tasks it reports to have run"]) == ("notice", "4")
    watching.wait_for("leaving@here", lambda worker: worker.state == "gone")
    assert set(ours(looking.look())) == {"events_off quiet@here"}

    workers.app.control.enable_events(destination=["quiet@here"])
    watching.wait_for("quiet@here", lambda worker: worker.events_off is False or _sent(workers))
    cured(looking, lambda left: not left)


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


def cured(looking: Looking, is_enough: Callable[[Findings], bool]) -> None:
    """Nothing is open any more once the rules have looked twice, the second time a minute later."""

    def gone() -> bool:
        looking.look()
        return is_enough(ours(looking.look(ahead=LATER)))

    wait_until(gone, seconds=60)
