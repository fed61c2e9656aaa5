"""Rates per second from counters that only grow.

Pure. The difficulty: a broker refreshes each counter only every few seconds (RabbitMQ's `collect_statistics_interval`, 5 s), at a phase
of its own. The growth between two polls therefore flickers between nothing and double. The rule of `Meter`, which never invents growth:

1. Growth counts from one moment at which the counter was seen to have moved to another, so both ends are just after a refresh.
2. They are at least STATISTICS_SECONDS apart (less a tenth, for polls that come early), so that sums over many sources see one refresh of each.
3. What stood still before is counted for at most WINDOW_SECONDS: a queue that wakes up after an hour is not slow.
4. Where polls and refreshes fall together, a refresh can be missed narrowly and appear one poll late (nothing, one, two instead of three
   ones). After such a miss a reading that the last rate explains too, within a factor of two, changes nothing.
5. While the counter stands still the last rate holds for HOLD_SECONDS, in which the next refresh must come; after that the rate is 0.

So a steady flow reads as one steady number at any poll interval, a stop is 0 within two refreshes, and after a counter's reset, or at the
first poll, the rate is None until there is enough to compare.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

STATISTICS_SECONDS = 5.0
WINDOW_SECONDS = 10.0
HOLD_SECONDS = 7.5


class Reading(msgspec.Struct, frozen=True):
    """A counter at a moment (in seconds of any clock)."""

    at: float
    count: int


class _Level(msgspec.Struct):
    """A value the counter stood at, from when until when it was seen there."""

    count: int
    first: float
    last: float


def per_second(earlier: Reading, later: Reading) -> float | None:
    """Growth of a counter; None if it restarted or no time passed.

    >>> per_second(Reading(0, 10), Reading(5, 60))
    10.0
    """
    seconds, grown = later.at - earlier.at, later.count - earlier.count
    if seconds <= 0 or grown < 0:
        return None
    return grown / seconds


def rounded(rate: float | None) -> float | None:
    """The rate as it is kept: two decimals below 10, one below 1,000, else none, so that a steady flow doesn't jitter. Never 0 for a flow.

    >>> rounded(23.98765)
    24.0
    """
    if rate is None or rate == 0:
        return rate
    return max(round(rate, 2 if rate < 10 else 1 if rate < 1000 else 0), 0.01)


def total(rates: Iterable[float | None]) -> float | None:
    """The sum; None if any part is unknown or there is none."""
    found = list(rates)
    return sum(rate for rate in found if rate is not None) if found and None not in found else None


def known_total(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where nothing is.

    >>> known_total([1.0, None]), known_total([None])
    (1.0, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def complete_total(values: Iterable[int | None]) -> int | None:
    """The sum; None if any is unknown.

    >>> complete_total([1, 2]), complete_total([1, None]), complete_total([])
    (3, None, 0)
    """
    known = list(values)
    return None if None in known else sum(known)  # type: ignore[arg-type]


class Meter:
    """The rate of one counter from its readings, by the rules of this module."""

    __slots__ = ("_levels", "_missed", "_rate", "_statistics_seconds")

    def __init__(self, statistics_seconds: float = STATISTICS_SECONDS) -> None:
        self._levels: list[_Level] = []
        self._rate: float | None = None
        self._missed = False
        self._statistics_seconds = statistics_seconds

    def read(self, at: float, count: int | None) -> float | None:
        """The rate after this reading, rounded; None while unknown. A reading of None (not reported) discards earlier ones."""
        if count is None:
            self._levels, self._rate = [], None
        elif not self._levels or count < self._levels[-1].count or at < self._levels[-1].last:
            self._levels, self._rate = [_Level(count, at, at)], None
        elif count == self._levels[-1].count:
            self._levels[-1].last = at
            self._stand(at)
        else:
            self._levels.append(_Level(count, at, at))
            self._move(at, count)
        return self._rate

    def _stand(self, at: float) -> None:
        """No growth: hold the rate until the next refresh is overdue. From the first reading on, nothing is known before that either."""
        scale = self._statistics_seconds / STATISTICS_SECONDS
        if at - self._levels[-1].first >= HOLD_SECONDS * scale or (len(self._levels) == 1 and at - self._levels[0].first >= self._least()):
            self._rate = 0.0
            del self._levels[:-1]

    def _move(self, at: float, count: int) -> None:
        before, missed_before = self._levels[-2], self._missed
        self._missed = before.last > before.first and 1.5 < (at - before.first) / self._statistics_seconds < 2.5
        rate = self._fresh(at, count)
        explained = rate and self._rate and rate / 2.1 <= self._rate <= rate * 2.1
        if rate is not None and not (explained and (self._missed or missed_before)):
            self._rate = rate

    def _fresh(self, at: float, count: int) -> float | None:
        """The rate since the latest level that is old enough; None if there is none."""
        window = WINDOW_SECONDS * self._statistics_seconds / STATISTICS_SECONDS
        for index in range(len(self._levels) - 2, -1, -1):
            level = self._levels[index]
            moment = max(level.first, min(level.last, at - window))
            if at - moment >= self._least():
                del self._levels[:index]
                return rounded(per_second(Reading(moment, level.count), Reading(at, count)))
        return None

    def _least(self) -> float:
        return 0.9 * self._statistics_seconds
