"""Marks on charts: what happened at which moment, and which of many are drawn as one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from dashboard.layout.chart_ranges import Stretch

MOST_MARKS = 200  # of one chart, in its table and its CSV
MOST_DRAWN = 24
_MOST_TEXT = 90


class Mark(msgspec.Struct, frozen=True):
    """Something that happened, drawn as a dashed vertical with words."""

    at: datetime
    text: str
    colour: str = "axis"


def within(marks: Iterable[Mark], shown: Stretch) -> tuple[Mark, ...]:
    """Those of the stretch, the oldest first, each once; of more than 200 the latest."""
    found = {(mark.at, mark.text): mark for mark in marks if shown.start <= mark.at <= shown.end}
    return tuple(sorted(found.values(), key=lambda mark: mark.at)[-MOST_MARKS:])


def folded(marks: Sequence[Mark], shown: Stretch) -> list[Mark]:
    """The marks as they are drawn: those that are closer together than a 24th of the stretch are one, at the first of them.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> hour = Stretch(noon, noon + timedelta(hours=1))
    >>> [mark.text for mark in folded([Mark(noon, "a"), Mark(noon + timedelta(seconds=9), "b"), Mark(noon + timedelta(minutes=9), "c")], hour)]
    ['2 changes: a; b', 'c']
    """
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and (mark.at - groups[-1][0].at).total_seconds() * MOST_DRAWN < shown.seconds:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return [_one(group) for group in groups]


def _one(group: Sequence[Mark]) -> Mark:
    if len(group) == 1:
        return group[0]
    words = f"{len(group)} changes: {'; '.join(mark.text for mark in group)}"
    colour = next((mark.colour for mark in group if mark.colour != "axis"), "axis")
    return Mark(group[0].at, words if len(words) <= _MOST_TEXT else f"{words[:_MOST_TEXT].rstrip()}…", colour)
