"""What a file of tasks has in its columns: those of the list. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard.tasks.columns import USUAL, Column
from workers.models import Task
from workers.task_times import ran_seconds, waited_seconds

ENDED = "the login is over, or the permission to see these tasks was taken back."
Value = Callable[[Task, datetime], Any]


def _field(name: str) -> Value:
    return lambda task, now: getattr(task, name)


_ALWAYS: Mapping[str, Value] = {"uuid": _field("uuid"), "broker": lambda task, now: task.broker.name, "vhost": _field("vhost")}
_OF_COLUMN: Mapping[str, Mapping[str, Value]] = {
    "arguments": {"args": _field("args"), "kwargs": _field("kwargs")},
    "queue": {"queues": lambda task, now: " ".join(task.found.names) if task.found else None},
    "runtime": {"runtime_seconds": lambda task, now: ran_seconds(task)},
    "wait": {"wait_seconds": lambda task, now: waited_seconds(task, now)},
    "root": {"root_id": _field("root_id")},
    "parent": {"parent_id": _field("parent_id")},
    **{name: {f"{name}_at": _field(f"{name}_at")} for name in ("sent", "received", "started", "ended")},
}
"""Of the others the field has the name of the column."""


_WITH_USUAL = ("exception", "sent", "parent", "root")
"""Columns that a file has beside the usual ones of the list, which has no room for them."""


def fields(columns: Sequence[Column]) -> dict[str, Value]:
    """What is exported for these columns, by name; always with what identifies the task."""
    found = dict(_ALWAYS)
    keys = [column.key for column in columns]
    for key in (*keys, *(_WITH_USUAL if tuple(keys) == USUAL else ())):
        found |= _OF_COLUMN.get(key) or {key: _field(key)}
    return found


def rows(columns: Sequence[Column], tasks: Iterable[Task], now: datetime) -> Iterator[dict[str, Any]]:
    wanted = fields(columns)
    return ({name: value(task, now) for name, value in wanted.items()} for task in tasks)
