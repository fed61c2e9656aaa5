"""How durations are distributed, in a few hundred bytes whatever their number: a DDSketch, whose percentiles are off by 2 % at most.

Pure. The library maps a duration to its bucket and finds percentiles; buckets are kept as {number: count}, which any order of adding and merging
leaves the same, and which JSON can hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

RELATIVE_ERROR = 0.02
SHORTEST_SECONDS = 1e-6  # what is shorter counts as 0
LONGEST_SECONDS = 1e10  # what is longer, or no number, is not a duration
_MAPPING = LogarithmicMapping(RELATIVE_ERROR)
_log2, _ceil = math.log2, math.ceil
_BUCKETS_A_DOUBLING = _MAPPING._log_gamma(2.0)
"""The library's own `key` takes three times as long; a test compares the two."""


class DurationSketch(msgspec.Struct, array_like=True, gc=False):
    """Durations in seconds."""

    buckets: dict[int, int] = {}
    zeros: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """A negative one counts as 0; infinity, NaN and what no clock can measure are left out."""
        if not seconds < LONGEST_SECONDS:
            return
        if seconds < SHORTEST_SECONDS:
            self.zeros += 1
            return
        bucket = _ceil(_log2(seconds) * _BUCKETS_A_DOUBLING)
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        self.total += seconds
        if seconds > self.longest:
            self.longest = seconds

    def merge(self, other: DurationSketch) -> None:
        buckets = self.buckets
        for bucket, count in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        self.zeros += other.zeros
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    @property
    def count(self) -> int:
        return self.zeros + sum(self.buckets.values())

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """Off by RELATIVE_ERROR at most, and never longer than the longest; None without any duration."""
        return self.percentiles([percent])[0]

    def percentiles(self, percents: Iterable[float]) -> list[float | None]:
        """As `percentile`, of several.

        >>> sketch = DurationSketch()
        >>> for seconds in range(1, 101): sketch.add(seconds)
        >>> [round(found) for found in sketch.percentiles([50, 95, 100])]
        [51, 95, 100]
        """
        found = self._of_library()
        if found.count == 0:
            return [None for _ in percents]
        return [min(self.longest, found.get_quantile_value(percent / 100) or 0.0) for percent in percents]

    def histogram(self) -> list[tuple[float, float, int]]:
        """(from, to, count) of each bucket that is not empty, in order; zeros first, from 0 to 0."""
        bounds = [(_upper(bucket - 1), _upper(bucket), self.buckets[bucket]) for bucket in sorted(self.buckets)]
        return [(0.0, 0.0, self.zeros), *bounds] if self.zeros else bounds

    def _of_library(self) -> BaseDDSketch:
        store = DenseStore()
        for bucket in sorted(self.buckets):
            store.add(bucket, self.buckets[bucket])
        return BaseDDSketch(_MAPPING, store, DenseStore(), self.zeros)


def merged(sketches: Iterable[DurationSketch]) -> DurationSketch:
    """One of all of them."""
    found = DurationSketch()
    for sketch in sketches:
        found.merge(sketch)
    return found


def _upper(bucket: int) -> float:
    return float(2.0 ** (bucket / _BUCKETS_A_DOUBLING))
