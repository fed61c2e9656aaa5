"""A stored task as it was at an earlier moment, from its timeline. Pure but for the kind of row it takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from workers.receiving.task_order import ENDED, RETRIED, SENT, STATES, UNKNOWN, course, times
from workers.receiving.task_state import moments_of

T = TypeVar("T", bound=Any)
_ENDS = ("ended_at", "result", "exception", "traceback", "runtime_seconds")


def as_then(task: T, at: datetime) -> T:
    """The row changed to what its moments up to `at` show. What a worker still had at that time stays as received, whatever became uncertain later."""
    moments = moments_of(task.tries)
    before = [moment for moment, moment_at in zip(moments, times(moments), strict=True) if moment_at <= at.timestamp()]
    task.tries = task.tries[: len(before)]
    task.unknown_reason, task.last_seen_state = "", None
    if not before:
        task.state, task.unknown_reason = UNKNOWN, "no event of it had been received at that time"
        task.sent_at = task.received_at = task.started_at = task.worker = task.retries = None
    else:
        found = course(before)
        task.state = STATES[found.deciding.rank]
        task.sent_at = None if found.sent is None else _moment(found.sent.at)
        task.received_at, task.started_at = _moment(found.received_at), _moment(found.started_at)
        task.worker = None if found.deciding.rank == SENT else found.deciding.worker
        task.retries = sum(moment.rank == RETRIED for moment in before)
    if task.state in ENDED:
        task.ended_at = _moment(found.decided_at)
    else:
        for field in _ENDS:
            setattr(task, field, None)
    return task


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
