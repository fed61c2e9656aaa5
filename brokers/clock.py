"""The time, as an argument: of the machine, or of a test."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from any moment on; never goes back."""
        return time.monotonic()
