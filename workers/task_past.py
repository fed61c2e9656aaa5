"""A stored task as it was at an earlier moment, from its timeline. Pure but for the kind of row it takes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from workers.receiving.task_state import ENDED, EVENTS, RANKS, STATES, UNKNOWN, happenings

T = TypeVar("T", bound=Any)
_ENDS = ("ended_at", "result", "exception", "traceback", "runtime_seconds")


def as_then(task: T, at: datetime) -> T:
    """The row changed to what its moments up to `at` tell. What a worker still had then stays as heard: doubts of today are none of then."""
    before = [found for found in happenings(task.tries) if found.at <= at]
    task.tries = task.tries[: len(before)]
    task.unknown_reason, task.last_seen_state = "", None
    if not before:
        task.state, task.unknown_reason = UNKNOWN, "nothing of it had been heard then"
    else:
        task.state = STATES[RANKS[before[-1].event]]
    for event, field in (("task-sent", "sent_at"), ("task-received", "received_at"), ("task-started", "started_at")):
        setattr(task, field, max((found.at for found in before if found.event == event), default=None))
    workers = [found.worker for found in before if found.event != EVENTS[0]]
    task.worker = workers[-1] if workers else None
    task.retries = sum(found.event == "task-retried" for found in before) if before else None
    if task.state in ENDED:
        task.ended_at = before[-1].at
    else:
        for field in _ENDS:
            setattr(task, field, None)
    return task
