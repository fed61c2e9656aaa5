"""By how much counters rose lately, as far as rounds have seen them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

REMEMBERED = timedelta(minutes=10)
STEP = timedelta(seconds=15)
"""Values that come closer after another take the place of the one before."""


class Risen(msgspec.Struct, frozen=True):
    """`by` so much within the last ten minutes; `last_at` the last rise that was seen; `since`: so far back it is known."""

    by: int
    since: datetime
    last_at: datetime | None = None

    def is_short(self, now: datetime) -> bool:
        """Whether less than the ten minutes is known, as after a restart: then no rise proves nothing."""
        return now - self.since < REMEMBERED - 2 * STEP


class Counters:
    """Of one broker, by any key. One that falls was reset, and counts from there."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], deque[tuple[datetime, int]]] = {}
        self._rose_at: dict[tuple[str, int], datetime] = {}
        self._last: dict[tuple[str, int], Risen] = {}
        self._values: Mapping[tuple[str, int], int] = {}
        self._oldest: datetime | None = None  # of the latest moments that are kept of each

    def note(self, values: Mapping[tuple[str, int], int], now: datetime) -> dict[tuple[str, int], Risen]:
        """Takes the present values, and returns of each how much it rose. What is no longer among them is forgotten."""
        if values == self._values and self._oldest is not None and timedelta(0) <= now - self._oldest < STEP:  # then `_noted` has nothing to do for any
            return self._last
        self._seen = {key: self._seen.get(key) or deque() for key in values}
        self._rose_at = {key: at for key, at in self._rose_at.items() if key in values}
        self._last = {key: self._noted(key, value, now) for key, value in values.items()}
        self._values, self._oldest = values, min((seen[-1][0] for seen in self._seen.values()), default=None)
        return self._last

    def _noted(self, key: tuple[str, int], value: int, now: datetime) -> Risen:
        seen = self._seen[key]
        if seen and seen[-1][1] == value and timedelta(0) <= now - seen[-1][0] < STEP:  # hundreds of counters hardly ever rise
            return self._last[key]
        if seen and (value < seen[-1][1] or now < seen[-1][0]):  # reset, or the clock was set back
            seen.clear()
        if seen and value > seen[-1][1]:
            self._rose_at[key] = now
        if len(seen) > 2 and now - seen[-2][0] < STEP:
            seen.pop()
        seen.append((now, value))
        while len(seen) > 1 and now - seen[1][0] >= REMEMBERED:
            seen.popleft()
        rose_at = self._rose_at.get(key)
        return Risen(value - seen[0][1], seen[0][0], rose_at if value > seen[0][1] else None)
