"""How many tasks a worker ends a second: the growth of its counts over the last seconds. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import msgspec

WINDOW = timedelta(seconds=10)
SAMPLE_EVERY = timedelta(seconds=1)


class Throughput(msgspec.Struct):
    """Samples of (moment, succeeded, failed), counts since first seen, at most one a second."""

    samples: deque[tuple[datetime, int, int]] = msgspec.field(default_factory=deque)

    def note(self, at: datetime, succeeded: int, failed: int) -> None:
        if self.samples and (at - self.samples[-1][0] < SAMPLE_EVERY):
            return
        self.samples.append((at, succeeded, failed))
        while len(self.samples) > 2 and at - self.samples[1][0] >= WINDOW:
            self.samples.popleft()

    def per_second(self) -> tuple[float, float] | None:
        """(succeeded, failed) a second, rounded to hundredths; None until two samples are there."""
        if len(self.samples) < 2:
            return None
        (began, succeeded_then, failed_then), (ended, succeeded, failed) = self.samples[0], self.samples[-1]
        seconds = (ended - began).total_seconds()
        if seconds <= 0 or succeeded < succeeded_then or failed < failed_then:
            return None
        return round((succeeded - succeeded_then) / seconds, 2), round((failed - failed_then) / seconds, 2)
