"""The tasks that a worker node listed as running, against the number of running tasks in its heartbeat.

Pure. The list is an answer to inspect, the number is that answer's or a later heartbeat's. Where the two differ, the list is the older one and is
shown with its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dashboard.layout import formatting
from workers.inspection.answers import ACTIVE_TASKS_KEPT
from workers.models import Worker

ARGUMENTS_LENGTH = 120
LATE_AFTER = timedelta(minutes=3)
"""Nodes are inspected every few seconds, large or slow ones every minute or so."""


class RunningTask(msgspec.Struct, frozen=True):
    uuid: str
    name: str
    arguments: str  # as the worker printed them, cut
    started_at: datetime | None


class RunningList(msgspec.Struct, frozen=True):
    """`tasks` are the longest running first. `more`: tasks that run and are not among them."""

    tasks: tuple[RunningTask, ...] = ()
    more: int = 0
    nothing: str = ""  # why no task is listed
    as_of: str = ""  # "listed at 12:00:03, before it reported 2 running": the list is older than the number of used slots

    def first(self, count: int) -> RunningList:
        """The list with at most `count` tasks, the others counted in `more`."""
        return msgspec.structs.replace(self, tasks=self.tasks[:count], more=self.more + max(0, len(self.tasks) - count))


def running_list(worker: Worker) -> RunningList:
    """What the worker runs, or ran when it last answered.

    >>> running_list(Worker(state="online", active=1, active_tasks=[{"name": "a"}])).tasks[0].name
    'a'
    >>> running_list(Worker(state="online", active=0, active_tasks=[{"name": "a"}])).nothing
    'idle'
    """
    tasks = running_tasks(worker)
    if worker.state != Worker.ONLINE:
        return RunningList(tasks, nothing=_held(worker))
    if worker.active is None:
        return RunningList(nothing="running tasks unknown")
    if worker.active == 0:  # whatever was listed before has ended
        return RunningList(nothing="idle")
    if not tasks:
        why = ", not visible to you" if worker.tasks_hidden else ", not listed yet" if worker.past_at is None else "; which: not recorded"
        return RunningList(nothing=f"{formatting.count(worker.active, 'running task')}{why}")
    if worker.tasks_hidden:
        return RunningList(tasks, max(0, worker.active - len(tasks)))
    if is_older(worker):
        return RunningList(tasks, as_of=f"listed{_at(worker.active_tasks_at)}, before it reported {worker.active:,} running")
    if is_late(worker):
        return RunningList(tasks, worker.active - len(tasks), as_of=f"listed{_at(worker.active_tasks_at)}")
    return RunningList(tasks, worker.active - len(tasks))


def is_older(worker: Worker) -> bool:
    """True if the list and the number of running tasks are of two moments: a list of the same moment has as many tasks, or as many as are kept."""
    listed = len(worker.active_tasks or [])
    return worker.active != listed and not (listed == ACTIVE_TASKS_KEPT and (worker.active or 0) > listed)


def is_late(worker: Worker) -> bool:
    """True if the node went on sending heartbeats after it listed its tasks and did not list them again: as many may run now that
    are others."""
    beat, listed = worker.heartbeat_at, worker.active_tasks_at
    return beat is not None and listed is not None and beat - listed > LATE_AFTER


def running_tasks(worker: Worker) -> tuple[RunningTask, ...]:
    """The tasks that the worker listed last, longest first; those whose start is unknown last."""
    tasks = [_running(task) for task in worker.active_tasks or []]
    return tuple(sorted(tasks, key=lambda task: (task.started_at is None, task.started_at or datetime.min.replace(tzinfo=UTC))))


def _held(worker: Worker) -> str:
    held = (worker.active or 0) + (worker.reserved or 0)
    return f"{formatting.count(held, 'task')} at last contact" if held else "no tasks at last contact"


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f" at {formatting.clock(moment)}"


def _running(task: Mapping[str, Any]) -> RunningTask:
    name = str(task.get("name") or "unnamed task")
    return RunningTask(str(task.get("uuid") or ""), name, arguments_text(task.get("args")), moment(task.get("started_at")))


def moment(value: Any) -> datetime | None:
    """A stored moment (ISO 8601 text or seconds since the epoch) as a datetime; None if it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def arguments_text(arguments: Any) -> str:
    """Positional arguments as a person would write the call: "(88412, 'EUR')"; text is shown as it came, cut at 120 characters.

    >>> arguments_text([1, "a"]), arguments_text("(1, 'a')"), arguments_text(None), arguments_text([])
    ("(1, 'a')", "(1, 'a')", '', '()')
    """
    if arguments is None:
        return ""
    words = arguments if isinstance(arguments, str) else f"({', '.join(repr(each) for each in _sequence(arguments))})"
    return words if len(words) <= ARGUMENTS_LENGTH else f"{words[: ARGUMENTS_LENGTH - 1]}…"


def _sequence(arguments: Any) -> Sequence[Any]:
    return arguments if isinstance(arguments, list | tuple) else [arguments]
