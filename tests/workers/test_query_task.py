"""Tasks that a worker's lists leave open: it is queried for them, and what it no longer has ended, how is unknown."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.workers.conftest import Workers
from workers.amqp_connection import Target
from workers.inspection.answers import uuids
from workers.inspection.inspector import Answer, Inspector
from workers.receiving.events import Event
from workers.receiving.orphan_finder import MOST_QUERIED
from workers.receiving.orphaned_tasks import Held, Queried, WorkerEvidence, assess, needs_query
from workers.receiving.task_state import TaskRecord, merge
from workers.receiving.task_watch import TaskWatch
from workers.receiving.worker_state import WorkerState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = NOON.timestamp()
NONE: frozenset[str] = frozenset()


def started(uuid: str = "1", at: float = AT) -> TaskRecord:
    found = merge(None, Event("task-started", "w@h", at, uuid=uuid), at)
    assert found is not None
    return found


def lists(complete: bool, listed: frozenset[str] = NONE) -> Held:
    return Held(AT + 60, listed, listed, NONE, complete)


@pytest.mark.parametrize(
    ("held", "needed"),
    [(None, False), (lists(True), False), (lists(False), True), (lists(False, frozenset("1")), False), (Held(AT + 1, NONE, NONE, NONE, False), False)],
)
def test_only_what_lists_that_are_not_whole_leave_open_is_queried(held: Held | None, needed: bool) -> None:
    assert needs_query(started(), WorkerEvidence("w@h", held=held)) == needed
    assert not needs_query(started(), WorkerEvidence("other@h", held=held))
    assert not needs_query(started(), WorkerEvidence("w@h", held=held, gone_since=NOON))


@pytest.mark.parametrize(
    ("queried", "state", "source"),
    [
        ({}, "STARTED", None),
        ({"1": Queried(AT + 60, True)}, "STARTED", None),
        ({"2": Queried(AT + 60, False)}, "STARTED", None),
        ({"1": Queried(AT + 1, False)}, "STARTED", None),  # it may have been started after the request
        ({"1": Queried(AT + 60, False)}, "UNKNOWN", ("query", AT + 60)),
    ],
)
def test_what_the_worker_does_not_have_ended_and_a_later_event_says_how(queried: dict[str, Queried], state: str, source: Any) -> None:
    record = started()
    assess(record, WorkerEvidence("w@h", held=lists(False), queried=queried))
    assert (record.state, record.source) == (state, source)
    assert ("query_task at 2026-11-24 12:01:00 UTC" in record.unknown_reason) == (state == "UNKNOWN")
    merge(record, Event("task-succeeded", "w@h", AT + 30, uuid="1"), AT + 70)
    assert (record.state, record.source) == ("SUCCESS", None)


def test_an_answer_names_the_tasks_that_it_has() -> None:
    assert uuids("query_task", {"1": ["active", {}], 2: []}) == (frozenset("1"), True)
    assert uuids("query_task", ["1"]) == (NONE, False)


@pytest.mark.django_db
def test_a_worker_is_queried_for_at_most_a_hundred_tasks_at_a_time_and_its_answer_counts_once_all_events_before_it_have_come() -> None:
    queries: list[tuple[str, Sequence[str]]] = []
    watch = TaskWatch(1, "/", lambda hostname, uuids: queries.append((hostname, uuids)))
    worker = WorkerState(hostname="w@h", first_seen_at=NOON, state="online", heartbeat_at=NOON + timedelta(seconds=70))
    watch.add_events([Event("worker-heartbeat", "w@h", AT + 70), *(Event("task-started", "w@h", AT, uuid=str(one)) for one in range(150))], NOON)

    def answer(command: str, second: float, found: frozenset[str] = NONE, queried: tuple[str, ...] = (), whole: bool = False) -> Answer:
        requested_at = NOON + timedelta(seconds=second)
        return Answer("w@h", {}, requested_at + timedelta(seconds=1), command, requested_at, found, whole, queried=queried)

    def assessed() -> dict[str, str]:
        watch._orphans._next_assessment = 0.0
        return {record.uuid: record.state for record in watch.prepare({"w@h": worker}, receiving=True)}

    for second in (50, 60):
        for command in ("active", "reserved", "scheduled", "stats"):
            watch.note_answer(answer(command, second))
    for record in watch.prepare({"w@h": worker}, receiving=True):
        record.stored = True
    watch._orphans._request_queries("w@h", dict(watch._buffer.records), WorkerEvidence("w@h", held=lists(False)))
    assert [(hostname, len(uuids)) for hostname, uuids in queries] == [("w@h", MOST_QUERIED)]
    watch._orphans._request_queries("w@h", dict(watch._buffer.records), WorkerEvidence("w@h", held=lists(False)))
    assert len(queries) == 1  # ten seconds are not over
    watch.note_answer(answer("query_task", 75, frozenset("1"), ("0", "1")))
    assert watch._orphans._evidence_of("w@h", worker, True).queried == {}  # an event of before the answer may still come
    worker.heartbeat_at = NOON + timedelta(seconds=80)
    assert watch._orphans._evidence_of("w@h", worker, True).queried == {"0": Queried(AT + 75, False), "1": Queried(AT + 75, True)}
    assert watch._orphans._evidence_of("w@h", worker, False).queried == {}
    assert set(assessed().values()) == {"STARTED"}


def test_a_real_worker_answers_which_tasks_it_has(workers: Workers, tmp_path: Path) -> None:
    workers.start("w@here", "-E", "--pool", "threads", "--concurrency", "2", "-Q", "jobs")
    log = tmp_path / "log"
    workers.send("log_and_rest", str(log), 600, task_id="running")
    wait_until(log.exists, 60)
    answers: SimpleQueue[Answer] = SimpleQueue()
    inspector = Inspector([Target(workers.node.amqp_url(workers.vhost), workers.vhost)], "hareline.test", answers)
    inspector.expect({"w@here": True}, all_known=True)
    thread = threading.Thread(target=inspector.run)
    thread.start()
    found: list[Answer] = []

    def answered() -> list[Answer]:
        if not found:
            inspector.query_tasks("w@here", ["running", "gone"])
        while not answers.empty():
            answer = answers.get()
            found.extend([answer] if answer.command == "query_task" else [])
        return found

    try:
        wait_until(answered, 60)
    finally:
        inspector.stop()
        thread.join(60)
    assert (found[0].uuids, found[0].queried, found[0].lists_all) == (frozenset({"running"}), ("running", "gone"), True)
