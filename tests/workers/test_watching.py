"""Real workers on a real broker: what of them reaches the database, and what happens when something between them breaks."""

from __future__ import annotations

import pytest

from brokers.scope import EVERYTHING
from brokers.topology import Topology
from dashboard.why import loaded_vhost
from dashboard.why.explanations import LoadedVhost
from dashboard.why.task_explanations import PATTERNS_UNKNOWN, SENDER_UNKNOWN, TaskDestination, task_destination
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.routed_queues import routed_queues


def test_a_prefork_worker_shows_its_slots_queues_and_software(workers: Workers, watching: Watching) -> None:
    workers.start("p@here", "-E", "--pool", "prefork", "--concurrency", "2", "-Q", "jobs,mail")
    watching.start()
    found = watching.wait_for(
        "p@here",
        lambda worker: worker.state == "online" and worker.queues and worker.registered and worker.heartbeat_at and worker.clock_skew_seconds is not None,
    )
    assert (found.pool, found.concurrency, found.autoscale_max, found.reason) == ("prefork", 2, None, "")
    assert len(found.processes) == 2
    assert {queue["name"] for queue in found.queues} == {"jobs", "mail"}
    assert "tests.workers.celery_app.add" in {task["name"] for task in found.registered}
    assert found.software["ident"] == "py-celery"
    assert abs(found.clock_skew_seconds) < 5
    watching.wait_for_source(lambda source: (source.state, source.inspect_state) == ("receiving", "inspecting"))
    workers.app.control.pool_grow(2, task_destination=["p@here"])
    assert len(watching.wait_for("p@here", lambda worker: worker.concurrency == 4).processes) == 4


def test_events_are_counted_and_none_is_lost_while_we_do_not_run(workers: Workers, watching: Watching) -> None:
    workers.start("p@here", "-E", "--pool", "prefork", "--concurrency", "2", "-Q", "jobs")
    watching.start()
    watching.wait_for("p@here", lambda worker: worker.state == "online" and worker.pool == "prefork")
    workers.send("add", 1, 2, count=20)
    workers.send("fail", count=3)
    watching.wait_for("p@here", lambda worker: worker.event_counts.get("task-failed") == 3 and worker.event_counts.get("task-succeeded") == 20)
    watching.stop()
    workers.send("add", 1, 2, count=30)
    watching.start()
    found = watching.wait_for("p@here", lambda worker: worker.event_counts.get("task-succeeded") == 50 and worker.processed == 53)
    assert found.event_counts == {"task-received": 53, "task-started": 53, "task-succeeded": 50, "task-failed": 3}
    assert (found.lost_events, found.events_off) == (0, False)


def test_the_pools_differ_in_kind_and_slots(workers: Workers, watching: Watching) -> None:
    workers.start("t@here", "-E", "--pool", "threads", "--concurrency", "3", "-Q", "jobs")
    workers.start("a@here", "-E", "--autoscale", "3,1", "-Q", "other")
    watching.start()
    threads = watching.wait_for("t@here", lambda worker: worker.pool)
    assert (threads.pool, threads.concurrency, threads.processes) == ("threads", 3, None)
    scaled = watching.wait_for("a@here", lambda worker: worker.pool)
    assert (scaled.pool, scaled.concurrency, scaled.autoscale_min, scaled.autoscale_max) == ("prefork", 1, 1, 3)


def test_running_and_waiting_tasks_fill_the_slots(workers: Workers, watching: Watching) -> None:
    workers.start("t@here", "-E", "--pool", "threads", "--concurrency", "2", "-Q", "jobs", "--prefetch-multiplier", "2")
    watching.start()
    watching.wait_for("t@here", lambda worker: worker.pool)
    workers.send("rest", 15, count=4)
    workers.send("add", 1, 2, countdown=600)
    found = watching.wait_for("t@here", lambda worker: (worker.active, worker.reserved, worker.scheduled) == (2, 2, 1))
    assert {task["name"] for task in found.active_tasks} == {"tests.workers.celery_app.rest"}
    assert found.active_tasks[0]["started_at"]


