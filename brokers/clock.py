"""The clock, passed as an argument so that tests can control it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

AHEAD = timedelta(seconds=5)
"""A stored moment may be that much later than now (another process's clock call, another machine's clock); one later than that was stored before the
clock was set back."""


def is_within(at: datetime, now: datetime, longest: timedelta) -> bool:
    """True if `at` is at most `longest` ago. False for a moment that is still to come: since the clock was set back nothing has been stored.

    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> [is_within(noon + timedelta(seconds=seconds), noon, timedelta(seconds=15)) for seconds in (-16, -15, 5, 6)]
    [False, True, True, False]
    """
    return -AHEAD <= now - at <= longest


def microseconds(at: datetime) -> int:
    """Since 1970.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return round(at.timestamp() * 1_000_000)


class Clock:
    """The system clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never decreases."""
        return time.monotonic()
