"""The clock, passed as an argument so that tests can control it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The system clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never decreases."""
        return time.monotonic()
