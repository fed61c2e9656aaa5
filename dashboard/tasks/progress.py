"""The custom events of a task as its page shows them: by type, the latest as a bar or in words, and a few before.

An event is a bar only where its numbers show how much there is to do: `current` of `total`, or `percent`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from dashboard.layout import formatting
from workers import queries
from workers.custom_events import DONE, HIDDEN, PERCENT, TOTAL, CustomEvent, Progress, Value, progress
from workers.models import Task

PROGRESS = "task-progress"


class Earlier(msgspec.Struct, frozen=True):
    at: datetime
    words: str


class Reported(msgspec.Struct, frozen=True):
    """The latest event of one type. `percent` "": no bar. `fields`: what the bar and its words leave out."""

    type: str
    at: datetime
    worker: str
    words: str
    percent: str = ""
    fields: list[tuple[str, str]] = []
    left_out: str = ""
    earlier: list[Earlier] = []


class Reports:
    """Of one task, read where a part of its page shows them."""

    def __init__(self, task: Task) -> None:
        self._task = task

    @cached_property
    def _events(self) -> list[CustomEvent]:
        return queries.custom_events(self._task)

    @property
    def listed(self) -> list[Reported]:
        return reported(self._events)

    @property
    def hide_texts(self) -> bool:
        """Whether texts were left out, which the person may not see."""
        return any(value == HIDDEN for event in self._events for value in event.fields.values())


def reported(events: Sequence[CustomEvent]) -> list[Reported]:
    """A task's events by type: its progress first, then the others, the latest first."""
    by_type: dict[str, list[CustomEvent]] = {}
    for event in reversed(events):
        by_type.setdefault(event.type, []).append(event)
    return sorted((_reported(of_type) for of_type in by_type.values()), key=lambda found: found.type != PROGRESS)


def _reported(events: Sequence[CustomEvent]) -> Reported:
    """`events`: of one type, the latest first."""
    event, before = events[0], events[1:]
    found = progress(event.fields)
    shown = _in_bar(event, found)
    return Reported(
        event.type,
        _moment(event.at),
        event.worker,
        _words(found) or ("" if event.fields else "no fields"),
        "" if found.share is None else f"{round(100 * found.share, 1):g}",
        [(name, value_text(value)) for name, value in event.fields.items() if name not in shown],
        f"{formatting.count(event.left_out, 'more field')} not kept" if event.left_out else "",
        [Earlier(_moment(one.at), _words(progress(one.fields)) or _line(one)) for one in before],
    )


def _in_bar(event: CustomEvent, found: Progress) -> set[str]:
    """The fields that the words of the bar contain."""
    values = {found.text} if found.text else set()
    shown = {name for name, value in event.fields.items() if isinstance(value, str) and value in values}
    if found.total is not None:
        shown |= {name for name in (*DONE, *TOTAL) if event.fields.get(name) in (found.done, found.total)}
    elif found.share is not None:
        shown |= {name for name in PERCENT if name in event.fields}
    return shown


def _words(found: Progress) -> str:
    """ "3 of 10 (30 %): packing"; "" where it has neither numbers nor a text."""
    if found.share is None:
        return found.text
    percent = f"{round(100 * found.share, 1):g} %"
    numbers = percent if found.total is None else f"{value_text(found.done)} of {value_text(found.total)} ({percent})"
    return f"{numbers}: {found.text}" if found.text else numbers


def _line(event: CustomEvent) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in event.fields.items()) or "no fields"


def value_text(value: Value) -> str:
    """As JSON has it, but texts bare and numbers readable.

    >>> [value_text(value) for value in (None, True, 1200, 0.25, "x")]
    ['null', 'true', '1,200', '0.25', 'x']
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return formatting.number(value) if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
