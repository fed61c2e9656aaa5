"""The slider of the time machine: the hours around a moment, with bars where something changed and links to each stretch. Pure; what lies
across is in per cent of the width, what stands up in px."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from dashboard.layout import formatting

HEIGHT = 36
AROUND = timedelta(hours=1)
BARS = 120
STRETCHES = 12  # each a link, wide enough for a finger on a phone


class Bar(msgspec.Struct, frozen=True):
    x: float
    y: float
    height: float
    finding: bool


class Stretch(msgspec.Struct, frozen=True):
    """A part of the slider as a link: to its first change, or to its beginning; `address` is "" where nothing is recorded yet."""

    x: float
    words: str
    address: str


class Tick(msgspec.Struct, frozen=True):
    x: float
    words: str


class Slider(msgspec.Struct, frozen=True):
    start: datetime
    end: datetime
    place: float | None  # of the moment
    bars: tuple[Bar, ...]
    stretches: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]
    stretch_width: float = round(100 / STRETCHES, 3)
    bar_width: float = round(70 / BARS, 3)


def window(at: datetime, now: datetime, around: timedelta = AROUND) -> tuple[datetime, datetime]:
    """From an hour before the moment to an hour after it, no later than now.

    >>> from datetime import UTC
    >>> [f"{one:%H:%M}" for one in window(datetime(2026, 11, 24, 11, 50, tzinfo=UTC), datetime(2026, 11, 24, 12, 0, tzinfo=UTC))]
    ['10:00', '12:00']
    """
    end = min(at + around, now)
    return end - 2 * around, end


def slider(at: datetime, now: datetime, changes: Iterable[datetime], findings: Iterable[datetime], address: Callable[[datetime], str]) -> Slider:
    """The slider around a moment; `changes` are the moments of what changed, `findings` those at which one began or ended."""
    return stretch_of_time(*window(at, now), changes, findings, address, at)


def stretch_of_time(
    start: datetime, end: datetime, changes: Iterable[datetime], findings: Iterable[datetime], address: Callable[[datetime], str], at: datetime | None = None
) -> Slider:  # fmt: skip
    """The same for any stretch of time; `at` is the moment that is marked."""
    changes, findings = sorted(changes), sorted(findings)
    changed = Counter(_index(one, start, end, BARS) for one in changes)
    found = Counter(_index(one, start, end, BARS) for one in findings)
    return Slider(
        start=start,
        end=end,
        place=None if at is None else round(100 * ((at - start) / (end - start)), 2),
        bars=tuple(_bar(index, changed[index], found[index]) for index in sorted({*changed, *found})),
        stretches=tuple(_stretch(index, start, end, changes, findings, address) for index in range(STRETCHES)),
        ticks=tuple(_ticks(start, end)),
    )


def _index(at: datetime, start: datetime, end: datetime, parts: int) -> int:
    return max(0, min(parts - 1, int(parts * ((at - start) / (end - start)))))


def _bar(index: int, changes: int, findings: int) -> Bar:
    height = min(HEIGHT - 8, 3 + 3 * changes + 8 * findings)
    return Bar(round((index + 0.15) * 100 / BARS, 3), HEIGHT - height, height, findings > 0)


def _stretch(index: int, start: datetime, end: datetime, changes: list[datetime], findings: list[datetime], address: Callable[[datetime], str]) -> Stretch:
    length = (end - start) / STRETCHES
    begin = start + index * length
    here = [[one for one in each if _index(one, start, end, STRETCHES) == index] for each in (changes, findings)]
    counted = [formatting.count(len(each), word) for each, word in zip(here, ("change", "finding"), strict=True) if each]
    words = f"{begin:%H:%M} to {begin + length:%H:%M} UTC: {' and '.join(counted) or 'no change'}"
    return Stretch(round(index * 100 / STRETCHES, 3), words, address(min([one for each in here for one in each], default=begin)))


def _ticks(start: datetime, end: datetime) -> Iterable[Tick]:
    step = timedelta(minutes=30) if end - start < timedelta(hours=6) else timedelta(hours=3)
    first = start.replace(hour=start.hour // 3 * 3, minute=0, second=0, microsecond=0)
    while first < end:
        if first > start:
            yield Tick(round(100 * ((first - start) / (end - start)), 2), f"{first:%H:%M}")
        first += step
