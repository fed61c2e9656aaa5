"""How long a queue lasts at its rates, and how many more processes would empty it in time.

Pure. The formula: seconds = depth / (acknowledged per second − published per second), with the averages of a window. The range: the same with the tenth and
the ninetieth percentile of that difference over parts of the window. Where a rate is unknown, so is the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

PARTS = 10  # of a window
LEAST_PARTS = 3  # with both rates
LOW, HIGH = 0.1, 0.9
LONGEST_SECONDS = 366 * 86400.0  # beyond it a time is as good as never
KEEPS_UP_SECONDS, KEEPS_UP_SHARE = 10.0, 1.1
Outcome = Literal["empty", "keeps_up", "drains", "never", "unknown"]
Course = Sequence[float | None]


class Drain(msgspec.Struct, frozen=True):
    """`seconds` at the average rate; `soonest` and `latest` of the range, None: never at that rate. `publish` and `ack` are averages a second."""

    outcome: Outcome
    seconds: float | None = None
    soonest: float | None = None
    latest: float | None = None
    publish: float | None = None
    ack: float | None = None
    why: str = ""


def drain(depth: int | None, publish: Course, ack: Course) -> Drain:
    """The time by the two courses of a window, which have a value for the same moments.

    >>> drain(60, [1.0] * 10, [2.0] * 10).seconds
    60.0
    """
    pairs = [_averages(each) for each in _parts(list(zip(publish, ack, strict=False)))]
    known = [pair for pair in pairs if pair is not None]
    if len(known) < min(LEAST_PARTS, PARTS):
        return Drain("unknown", why="its rates were not recorded for long enough in this window")
    published, acknowledged = (sum(column) / len(known) for column in zip(*known, strict=True))
    if depth is None:
        return Drain("unknown", publish=published, ack=acknowledged, why="its depth is not reported")
    if depth == 0:
        return Drain("empty", 0.0, 0.0, 0.0, published, acknowledged)
    nets = sorted(out - into for into, out in known)
    net = acknowledged - published
    seconds = _seconds(depth, net)
    soonest, latest = _seconds(depth, max(net, _quantile(nets, HIGH))), _seconds(depth, min(net, _quantile(nets, LOW)))
    return Drain(_outcome(depth, seconds, published, acknowledged), seconds, soonest, latest, published, acknowledged)


def more_processes(found: Drain, depth: int | None, per_slot: float | None, within_seconds: float) -> int | None:
    """How many more processes empty it within that time: (depth / time + published − acknowledged) / what one slot does a second, rounded up; 0 if it is
    empty by then anyway; None where that is not known.

    >>> more_processes(drain(3600, [2.0] * 10, [1.0] * 10), 3600, 0.5, 3600)
    4
    """
    if depth is None or found.publish is None or found.ack is None or within_seconds <= 0:
        return None
    needed = depth / within_seconds + found.publish - found.ack
    if depth == 0 or needed <= 0:
        return 0
    return None if not per_slot or per_slot <= 0 else math.ceil(round(needed / per_slot, 6))


def per_slot_second(ended: Sequence[Course], active: Sequence[Course]) -> float | None:
    """Tasks that one used slot ends a second, by the courses of several nodes: of each what it ended a second, and how many slots it used, at the same
    moments. None where no slot was used, nothing ended, or no moment has both.

    >>> per_slot_second([[1.0, 2.0]], [[2, 4]])
    0.5
    """
    done = used = 0.0
    for rates, slots in zip(ended, active, strict=True):
        for rate, slot in zip(rates, slots, strict=False):
            if rate is not None and slot is not None:
                done, used = done + rate, used + slot
    return done / used if used > 0 and done > 0 else None


def _outcome(depth: int, seconds: float | None, published: float, acknowledged: float) -> Outcome:
    """A queue whose messages leave within KEEPS_UP_SECONDS, and into which hardly more comes than goes out, is not one that fills."""
    if seconds is not None:
        return "drains"
    keeps_up = depth <= acknowledged * KEEPS_UP_SECONDS and published <= acknowledged * KEEPS_UP_SHARE
    return "keeps_up" if keeps_up else "never"


def _seconds(depth: int, net: float) -> float | None:
    return depth / net if net > 0 and depth / net <= LONGEST_SECONDS else None


def _parts(pairs: list[tuple[float | None, float | None]]) -> list[list[tuple[float | None, float | None]]]:
    bounds = [round(at * len(pairs) / PARTS) for at in range(PARTS + 1)]
    return [pairs[begin:end] for begin, end in pairwise(bounds)]


def _averages(pairs: list[tuple[float | None, float | None]]) -> tuple[float, float] | None:
    known = [(into, out) for into, out in pairs if into is not None and out is not None]
    if not known:
        return None
    return sum(into for into, _ in known) / len(known), sum(out for _, out in known) / len(known)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest, as the median of an even number is."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
