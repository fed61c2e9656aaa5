"""What a task is and how it ended where its events say it badly: wrapped exceptions, tasks that replace themselves, revoked tasks that wait."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded, WorkerLostError

from workers.inspection.inspector import Answer
from workers.receiving.events import Event
from workers.receiving.revocations import Revocations
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import TaskRecord, apply, happenings
from workers.receiving.wrapped_exceptions import unwrapped

NOON = 1795435200.0
WRAPPED = "ExceptionWithTraceback()"


def event(kind: str, at: float, hostname: str = "w@h", **fields: Any) -> Event:
    return Event(f"task-{kind}", hostname, NOON + at, pid=1, clock=int(at * 10), uuid="t1", **fields)


def record_of(*events: Event) -> TaskRecord:
    record = TaskRecord("t1", NOON)
    for one in events:
        apply(record, one, NOON + 1000)
    return record


def reported(error: Exception) -> tuple[str, str]:
    """What a worker's main process sends of an error that it raises for a task."""
    try:
        raise error
    except type(error):
        info = ExceptionInfo()
    return repr(info.exception), info.traceback


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeLimitExceeded(2), "TimeLimitExceeded(2,)"),
        (TimeLimitExceeded(2.5), "TimeLimitExceeded(2.5,)"),
        (WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL) Job: 0."), "WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 0.')"),
        (WorkerLostError(), "WorkerLostError()"),
        (ValueError("two\nlines: 'x'"), "ValueError(\"two\\nlines: 'x'\")"),
    ],
)
def test_a_wrapped_exception_is_the_one_in_its_traceback(error: Exception, expected: str) -> None:
    exception, traceback = reported(error)
    assert exception == WRAPPED, "billiard no longer wraps: then this is not needed any more"
    record = record_of(event("received", 1), event("started", 2), event("failed", 3, exception=exception, traceback=traceback))
    assert record.exception == expected
    assert [found.detail for found in happenings(record.moments)][-1] == expected


@pytest.mark.parametrize(
    ("exception", "traceback", "expected"),
    [
        ("ValueError('no')", "Traceback (most recent call last):\n  File …\nKeyError: 1", "ValueError('no')"),
        (WRAPPED, None, WRAPPED),
        (WRAPPED, "", WRAPPED),
        (WRAPPED, "cut away", WRAPPED),
        (
            WRAPPED,
            'Traceback (most recent call last):\n  File "a"\nbilliard.einfo.ExceptionWithTraceback: \n"""\n'
            'Traceback (most recent call last):\n  File "b"\n    raise X\nshop.errors.Declined: card 7\n"""',
            "Declined('card 7')",
        ),
        (
            WRAPPED,
            'billiard.einfo.RemoteTraceback: \n"""\nTraceback (most recent call last):\n  File "b"\nKeyError: 1\n"""\n\n'
            "The above exception was the direct cause of the following exception:\n\n"
            'Traceback (most recent call last):\n  File "a"\nОшибка: да',
            "Ошибка('да')",
        ),
    ],
)
def test_only_a_wrapper_with_a_traceback_that_names_another_is_replaced(exception: str, traceback: str | None, expected: str) -> None:
    assert unwrapped(exception, traceback) == expected


REPLACED = (
    event("received", 1, name="shop.import", args="('a',)", kwargs="{}", retries=0),
    event("started", 2),
    event("sent", 3, "gen7@h", name="shop.import_part", args="(1,)", kwargs="{}", retries=0),
    event("received", 4, "v@h", name="shop.import_part", args="(1,)", kwargs="{}", retries=0),
    event("started", 5, "v@h"),
    event("succeeded", 6, "v@h", result="1", runtime=1.0),
)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 3, 0, 1, 5, 4), (3, 0, 2, 1, 4, 5)])
def test_a_task_that_replaced_itself_keeps_its_first_name_and_arguments(order: tuple[int, ...]) -> None:
    record = record_of(*(REPLACED[number] for number in order))
    assert (record.state, record.name, record.args, record.worker) == ("SUCCESS", "shop.import", "('a',)", "v@h")
    assert [(found.event, found.detail) for found in happenings(record.moments) if found.detail] == [
        ("task-sent", "shop.import_part"),
        ("task-received", "shop.import_part"),
    ]


@pytest.mark.parametrize("parent", [None, "caller"])
@pytest.mark.parametrize(("name", "later"), [("shop.pay", "t"), ("celery.accumulate", "child")])
def test_a_task_keeps_the_parent_that_called_it_when_it_is_retried_or_replaced(parent: str | None, name: str, later: str) -> None:
    events = (
        event("received", 1, name="shop.pay", parent_id=parent, root_id="r"),
        event("started", 2),
        event("sent", 3, "w@h", name=name, parent_id=later, root_id="r"),
        event("received", 4, name=name, parent_id=later, root_id="r"),
    )
    for order in permutations(events):
        record = record_of(*order)
        assert (record.parent_id, record.root_id, record.name) == (parent, "r", "shop.pay"), order


def test_a_retry_under_the_same_name_still_brings_its_own_arguments() -> None:
    events = (
        event("received", 1, name="shop.pay", args="(1,)", retries=0),
        event("retried", 3, exception="OSError()"),
        event("received", 4, name="shop.pay", args="(2,)", retries=1),
    )
    for order in permutations(events):
        record = record_of(*order)
        assert (record.name, record.args, {found.detail for found in happenings(record.moments)}) == ("shop.pay", "(2,)", {"", "OSError()"})


def answer(hostname: str, *uuids: str) -> Answer:
    return Answer(hostname, {}, datetime.fromtimestamp(NOON, UTC), "revoked", datetime.fromtimestamp(NOON, UTC), frozenset(uuids), True)


def test_a_task_that_waits_notes_who_lists_it_as_revoked_until_nobody_does() -> None:
    buffer = TaskBuffer()
    held = record_of(event("received", 1, name="shop.pay", eta="2026-11-24T12:00:00+00:00"))
    stored = TaskRecord("t2", NOON, state="PENDING", stored=True)
    ended = TaskRecord("t3", NOON, state="SUCCESS", stored=True)
    buffer.records["t1"] = held
    rows = {"t2": stored, "t3": ended}

    def load(uuids: list[str]) -> dict[str, TaskRecord]:
        return {uuid: rows[uuid] for uuid in uuids if uuid in rows}

    revocations = Revocations(buffer)
    revocations.note_answer(answer("v@h", "t1", "t2", "t3", "unknown"))
    revocations.note_answer(answer("w@h", "t1"))
    revocations.apply({"v@h", "w@h"}, load)
    assert (held.revoked_by, stored.revoked_by, ended.revoked_by) == ("w@h", "v@h", "")
    assert buffer.changed.keys() == {"t1", "t2"}
    late = TaskRecord("unknown", NOON, state="RECEIVED", worker="v@h")
    buffer.changed["unknown"] = late
    revocations.apply({"v@h", "w@h"}, load)
    assert late.revoked_by == "v@h"  # its event came after the answer
    revocations.note_answer(answer("w@h"))  # it restarted
    revocations.apply({"w@h"}, load)  # and the other is no longer known
    assert (held.revoked_by, stored.revoked_by) == ("", "")
