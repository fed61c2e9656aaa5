"""Where a task's state comes from, and when it was so: an event, its worker node's lists or answer, the result backend; and its runtime. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from dashboard.tasks import states
from workers.models import Task
from workers.receiving.task_state import moments_of
from workers.state_sources import TEXTS
from workers.task_times import NOT_STARTED, ran_seconds


class StateSource(msgspec.Struct, frozen=True):
    text: str
    at: datetime | None = None


def state_source(task: Task) -> StateSource:
    """Of a state that is unknown because its worker node is gone there is none: the page says why.

    >>> state_source(Task(state="STARTED", state_source="list")).text
    'from the lists of its worker node'
    """
    if task.state_source is not None:
        return StateSource(TEXTS.get(task.state_source, ""), task.state_source_at)
    moments = moments_of(task.tries)
    if task.state == states.UNKNOWN or not moments:
        return StateSource("")
    return StateSource("from an event", datetime.fromtimestamp(moments[-1].at, UTC))


def runtime_source(task: Task) -> str:
    """Who reported it, or why there is none.

    >>> runtime_source(Task(state="REVOKED"))
    'it never started'
    """
    if task.runtime_seconds is not None:
        return "reported by the worker"
    if task.state == "STARTED":
        return "running"
    if task.state in NOT_STARTED:
        return "not started yet"
    if task.state == "REVOKED" and task.started_at is None:
        return "it never started"
    return "only reported for successful tasks" if ran_seconds(task) is None else "from its events"
