"""A task's phases as bars over one axis: where each begins and ends in per cent of the drawing's width, and where its words stand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dashboard.layout import formatting
from dashboard.tasks.timeline import MARK, Phase, long

SHARE, LEAST_SHARE = 80.0, 30.0  # of the width that time takes; the words of the last bars stand beyond
_LETTER = 1.6  # width of a letter, where the drawing is as narrow as beside the form of Send
NARROWEST = 0.4
MOST_TICKS = 5
_STEPS = tuple(step for size in (0.001, 0.01, 0.1, 1, 10) for step in (size, 2 * size, 5 * size)) + tuple(
    float(step) for step in (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)
)
_BESIDE = 0.8


class Tick(msgspec.Struct, frozen=True):
    x: str  # "12.5%"
    words: str


class Bar(msgspec.Struct, frozen=True):
    """`words_x` and `anchor` place the words after the bar, or before it where there is no room after."""

    phase: Phase
    x: str
    width: str
    words_x: str
    anchor: str
    words: str


class Drawing(msgspec.Struct, frozen=True):
    bars: list[Bar]
    ticks: list[Tick]


def drawn(phases: Sequence[Phase], now: datetime) -> Drawing:
    """The drawing; nothing in it without phases."""
    if not phases:
        return Drawing([], [])
    start = min(phase.start for phase in phases)
    whole = max(max(phase.end or now for phase in phases) - start, timedelta(milliseconds=1)).total_seconds()

    def place(moment: datetime) -> float:
        """From 0 to 1."""
        return min(1.0, max(0.0, (moment - start).total_seconds() / whole))

    places = [(phase, place(phase.start), place(phase.end or now)) for phase in phases]
    share = _share(places, now)
    bars = [_bar(phase, share * left, share * right, words_before(left, right), now) for phase, left, right in places]
    step = next((each for each in _STEPS if whole / each <= MOST_TICKS), _STEPS[-1])
    ticks = [Tick(_percent(0), formatting.clock(start))]
    ticks += [Tick(_percent(share * count * step / whole), f"+{_step_text(count * step)}") for count in range(1, min(int(whole / step), MOST_TICKS) + 1)]
    return Drawing(bars, ticks)


def words_before(left: float, right: float) -> bool:
    """Whether a bar from `left` to `right` (of 1) has its words before it: it begins late and leaves little room after it."""
    return left > 0.56 and right > 0.75


def _share(places: Sequence[tuple[Phase, float, float]], now: datetime) -> float:
    """The largest share of the width for time that leaves room for the words after each bar."""
    after = [(right, words_of(phase, now)) for phase, left, right in places if right and not words_before(left, right)]
    return max(LEAST_SHARE, min([SHARE, *((100 - _BESIDE - _LETTER * len(words)) / right for right, words in after)]))


def _bar(phase: Phase, left: float, right: float, before: bool, now: datetime) -> Bar:
    width = max(right - left, NARROWEST)
    words = words_of(phase, now)
    words_x, anchor = (left - _BESIDE, "end") if before else (left + width + _BESIDE, "start")
    return Bar(phase, _percent(left), _percent(width), _percent(words_x), anchor, words)


def words_of(phase: Phase, now: datetime) -> str:
    """What stands beside the bar: its length and how it ended, or the moment of what has no length."""
    if phase.kind == MARK:
        return phase.words or f"{phase.start:%H:%M:%S}.{phase.start.microsecond // 1000:03}"
    if phase.open_ended:
        return phase.words
    length = long(phase.lasted(now))
    if phase.words == "so far":
        return f"{length} so far"
    return f"{length}, {phase.words}" if phase.words else length


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _step_text(seconds: float) -> str:
    """
    >>> _step_text(0.02), _step_text(1.5), _step_text(10.0), _step_text(300)
    ('20 ms', '1.5 s', '10 s', '5 min')
    """
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:g} s"
    return formatting.duration(seconds)
