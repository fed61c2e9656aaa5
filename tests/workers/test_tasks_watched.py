"""Real workers' tasks on a real broker, from their events to their rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kombu import Exchange, Producer

from brokers.scope import EVERYTHING
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from workers import queries
from workers.models import Task
from workers.receiving.task_state import happenings
from workers.task_filter import TaskFilter

APP = "tests.workers.celery_app"
THREADS = ("-E", "--pool", "threads", "--concurrency", "2", "-Q", "jobs")


def tasks(watching: Watching, **narrowed: object) -> list[Task]:
    return queries.tasks(EVERYTHING, filter=TaskFilter(vhost=watching.vhost, **narrowed), page_size=500).items


def wait_for_task(watching: Watching, name: str, condition: Callable[[Task], object], seconds: float = 40) -> Task:
    """The whole row of the only task of that name, once the condition holds."""

    def met() -> Task | None:
        found = [task for task in tasks(watching, name=f"{APP}.{name}") if condition(task)]
        return queries.task_by_id(EVERYTHING, found[0].pk) if found else None

    found = wait_until(met, seconds)
    assert found is not None
    return found


def listening(watching: Watching, hostname: str) -> None:
    watching.start()
    watching.wait_for(hostname, lambda worker: worker.state == "online" and worker.heartbeat_at and worker.pool)


def test_each_way_a_task_can_end_is_told_with_what_it_left(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.app.conf.task_send_sent_event = True
    workers.send("add", 1, 2)
    workers.send("fail")
    workers.send("fail_twice")
    workers.send("refuse")
    workers.app.control.revoke("unwanted", destination=["w@here"], reply=True, timeout=30)
    workers.send("rest", 0, task_id="unwanted")
    added = wait_for_task(watching, "add", lambda task: task.state == "SUCCESS")
    assert (added.args, added.kwargs, added.result, added.worker, added.sent_queue, added.exchange, added.routing_key) == (
        "(1, 2)", "{}", "3", "w@here", "jobs", "", "jobs",
    )  # fmt: skip
    assert [found.event for found in happenings(added.tries)] == ["task-sent", "task-received", "task-started", "task-succeeded"]
    assert added.sent_at <= added.received_at <= added.started_at <= added.ended_at
    assert (added.root_id, added.parent_id, added.retries) == (added.uuid, None, 0)
    failed = wait_for_task(watching, "fail", lambda task: task.state == "FAILURE")
    assert failed.exception == "ValueError('as asked')"
    assert failed.traceback.startswith("Traceback") and "celery_app.py" in failed.traceback
    retried = wait_for_task(watching, "fail_twice", lambda task: task.state == "FAILURE")
    assert (retried.retries, [found.event for found in happenings(retried.tries)].count("task-retried")) == (1, 1)
    assert retried.eta is not None
    assert wait_for_task(watching, "refuse", lambda task: task.state == "REJECTED").ended_at
    assert wait_for_task(watching, "rest", lambda task: task.state == "REVOKED").uuid == "unwanted"
    assert [task.uuid for task in tasks(watching, text="warehouse")] == [retried.uuid]


def test_a_task_with_a_time_waits_for_it_and_one_nobody_consumes_stays_sent(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.app.conf.task_send_sent_event = True
    workers.send("add", 1, 2, countdown=600)
    workers.send("rest", 1, queue="nobody")
    held = wait_for_task(watching, "add", lambda task: task.state == "RECEIVED")
    assert timedelta(seconds=500) < held.eta - datetime.now(UTC) < timedelta(seconds=601)
    lonely = wait_for_task(watching, "rest", lambda task: task.sent_queue == "nobody")
    assert (lonely.state, lonely.received_at) == ("PENDING", None)
    workers.app.control.revoke(held.uuid)
    asked = watching.wait_for("w@here", lambda worker: worker.scheduled == 1).inspected_at
    watching.wait_for("w@here", lambda worker: worker.inspected_at > asked + timedelta(seconds=8))
    assert wait_for_task(watching, "add", lambda task: True).state == "RECEIVED"  # its worker still lists it


def test_a_worker_killed_while_it_runs_a_task_leaves_it_unknown(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("rest", 600)
    wait_for_task(watching, "rest", lambda task: task.state == "STARTED")
    workers.kill("w@here")
    found = wait_for_task(watching, "rest", lambda task: task.state == "UNKNOWN")
    assert (found.last_seen_state, found.worker) == ("STARTED", "w@here")
    assert found.started_at is not None
    assert "is gone since" in found.unknown_reason
    assert watching.worker("w@here").state == "gone"


def test_a_worker_killed_and_started_anew_has_not_what_it_ran(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("rest", 600)
    wait_for_task(watching, "rest", lambda task: task.state == "STARTED")
    old = watching.worker("w@here").pid
    workers.kill("w@here")
    workers.start("w@here", *THREADS)
    found = wait_for_task(watching, "rest", lambda task: task.state == "UNKNOWN")
    assert "started anew" in found.unknown_reason or "is gone since" in found.unknown_reason
    watching.wait_for("w@here", lambda worker: worker.state == "online" and worker.pid != old)
    workers.send("add", 1, 2)
    assert wait_for_task(watching, "add", lambda task: task.state == "SUCCESS").worker == "w@here"


def test_a_restart_of_the_receiver_loses_no_task(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("add", 1, 2, count=30)
    watching.stop()
    workers.send("add", 1, 2, count=30)
    watching.start()
    watching.wait_for_source(lambda source: source.state == "receiving")
    watching.stop()
    workers.send("fail", count=5)
    watching.start()
    wait_until(lambda: (len(tasks(watching, states=("SUCCESS",))), len(tasks(watching, states=("FAILURE",)))) == (60, 5), 40)
    assert len(tasks(watching)) == 65
    assert all(task.received_at and task.started_at and task.ended_at for task in tasks(watching))


def test_events_of_others_and_broken_ones_are_taken_as_far_as_they_go(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    now = datetime.now(UTC).timestamp()
    events = [
        {"type": "task-received", "hostname": "w@here", "timestamp": now, "uuid": "old", "name": "of.celery4", "args": "()", "kwargs": "{}", "clock": 7},
        {"type": "task-succeeded", "hostname": "w@here", "timestamp": now + 0.001, "uuid": "old", "result": "'ok'", "runtime": "0.5"},
        {"type": "task-received", "hostname": "go-1@there", "uuid": "foreign", "name": "of.go", "args": [1, {"a": None}], "retries": None, "new": []},
        {"type": "task-started", "hostname": "go-1@there", "timestamp": "soon", "uuid": "foreign"},
        {"type": "task-started", "hostname": "w@here", "timestamp": now},
        {"type": "task-failed", "hostname": "w@here", "timestamp": 1e300, "uuid": "odd", "exception": "\ud800\x00", "traceback": {"deep": []}},
    ]
    with workers.app.connection_for_write() as link:
        producer = Producer(link.channel(), Exchange("celeryev", "topic", no_declare=True), serializer="json")
        for event in events:
            producer.publish(json.dumps(event), routing_key="task.any", content_type="application/json", content_encoding="utf-8")
    wait_until(lambda: {"old", "foreign", "odd"} <= {task.uuid for task in tasks(watching)}, 20)
    found = {task.uuid: queries.task_by_id(EVERYTHING, task.pk) for task in tasks(watching)}
    assert (found["old"].state, found["old"].runtime_seconds, found["old"].result) == ("SUCCESS", 0.5, "'ok'")
    assert (found["foreign"].state, found["foreign"].args) == ("STARTED", '[1, {"a": null}]')
    assert (found["odd"].state, found["odd"].exception) == ("FAILURE", "?�")
    source = watching.source()
    assert source is not None
    assert source.refused_events == 2


def test_a_task_whose_end_was_lost_is_unknown_once_its_worker_says_that_it_has_it_not(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    event = {"type": "task-started", "hostname": "w@here", "timestamp": datetime.now(UTC).timestamp(), "uuid": "lost"}
    with workers.app.connection_for_write() as link:
        producer = Producer(link.channel(), Exchange("celeryev", "topic", no_declare=True))
        producer.publish(json.dumps(event), routing_key="task.started", content_type="application/json", content_encoding="utf-8")
    wait_until(lambda: [task.state for task in tasks(watching)] == ["STARTED"], 20)
    wait_until(lambda: [task.state for task in tasks(watching)] == ["UNKNOWN"], 40)
    assert "does not list it any more" in tasks(watching)[0].unknown_reason
