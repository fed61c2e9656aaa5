"""How durations are distributed, as bars of a histogram whose borders double. Pure."""

from __future__ import annotations

import math

import msgspec

from dashboard.statistics.figures import seconds_text
from workers.duration_sketch import DurationSketch

MOST_BARS = 24
WIDTH = 240


class Bar(msgspec.Struct, frozen=True):
    """`width`: of WIDTH, at least 1 where there is any."""

    text: str
    count: int
    percent: float
    width: float


def bars(sketch: DurationSketch) -> list[Bar]:
    """From the shortest to the longest, those between that are empty included; each is up to twice as long as the one before, or more where there would
    be too many. A bucket on a border counts where most of it is."""
    counted: dict[int, int] = {}
    for least, most, count in sketch.histogram():
        if most > 0:
            place = math.floor(math.log2(math.sqrt(least * most)))
            counted[place] = counted.get(place, 0) + count
    step = 1 if not counted else max(1, math.ceil((max(counted) - min(counted) + 1) / MOST_BARS))
    folded: dict[int, int] = {}
    for place, count in counted.items():
        folded[place // step] = folded.get(place // step, 0) + count
    total, highest = sketch.count, max([sketch.zeros, *folded.values()], default=0)
    found = [_bar("0 s", sketch.zeros, total, highest)] if sketch.zeros else []
    for place in range(min(folded), max(folded) + 1) if folded else ():
        ends = [2.0 ** (edge * step) for edge in (place, place + 1)]
        found.append(_bar(f"{seconds_text(ends[0])} to {seconds_text(ends[1])}", folded.get(place, 0), total, highest))
    return found


def _bar(text: str, count: int, total: int, highest: int) -> Bar:
    return Bar(text, count, 100 * count / total, max(1.0, round(WIDTH * count / highest, 1)) if count else 0.0)
