"""How long a task ran and how long it waited, of the moments that its events reported. Pure.

`workers.queries.task_conditions` has the same in SQL, for filters.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from workers.models import Task

T = TypeVar("T", datetime, float)
NOT_STARTED = ("PENDING", "RECEIVED")
MAY_BE_HELD = (*NOT_STARTED, "RETRY")


def ran_seconds(task: Task) -> float | None:
    """How long its last try ran: as its worker reported, which it does for successful tasks only, else from started to ended; None if unknown."""
    if task.runtime_seconds is not None or task.started_at is None or task.ended_at is None or task.ended_at < task.started_at:
        return task.runtime_seconds
    return (task.ended_at - task.started_at).total_seconds()


def runtime_so_far(task: Task, now: datetime) -> float | None:
    """The same, of a task that runs until now."""
    if task.state == "STARTED" and task.started_at is not None:
        return max(0.0, (now - task.started_at).total_seconds())
    return ran_seconds(task)


def ready_at(task: Task) -> datetime | None:
    """From when on a worker could have started it: when it was sent, or where no event reported that, received; with a later ETA, then. Of a later try it is
    when that was received, since `sent_at` is that of the first. None if unknown."""
    return ready(None if task.retries and task.received_at else task.sent_at, task.received_at, task.eta)


def ready(sent_at: T | None, received_at: T | None, eta: T | None) -> T | None:
    """The same of moments, whether as datetimes or as seconds since 1970.

    >>> ready(None, 3.0, 5.0), ready(1.0, 3.0, None), ready(None, None, 5.0)
    (5.0, 1.0, None)
    """
    since = received_at if sent_at is None else sent_at
    return since if since is None or eta is None or eta < since else eta


def waited_seconds(task: Task, now: datetime) -> float | None:
    """From `ready_at` until it was started, or until now while it is sent or received only; 0 before its ETA; None if unknown."""
    since, until = ready_at(task), task.started_at or (now if task.state in NOT_STARTED else None)
    return None if since is None or until is None else max(0.0, (until - since).total_seconds())


def eta_seconds(task: Task, now: datetime) -> float | None:
    """How long until its ETA, before which no worker starts it; None of a task that waits for none, a retry with a countdown included."""
    if task.state not in MAY_BE_HELD or task.eta is None or task.eta <= now:
        return None
    return (task.eta - now).total_seconds()
