"""The tiers of history, and which of them answers for which time.

Pure. Every poll for a day, each minute for two weeks, each ten minutes for three months, unless settings say otherwise. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP

TIERS = (RAW_STEP, *STEPS)
"""The finest first; each is named by its step in seconds."""
USUAL_POINTS = 720
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


class Reach(NamedTuple):
    """From when until when a tier has anything."""

    tier: int
    first: float
    last: float


class Part(NamedTuple):
    """A time that one tier answers for."""

    tier: int
    start: float
    end: float


def plan(start: float, end: float, step: float, reaches: Sequence[Reach]) -> list[Part]:
    """Which tier answers for which part of the time from `start` to `end`, in order; nothing for a part that none reaches.

    The coarsest that is no coarser than the step, as it is the quickest to read; where none of these reaches, the finest that does.

    >>> plan(0, 900, 60, [Reach(5, 600, 900), Reach(60, 300, 840), Reach(600, 0, 600)])
    [Part(tier=600, start=0, end=300), Part(tier=60, start=300, end=840), Part(tier=5, start=840, end=900)]
    """
    cuts = sorted({start, end, *(cut for reach in reaches for cut in (reach.first, reach.last) if start < cut < end)})
    found: list[Part] = []
    for begin, until in pairwise(cuts):
        there = [reach.tier for reach in reaches if reach.first <= begin and until <= reach.last]
        if not there:
            continue
        tier = max((tier for tier in there if tier <= step), default=min(there))
        if found and found[-1].tier == tier and found[-1].end == begin:
            begin = found.pop().start
        found.append(Part(tier, begin, until))
    return found


def chosen_step(seconds: float, finest: int = RAW_STEP) -> int:
    """The step with which so long a time has at most 720 points, where nothing finer than `finest` is recorded.

    >>> chosen_step(3600), chosen_step(86_400), chosen_step(3600, finest=60), chosen_step(90 * 86_400)
    (5, 120, 60, 10800)
    """
    return next((step for step in _STEPS if step >= finest and step * USUAL_POINTS >= seconds), _STEPS[-1])
