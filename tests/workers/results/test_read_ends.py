"""Ends read from a result backend become part of their tasks, unless they are of an earlier attempt or an event reports the end."""

from __future__ import annotations

import pytest

from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import Held, WorkerEvidence, assess
from workers.receiving.read_ends import READ, ReadEnds, mend
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_order import FAILED, SUCCEEDED
from workers.receiving.task_state import TaskRecord, happenings, merge
from workers.results.outcomes import Outcome

AT = 1_790_000_000.0
ENDED = Outcome("1", SUCCEEDED, AT + 30, "3")


def task(*kinds: str, worker: str = "w@h") -> TaskRecord:
    record = TaskRecord("1", AT)
    for second, kind in enumerate(kinds):
        merge(record, Event(kind, worker, AT + second, uuid="1", clock=second, pid=1), AT + second)
    return record


@pytest.mark.parametrize(
    ("kinds", "done", "state"),
    [
        (("task-received", "task-started"), 30, "SUCCESS"),
        (("task-received",), 30, "SUCCESS"),
        (("task-received", "task-started", "task-retried"), 30, "SUCCESS"),
        (("task-received", "task-started"), -3, "SUCCESS"),  # clocks differ
        (("task-received", "task-started"), -60, "STARTED"),  # of an earlier delivery
        (("task-sent",), 30, "PENDING"),  # no worker is known
        (("task-received", "task-started", "task-failed"), 30, "FAILURE"),
        ((), 30, "PENDING"),
    ],
)
def test_an_end_counts_for_the_attempt_that_ran_last(kinds: tuple[str, ...], done: float, state: str) -> None:
    record = task(*kinds)
    mended = mend(record, Outcome("1", SUCCEEDED, AT + done, "3"), AT + 100)
    assert (record.state, mended) == (state, state == "SUCCESS")
    if mended:
        assert (record.source, record.result) == (("backend", AT + 100), "3")
        assert record.ended_at == max(AT + done, AT + len(kinds) - 1)
        assert happenings(record.moments)[-1].detail == READ


def test_a_task_that_was_unknown_is_mended_and_stays_so_whatever_its_worker_lists() -> None:
    record = task("task-received", "task-started")
    assess(record, WorkerEvidence("w@h", held=Held(AT + 60, frozenset(), frozenset(), frozenset())))
    assert (record.state, record.source) == ("UNKNOWN", ("list", AT + 60))
    assert mend(record, Outcome("1", FAILED, AT + 30, None, "OSError('gone')", "Traceback"), AT + 100)
    assert (record.state, record.unknown_reason, record.exception, record.traceback) == ("FAILURE", "", "OSError('gone')", "Traceback")
    assess(record, WorkerEvidence("w@h", held=Held(AT + 90, frozenset(), frozenset(), frozenset())))
    assert (record.state, record.source) == ("FAILURE", ("backend", AT + 100))
    assert not mend(record, ENDED, AT + 200)


def test_the_event_of_the_end_takes_the_place_of_what_was_read() -> None:
    record = task("task-received", "task-started")
    mend(record, ENDED, AT + 100)
    merge(record, Event("task-started", "w@h", AT + 1, uuid="1", clock=1, pid=1), AT + 110)  # again
    assert (record.state, record.source) == ("SUCCESS", ("backend", AT + 100))
    merge(record, Event("task-failed", "w@h", AT + 31, uuid="1", clock=9, pid=1, exception="E()"), AT + 120)
    assert (record.state, record.source, record.ended_at) == ("FAILURE", None, AT + 31)
    assert [one.event for one in happenings(record.moments)] == ["task-received", "task-started", "task-failed"]


def test_a_delivery_after_that_end_changes_it_as_little_as_after_an_event() -> None:
    record = task("task-received", "task-started")
    mend(record, ENDED, AT + 100)
    for second, kind in ((200, "task-received"), (201, "task-started")):
        merge(record, Event(kind, "other@h", AT + second, uuid="1", clock=second, pid=2), AT + second)
    assert (record.state, record.source) == ("SUCCESS", ("backend", AT + 100))


def test_what_was_read_changes_tasks_in_memory_and_stored_ones_and_is_counted_once() -> None:
    buffer = TaskBuffer()
    ends = ReadEnds(buffer)
    buffer.add_event(Event("task-started", "w@h", AT, uuid="1"), AT)
    buffer.settle({})
    ends.note([(ENDED, AT + 100), (Outcome("2", SUCCEEDED, AT + 30), AT + 100), (Outcome("none", SUCCEEDED, AT + 30), AT + 100)])
    for _ in range(2):
        ends.apply(lambda uuids: {"2": task("task-received")} if "2" in uuids else {})
    assert {uuid: record.state for uuid, record in buffer.changed.items()} == {"1": "SUCCESS", "2": "SUCCESS"}
    assert buffer.measured["w@h"].reconciliation.mended == 2
