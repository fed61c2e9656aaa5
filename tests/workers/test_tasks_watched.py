"""Real workers' tasks on a real broker, from their events to their rows."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kombu import Exchange, Producer

from brokers.scope import EVERYTHING
from dashboard.tasks.progress import Reports
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.run_log import percentile, runs_of, runtimes, waits
from tests.workers.stored_tasks import APP, THREADS, listening, tasks, wait_for_uuid
from workers import queries, store
from workers.models import FailureGroup, Task
from workers.queries import StatisticsQuestion
from workers.receiving.task_state import happenings
from workers.store import count_failures
from workers.task_filter import Bound
from workers.task_statistics import HOUR, Counted, merged
from workers.time_limits import past_limit_seconds

COUNTDOWN = 0.2  # seconds until a second try


@pytest.fixture(scope="module")
def shared(module_workers: Workers, module_watching: Watching) -> tuple[Workers, Watching]:
    """A worker node w@here, which no test ends, and a watch of it, which none stops."""
    module_workers.start("w@here", *THREADS, app="silent_app")
    listening(module_watching, "w@here")
    module_workers.app.conf.task_send_sent_event = True
    return module_workers, module_watching


def test_each_end_of_a_task_is_stored_with_its_result_or_exception(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
    for task, arguments in {"add": (1, 2), "fail": (), "fail_twice": (), "refuse": ()}.items():
        workers.send(task, *arguments, task_id=f"{task}-1")
    workers.app.control.revoke("unwanted", destination=["w@here"], reply=True, timeout=30)
    workers.send("rest", 0, task_id="unwanted")
    added = wait_for_uuid(watching, "add-1", lambda task: task.state == "SUCCESS" and task.sent_at)  # its sending may come later
    assert (added.args, added.kwargs, added.result, added.worker, added.sent_queue, added.exchange, added.routing_key) == (
        "(1, 2)", "{}", "3", "w@here", "jobs", "", "jobs",
    )  # fmt: skip
    events = [found.event for found in happenings(added.tries)]
    events.remove("task-sent")  # Celery sends it once the message is published, so that it may be later than its receipt
    assert events == ["task-received", "task-started", "task-succeeded"]
    assert added.received_at <= added.started_at <= added.ended_at
    assert abs(added.sent_at - added.received_at) < timedelta(seconds=20)
    assert (added.root_id, added.parent_id, added.retries) == (added.uuid, None, 0)
    failed = wait_for_uuid(watching, "fail-1", lambda task: task.state == "FAILURE")
    assert failed.exception == "ValueError('as requested')"
    assert failed.traceback.startswith("Traceback") and "celery_app.py" in failed.traceback
    retried = wait_for_uuid(watching, "fail_twice-1", lambda task: task.state == "FAILURE")
    assert (retried.retries, [found.event for found in happenings(retried.tries)].count("task-retried")) == (1, 1)
    assert retried.eta is not None
    assert wait_for_uuid(watching, "refuse-1", lambda task: task.state == "REJECTED").ended_at
    assert wait_for_uuid(watching, "unwanted", lambda task: task.state == "REVOKED" and task.name).name == f"{APP}.rest"
    assert [task.uuid for task in tasks(watching, text="warehouse")] == [retried.uuid]


def test_a_task_with_a_time_waits_for_it_and_one_nobody_consumes_stays_sent(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
    workers.send("add", 1, 2, countdown=600, task_id="held")
    workers.send("rest", 1, queue="nobody", task_id="lonely")
    held = wait_for_uuid(watching, "held", lambda task: task.state == "RECEIVED")
    assert timedelta(seconds=500) < held.eta - datetime.now(UTC) < timedelta(seconds=601)
    lonely = wait_for_uuid(watching, "lonely", lambda task: task.sent_queue == "nobody")
    assert (lonely.state, lonely.received_at) == ("PENDING", None)
    workers.app.control.revoke(held.uuid)
    inspected_at = watching.wait_for("w@here", lambda worker: worker.scheduled == 1).inspected_at
    watching.wait_for("w@here", lambda worker: worker.inspected_at > inspected_at + timedelta(seconds=8))
    assert wait_for_uuid(watching, "held", lambda task: True).state == "RECEIVED"  # its worker still lists it


def test_what_a_task_reports_of_itself_equals_its_own_log(shared: tuple[Workers, Watching], tmp_path: Path) -> None:
    workers, watching = shared
    log, go = tmp_path / "log", tmp_path / "go"
    workers.send("report", str(log), str(go), 7, task_id="reporting")

    def last_line() -> str:
        events = [event for event in queries.custom_events(task_of("reporting")) if event.type == "task-progress"]
        return f"{events[-1].fields['current']} of {events[-1].fields['total']}" if events else ""

    def task_of(uuid: str) -> Task:
        return wait_for_uuid(watching, uuid, lambda task: task.state in ("STARTED", "SUCCESS"))

    wait_until(lambda: last_line() == "6 of 7", 60)
    assert log.read_text().splitlines()[-1] == "6 of 7"
    changed_at = task_of("reporting").changed_at
    go.touch()
    task = wait_for_uuid(watching, "reporting", lambda task: task.state == "SUCCESS" and len(queries.custom_events(task)) == 6, 60)
    progress, packed = Reports(task).listed
    assert (progress.type, progress.words, progress.percent, progress.worker) == ("task-progress", "7 of 7 (100 %): box 7", "100", "w@here")
    assert [one.words.partition(" (")[0] for one in reversed(progress.earlier)] == log.read_text().splitlines()[2:6]
    assert (packed.type, packed.percent, packed.fields) == ("shop-packed", "", [("boxes", "[1,2]"), ("weight", "2.5"), ("password", "[redacted]")])
    assert task.changed_at > changed_at


def test_a_task_that_runs_past_its_limit_is_found_and_one_without_a_limit_never(shared: tuple[Workers, Watching], tmp_path: Path) -> None:
    workers, watching = shared
    go = tmp_path / "go"
    workers.send("linger", str(go), task_id="lingering")
    workers.send("log_and_rest", str(tmp_path / "log"), 3, task_id="unlimited")

    def overrun() -> list[str]:
        bounds = (Bound("overrun", ">", 0.0),)
        return [task.uuid for task in tasks(watching, bounds=bounds, now=datetime.now(UTC))]

    wait_until(lambda: overrun() == ["lingering"], 60)
    late = wait_for_uuid(watching, "lingering", lambda task: task.state == "STARTED")
    assert (late.limit_seconds, late.limit_kind) == (1.0, "hard")
    assert (past_limit_seconds(late, datetime.now(UTC)) or 0) > 0
    go.touch()
    wait_for_uuid(watching, "lingering", lambda task: task.state == "SUCCESS", 60)
    assert overrun() == []
    assert wait_for_uuid(watching, "unlimited", lambda task: task.state == "SUCCESS", 60).limit_seconds is None


def test_events_of_others_and_broken_ones_are_taken_as_far_as_they_go(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
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
    assert source.refused_events == 3  # "soon", no uuid, and the year 1e300


def test_a_task_whose_end_was_lost_is_unknown_once_its_worker_no_longer_lists_it(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
    event = {"type": "task-started", "hostname": "w@here", "timestamp": datetime.now(UTC).timestamp(), "uuid": "lost"}
    with workers.app.connection_for_write() as link:
        producer = Producer(link.channel(), Exchange("celeryev", "topic", no_declare=True))
        producer.publish(json.dumps(event), routing_key="task.started", content_type="application/json", content_encoding="utf-8")
    wait_for_uuid(watching, "lost", lambda task: task.state == "STARTED")
    found = wait_for_uuid(watching, "lost", lambda task: task.state == "UNKNOWN")
    assert "and no event reported its end" in found.unknown_reason


def test_tasks_whose_class_sends_no_events_do_not_count_as_lost(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
    watching.wait_for("w@here", lambda worker: worker.registered and worker.reconciliation.get("has_silent"))
    (silent,) = [task for task in watching.worker("w@here").registered if task["name"] == f"{APP}.keep_quiet"]  # type: ignore[union-attr]
    assert silent["attributes"]["send_events"] == "False"
    before = watching.worker("w@here").processed or 0  # type: ignore[union-attr]
    workers.send("keep_quiet", count=20)
    found = watching.wait_for("w@here", lambda worker: worker.reconciliation["silent"] == 20 and worker.processed >= before + 20)
    assert found.lost_events == 0
    expected = found.reconciliation["timestamp"]
    assert watching.wait_for("w@here", lambda worker: worker.reconciliation["timestamp"] > expected + 9).lost_events == 0


def test_failures_are_grouped_by_the_places_and_as_often_as_the_workers_own_log_has_them(shared: tuple[Workers, Watching]) -> None:
    workers, watching = shared
    workers.send("fail", count=3)
    workers.send("fail_twice")

    def groups() -> dict[tuple[str, str], int]:
        count_failures(datetime.now(UTC))
        found = FailureGroup.objects.filter(vhost=watching.vhost)
        return {(group.exception, group.place): group.count for group in found if (group.exception, group.place) in logged()}  # other tests fail tasks too

    def logged() -> dict[tuple[str, str], int]:
        log = (workers.directory / "w@here.log").read_text()
        ends = Counter(re.findall(r"raised unexpected: (\w+)\(", log))
        return {("ValueError", "workers/celery_app.py in fail"): ends["ValueError"], ("OSError", "workers/celery_app.py in fail_twice"): ends["OSError"]}

    wait_until(lambda: logged()["ValueError", "workers/celery_app.py in fail"] >= 3 and groups() == logged() and min(logged().values()), 60)
    sample = FailureGroup.objects.get(vhost=watching.vhost, exception="ValueError")
    assert "in fail\n" in sample.sample_traceback and sample.message == "as requested"


def test_statistics_of_a_name_equal_what_its_tasks_noted(shared: tuple[Workers, Watching], tmp_path: Path) -> None:
    workers, watching = shared
    path, outcomes = tmp_path / "runs", ["succeeded"] * 7 + ["failed", "retried"] * 2
    sent: dict[str, tuple[float, float]] = {}
    for at in range(33):
        outcome, before = outcomes[at % len(outcomes)], time.time()
        workers.send("note_run", str(path), 0.005 * 1.12**at, outcome, COUNTDOWN, task_id=f"noted-{at}", queue="noted")
        sent[f"noted-{at}"] = (before, time.time())
    wait_until(lambda: counted(watching).sent == 33, 60)
    began = time.time()
    workers.start("s@there", "-E", "--pool", "solo", "-Q", "noted")
    wait_until(lambda: counted(watching).ended == 33, 60)
    runs, after = runs_of(path.read_text()), time.time()
    by_outcome = Counter(run.outcome for run in runs)
    assert by_outcome == {"succeeded": 27, "failed": 6, "retried": 6}
    measured = {"runtimes": runtimes(runs, began, after), "waits": waits(runs, sent, began, COUNTDOWN)}
    for _ in range(2):
        found = counted(watching)
        assert {kind: getattr(found, kind) for kind in by_outcome} == by_outcome
        assert (found.received, found.started, found.revoked, found.rejected) == (39, 39, 0, 0)
        for kind, bounds in measured.items():
            sketch = getattr(found, kind)
            assert sketch.count == len(bounds)
            for percent in (1, 25, 50, 75, 95, 99):
                least, most = (percentile(values, percent) for values in zip(*bounds, strict=True))
                assert 0.98 * least <= sketch.percentile(percent) <= 1.02 * most, (kind, percent, least, most)
        store.sum_statistics()


def counted(watching: Watching) -> Counted:
    """Of `note_run`, in any queue: which one it is, is known once its worker node reports what it consumes."""
    now = datetime.now(UTC)
    question = StatisticsQuestion(now - timedelta(hours=2), now, HOUR, watching.broker.pk, watching.vhost, f"{APP}.note_run")
    return merged(part.counted for part in queries.task_statistics(EVERYTHING, question))
