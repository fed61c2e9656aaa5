"""What differs between two ranges, and whether more than chance explains it. Pure.

Counts and shares: more than three standard deviations, if tasks come and fail independently of each other. Percentiles: the ranges in which they
lie with the same certainty don't touch, and differ by more than the sketch's own error. Fewer than 20 tasks on a side are too few for either.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import msgspec

from dashboard.layout import formatting
from dashboard.statistics.figures import percent_text, seconds_text
from workers.duration_sketch import RELATIVE_ERROR, DurationSketch
from workers.task_statistics import Counted

DEVIATIONS = 3.0
FEWEST = 20
RATES = ("Ended", "Retries")
NOT_WHOLE: dict[str, Any] = {"change": "", "is_noticeable": None, "why_not": "a part of the time before was not counted"}
Bounds = tuple[float, float]


class Difference(msgspec.Struct, frozen=True):
    """`is_noticeable` None: it can't be said, and `why_not`."""

    what: str
    before: float | None
    after: float | None
    before_text: str
    after_text: str
    change: str
    is_noticeable: bool | None
    why_not: str = "too few tasks to say"

    @property
    def verdict(self) -> str:
        return self.why_not if self.is_noticeable is None else "noticeable" if self.is_noticeable else "within chance"


def differences(before: Counted, after: Counted, before_length: timedelta, after_length: timedelta, is_whole: bool = True) -> list[Difference]:
    """Of `after` against `before`; counts are compared as rates, since the ranges may differ in length. Not `is_whole`: a part of the time before was not
    counted, so that its rates are too low."""
    lengths = before_length.total_seconds(), after_length.total_seconds()
    found = [_rate("Ended", before.ended, after.ended, *lengths), _share(before, after), _rate("Retries", before.retried, after.retried, *lengths)]
    for what, name in (("Runtime", "runtimes"), ("Wait", "waits")):
        found += [_percentile(f"{what} p{percent}", getattr(before, name), getattr(after, name), percent) for percent in (50, 95, 99)]
    return found if is_whole else [msgspec.structs.replace(one, **NOT_WHOLE) if one.what in RATES else one for one in found]


def _rate(what: str, before: int, after: int, before_seconds: float, after_seconds: float) -> Difference:
    rates = before / max(before_seconds, 1), after / max(after_seconds, 1)
    noticeable = None
    if before + after >= FEWEST:
        expected = before_seconds / (before_seconds + after_seconds)
        total = before + after
        noticeable = abs(before - total * expected) > DEVIATIONS * math.sqrt(total * expected * (1 - expected))
    texts = [f"{count:,} ({formatting.rate(rate)}/s)" for count, rate in zip((before, after), rates, strict=True)]
    return Difference(what, before, after, texts[0], texts[1], _relative(*rates), noticeable)


def _share(before: Counted, after: Counted) -> Difference:
    shares, noticeable = (before.failed_share, after.failed_share), None
    if shares[0] is not None and shares[1] is not None and min(before.ended, after.ended) >= FEWEST:
        both = (before.failed + after.failed) / (before.ended + after.ended)
        deviation = math.sqrt(both * (1 - both) * (1 / before.ended + 1 / after.ended))
        noticeable = abs(shares[1] - shares[0]) > DEVIATIONS * deviation
    percents = [None if share is None else 100 * share for share in shares]
    change = "" if percents[0] is None or percents[1] is None else "the same" if percents[0] == percents[1] else f"{percents[1] - percents[0]:+.1f} points"
    return Difference("Failed", percents[0], percents[1], percent_text(percents[0]), percent_text(percents[1]), change, noticeable)


def _percentile(what: str, before: DurationSketch, after: DurationSketch, percent: int) -> Difference:
    found = before.percentile(percent), after.percentile(percent)
    noticeable = None
    if min(before.count, after.count) >= FEWEST:
        (least, most), (other_least, other_most) = bounds(before, percent), bounds(after, percent)
        noticeable = most * (1 + RELATIVE_ERROR) < other_least * (1 - RELATIVE_ERROR) or other_most * (1 + RELATIVE_ERROR) < least * (1 - RELATIVE_ERROR)
    change = "" if found[0] is None or found[1] is None else _relative(found[0], found[1])
    return Difference(what, *found, seconds_text(found[0]), seconds_text(found[1]), change, noticeable)


def bounds(sketch: DurationSketch, percent: float) -> Bounds:
    """Between which durations a percentile of many such tasks lies: those whose ranks are three standard deviations away."""
    share, count = percent / 100, sketch.count
    spread = DEVIATIONS * math.sqrt(share * (1 - share) / count)
    least, most = sketch.percentiles([100 * max(0.0, share - spread), 100 * min(1.0, share + spread)])
    return least or 0.0, most or 0.0


def _relative(before: float, after: float) -> str:
    """ "+12 %", "3.0 times"; "" where it was nothing."""
    if before == after:
        return "the same"
    if before <= 0:
        return ""
    ratio = after / before
    return f"{ratio:.1f} times" if ratio >= 2 else f"{100 * (ratio - 1):+.0f} %"
