"""How long each tier of history may be kept within so many bytes.

Pure. The finest tier is shortened first, down to an hour of polls, then the next, down to a day of minutes, then the coarsest, down to a week. Where that is
still too much, all become shorter alike; but half an hour of polls is always kept, as rollups are made of it. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from brokers.tiers import TIERS

RAW = TIERS[0]
FLOORS = dict(zip(TIERS, (3600.0, 86_400.0, 7 * 86_400.0), strict=True))
LEAST_OF_POLLS = 1800.0
_SHORTEST = 600.0
"""A tier that reaches no further back says nothing about how fast it grows."""


class Stored(NamedTuple):
    """What a tier has: from when until when, in how many bytes."""

    tier: int
    first: float
    last: float
    size_bytes: float

    @property
    def seconds(self) -> float:
        return self.last - self.first


def kept_seconds(stored: Sequence[Stored], most_bytes: float) -> dict[int, float]:
    """For how long each tier is to be kept from now on so that all of them together take no more; {} if nothing has to go.

    >>> kept_seconds([Stored(5, 0, 7200, 600), Stored(60, 0, 7200, 300)], 600)
    {5: 3600.0}
    """
    excess = sum(one.size_bytes for one in stored) - most_bytes
    found: dict[int, float] = {}
    left: list[Stored] = []
    for one in sorted(stored):
        spare = max(0.0, one.seconds - FLOORS[one.tier])
        freed = min(max(excess, 0.0), one.size_bytes * spare / one.seconds) if one.seconds > 0 else 0.0
        excess -= freed
        if freed:
            found[one.tier] = one.seconds * (1 - freed / one.size_bytes)
        left.append(one._replace(first=one.last - found.get(one.tier, one.seconds), size_bytes=one.size_bytes - freed))
    if excess > 0:
        rest = most_bytes / sum(one.size_bytes for one in left)
        found = {one.tier: one.seconds * rest for one in left}
        if RAW in found:
            found[RAW] = max(found[RAW], LEAST_OF_POLLS)
    return found


def will_reach(stored: Sequence[Stored], kept: Mapping[int, float], most_bytes: float | None) -> dict[int, float]:
    """How far back each tier will reach once it has grown for long enough: as long as it is `kept`, or less if that takes too many bytes at the pace of now.

    >>> will_reach([Stored(5, 0, 3600, 100), Stored(60, 0, 3600, 10)], {5: 86_400, 60: 86_400}, 1240)
    {5: 36000.0, 60: 86400}
    """
    grown = [Stored(one.tier, 0.0, kept[one.tier], one.size_bytes / one.seconds * kept[one.tier]) for one in stored if one.seconds >= _SHORTEST]
    bounded = kept_seconds(grown, most_bytes) if most_bytes else {}
    return {one.tier: min(kept[one.tier], bounded.get(one.tier, kept[one.tier])) for one in grown}
