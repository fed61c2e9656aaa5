"""Tasks whose events were lost: what their worker lists puts them right and is counted, what it does not list any more is no mend."""

from __future__ import annotations

import pytest

from workers.models import Worker
from workers.presence import lost_events, mended_tasks
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import Held, WorkerEvidence
from workers.receiving.reconciliation import resumed, stored
from workers.receiving.task_buffer import TaskBuffer

RECEIVED_AT = 1_790_000_000.0
NONE: frozenset[str] = frozenset()
ONE = frozenset("1")


def buffer_with(*kinds: str) -> TaskBuffer:
    """Of task 1 on worker w@h these events were received, a second apart."""
    buffer = TaskBuffer()
    for second, kind in enumerate(kinds):
        buffer.add_event(Event(kind, "w@h", RECEIVED_AT + second, uuid="1"), RECEIVED_AT + second)
    buffer.settle({})
    return buffer


def lists(running: frozenset[str] = NONE, waiting: frozenset[str] = NONE) -> WorkerEvidence:
    return WorkerEvidence("w@h", held=Held(RECEIVED_AT + 100, running | waiting, running, waiting))


def mended(buffer: TaskBuffer) -> int:
    return buffer.measured["w@h"].reconciliation.mended


@pytest.mark.parametrize(
    ("kinds", "evidence", "state", "count"),
    [
        (("task-received",), lists(running=ONE), "STARTED", 1),
        (("task-received", "task-started"), lists(waiting=ONE), "RECEIVED", 1),
        (("task-received",), lists(waiting=ONE), "RECEIVED", 0),
        (("task-received", "task-started"), lists(running=ONE), "STARTED", 0),
        (("task-received", "task-started"), lists(), "UNKNOWN", 0),
        (("task-received", "task-started", "task-succeeded"), lists(running=ONE), "SUCCESS", 0),
    ],
)
def test_a_task_that_its_worker_lists_in_another_state_is_put_right_and_counted(
    kinds: tuple[str, ...], evidence: WorkerEvidence, state: str, count: int
) -> None:
    buffer = buffer_with(*kinds)
    buffer.assess({"1": buffer.records["1"]}, evidence)
    assert buffer.records["1"].state == state
    buffer.assess({"1": buffer.records["1"]}, evidence)  # the same lists once more
    assert mended(buffer) == count


def test_a_task_that_is_listed_again_as_it_was_is_not_counted() -> None:
    buffer = buffer_with("task-received", "task-started")
    record = buffer.records["1"]
    buffer.assess({"1": record}, lists())
    assert record.state == "UNKNOWN"
    buffer.assess({"1": record}, lists(running=ONE))
    assert (record.state, mended(buffer)) == ("STARTED", 0)


def test_the_count_outlasts_the_process_that_counted() -> None:
    buffer = buffer_with("task-received")
    buffer.assess({"1": buffer.records["1"]}, lists(running=ONE))
    assert resumed(stored(buffer.measured["w@h"].reconciliation), lost=0).mended == 1


@pytest.mark.parametrize(
    ("known", "lost", "put_right"),
    [
        ({"lost_events": 3, "processed_at_first_sight": 0}, 3, 0),
        ({"lost_events": 3, "events_off": True, "reconciliation": {"mended": 2}}, 3, 2),
        ({"processed_at_first_sight": 0}, 0, 0),
        ({}, None, 0),
        ({"processed_at_first_sight": 0, "events_off": True}, None, 0),
        ({"lost_events": -1, "processed_at_first_sight": 0, "reconciliation": {"mended": -4}}, 0, 0),
        ({"reconciliation": {"mended": "many"}}, None, 0),
    ],
)
def test_what_can_not_be_compared_is_unknown_and_no_count_is_negative(known: dict[str, object], lost: int | None, put_right: int) -> None:
    worker = Worker(**known)
    assert (lost_events(worker), mended_tasks(worker)) == (lost, put_right)