def test_a_worker_that_shuts_down_is_gone_and_one_that_is_killed_too(workers: Workers, watching: Watching) -> None:
    workers.start("one@here", "-E", "--pool", "threads", "--concurrency", "1", "-Q", "jobs")
    workers.start("two@here", "-E", "--pool", "threads", "--concurrency", "1", "-Q", "jobs")
    watching.start()
    for hostname in ("one@here", "two@here"):
        watching.wait_for(hostname, lambda worker: worker.state == "online" and worker.heartbeat_at)
    workers.end("one@here")
    workers.kill("two@here")
    assert watching.wait_for("one@here", lambda worker: worker.state == "gone").reason == "it shut down cleanly"
    assert watching.wait_for("two@here", lambda worker: worker.state == "gone").reason.startswith("no heartbeat since")


@pytest.mark.nightly
def test_a_solo_worker_that_runs_a_task_is_unknown_not_gone(workers: Workers, watching: Watching) -> None:
    workers.start("s@here", "-E", "--pool", "solo", "-Q", "jobs")
    watching.start()
    watching.wait_for("s@here", lambda worker: worker.pool == "solo")
    workers.send("rest", 14)
    assert "solo pool sends none" in watching.wait_for("s@here", lambda worker: worker.state == "unknown").reason
    watching.wait_for("s@here", lambda worker: worker.state == "online")


@pytest.mark.nightly
def test_a_worker_without_task_events_is_known_to_send_none(workers: Workers, watching: Watching) -> None:
    workers.start("quiet@here", "--pool", "threads", "--concurrency", "2", "-Q", "jobs")
    watching.start()
    watching.wait_for("quiet@here", lambda worker: worker.state == "online" and worker.processed == 0)
    for done in range(1, 5):
        workers.send("add", 1, 2)
        watching.wait_for("quiet@here", lambda worker, done=done: worker.processed == done)
    found = watching.wait_for("quiet@here", lambda worker: worker.events_off)
    assert (found.lost_events, found.event_counts) == (0, {})


def test_a_worker_reports_how_its_application_routes_and_no_secret(workers: Workers, watching: Watching) -> None:
    workers.start("r@here", "-E", "--pool", "solo", app="routed_app")
    watching.start()
    found = watching.wait_for("r@here", lambda worker: worker.configuration and worker.queues and worker.registered)
    assert found.configuration["task_default_queue"] == "jobs"
    assert found.configuration["task_routes"] == [{"feed.*": {"queue": "feeds", "routing_key": "feed.new"}}, "<function by_name>"]
    assert found.configuration_at is not None
    assert workers.node.password not in str(found.configuration)
    assert "broker_url" not in found.configuration

    sender, nothing_else = workers.app, LoadedVhost(Topology(watching.vhost), None, {}, {})
    sender.conf.update(task_send_sent_event=True, task_queues=routed_queues(), task_routes={"feed.*": {"queue": "feeds", "routing_key": "feed.new"}})

    def destination(task: str) -> TaskDestination:
        return task_destination(nothing_else, {"task": task}, loaded_vhost.known_task(EVERYTHING, watching.broker, watching.vhost, task))

    before = destination("feed.load")
    assert (before.answer.queue, before.answer.exchange, before.answer.routing_key) == ("feeds", "media", "feed.new")
    assert (before.configuration.name, before.unknown, before.sent) == ("r@here", [SENDER_UNKNOWN, PATTERNS_UNKNOWN], None)
    with sender.connection_for_write() as link:
        sender.send_task("feed.load", connection=link)
        sender.send_task("late.load", connection=link, queue="feeds")
    wait_until(lambda: destination("feed.load").sent and destination("late.load").sent, 30)
    assert destination("feed.load").unknown == []
    late = destination("late.load").unknown
    assert late[0] == "The router <function by_name> is code of the application: its answers are unknown."
    assert "The sender used queue 'feeds'" in late[1]
