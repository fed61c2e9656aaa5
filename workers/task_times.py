"""How long a task ran and how long it waited, of the moments that its events reported. Pure.

`workers.queries.task_conditions` has the same in SQL, for filters.
"""

from __future__ import annotations

from datetime import datetime

from workers.models import Task

NOT_STARTED = ("PENDING", "RECEIVED")


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
    """From when on a worker could have started it: when it was sent, or where no event reported that, received; with a later ETA, then. None if unknown."""
    since = task.sent_at or task.received_at
    return max(since, task.eta or since) if since else None


def waited_seconds(task: Task, now: datetime) -> float | None:
    """From `ready_at` until it was started, or until now while it is sent or received only; 0 before its ETA; None if unknown."""
    since, until = ready_at(task), task.started_at or (now if task.state in NOT_STARTED else None)
    return None if since is None or until is None else max(0.0, (until - since).total_seconds())
