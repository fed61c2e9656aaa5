"""Depths and rates of queues at two moments, or of two virtual hosts, side by side. Pure.

None is unknown, and so is a difference of which one side is; a queue that does not exist on one side has no numbers there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

COLUMNS = ("depth", "ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second")
SORTS = ("name", *COLUMNS)
Numbers = tuple[float | None, ...]
"""In the order of COLUMNS."""
Figures = Mapping[tuple[str, str], Numbers]
"""{(virtual host, queue): its numbers}."""


class FigureRow(msgspec.Struct, frozen=True):
    """One queue; `before` or `after` is None where it does not exist."""

    vhost: str
    name: str
    before: Numbers | None
    after: Numbers | None

    def difference(self, column: str) -> float | None:
        """
        >>> FigureRow("/", "mail", (5, 5, 0, 1, None, 0.0, 0.0), (8, 8, 0, 1, 2.0, 0.0, 0.0)).difference("depth")
        3
        """
        was, now = self.numbers(column)
        return None if was is None or now is None else round(now - was, 2)

    def numbers(self, column: str) -> tuple[float | None, float | None]:
        place = COLUMNS.index(column)
        return (self.before[place] if self.before else None), (self.after[place] if self.after else None)

    @property
    def differs(self) -> bool:
        return any(self.difference(column) for column in COLUMNS)

    def as_json(self) -> dict[str, Any]:
        sides = {side: dict(zip(COLUMNS, numbers, strict=True)) if numbers else None for side, numbers in (("before", self.before), ("after", self.after))}
        return {"kind": "queue", "vhost": self.vhost, "name": self.name, **sides, "difference": {column: self.difference(column) for column in COLUMNS}}


def side_by_side(before: Figures, after: Figures, *, as_one: bool = False) -> list[FigureRow]:
    """By virtual host and name. `as_one`: each side is one virtual host, and queues of the same name belong together."""
    if as_one:
        was, now = ({("", name): (vhost, numbers) for (vhost, name), numbers in side.items()} for side in (before, after))
    else:
        was, now = ({key: (key[0], numbers) for key, numbers in side.items()} for side in (before, after))
    found = []
    for key in sorted(was.keys() | now.keys()):
        old, new = was.get(key), now.get(key)
        vhost = (old or new or ("", ()))[0]
        found.append(FigureRow(vhost, key[1], old and old[1], new and new[1]))
    return found


def ordered(rows: Iterable[FigureRow], sort: str) -> list[FigureRow]:
    """By the size of the difference in a column, whichever its direction; "-depth": the largest first, "depth": the smallest. Unknown ones come last.

    Raises ValueError for another sort, with what is allowed.
    """
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    if column not in SORTS:
        raise ValueError(f"unknown sort {sort!r}; allowed, each also with a leading -: {', '.join(SORTS)}")
    by_name = sorted(rows, key=lambda row: (row.name.casefold(), row.vhost), reverse=column == "name" and descending)
    if column == "name":
        return by_name
    known = [(abs(difference), row) for row in by_name if (difference := row.difference(column)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + [row for row in by_name if row.difference(column) is None]
