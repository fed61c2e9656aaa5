"""What is usual of a queue's numbers, by its own past: the median and how far numbers usually are from it (the median of their distances).

Pure. `brokers.usual_learning` learns it from snapshots, `brokers.usual_hours` has the arithmetic.
"""

from __future__ import annotations

import msgspec

MAD_TO_DEVIATION = 1.4826  # of a normal distribution
DEVIATIONS = 3.0


class Usual(msgspec.Struct, frozen=True):
    """Of one number of one queue, from so many `samples` of an hour each. `weeks`: from the same hour of the week in so many weeks; 0: from all hours of the
    last `hours`."""

    median: float
    mad: float
    samples: int
    weeks: int = 0
    hours: int = 0

    @property
    def low(self) -> float:
        """
        >>> Usual(10.0, 2.0, 5).low, Usual(1.0, 2.0, 5).low
        (1.1044, 0.0)
        """
        return max(0.0, round(self.median - DEVIATIONS * MAD_TO_DEVIATION * self.mad, 4))

    @property
    def high(self) -> float:
        return round(self.median + DEVIATIONS * MAD_TO_DEVIATION * self.mad, 4)

    @property
    def basis(self) -> str:
        """From what it was learned.

        >>> Usual(1.0, 0.0, 5, weeks=5).basis, Usual(1.0, 0.0, 60, hours=60).basis, Usual(1.0, 0.0, 7, hours=7).basis
        ('at this hour, from 5 weeks', 'from 2 days', 'from 7 h')
        """
        if self.weeks:
            return f"at this hour, from {self.weeks} weeks"
        return f"from {self.hours // 24} day{'s' * (self.hours >= 48)}" if self.hours >= 24 else f"from {self.hours} h"


DEPTH, GROWTH, CONSUMERS, OLDEST = "depth", "growth", "consumers", "oldest"
METRICS = (DEPTH, GROWTH, CONSUMERS, OLDEST)
"""Messages, messages a second, consumers, seconds (estimated from what went in and out)."""

QueueUsuals = dict[str, Usual]
"""By metric; what was never known is not there."""
