"""How much of a broker's time the inventory may take. Pure.

Each request is paid for by a pause of twenty times as long, so that a list that costs the broker a second is followed by no other for twenty. What costs
little is not held up: up to a quarter of a second is free every five seconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta

SHARE = 0.05
"""The broker may spend at most this fraction of its time on the inventory."""

BURST_SECONDS = 5.0
"""How far in advance it may be spent."""


class Budget:
    """
    >>> from datetime import UTC
    >>> budget, noon = Budget(), datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> budget.spend(noon, 1.0)
    >>> budget.allows(noon + timedelta(seconds=14)), budget.allows(noon + timedelta(seconds=15))
    (False, True)
    """

    def __init__(self) -> None:
        self._paid_at: datetime | None = None  # when everything spent so far is paid for

    def spend(self, now: datetime, seconds: float) -> None:
        """Notes that the broker was busy for us."""
        begins = now if self._paid_at is None else max(self._paid_at, now)
        self._paid_at = begins + timedelta(seconds=seconds / SHARE)

    def allows(self, now: datetime) -> bool:
        """True if another request may be made."""
        return self.wait_seconds(now) == 0

    def wait_seconds(self, now: datetime) -> float:
        """How long the next request has to wait; 0.0 if it may be made now."""
        return 0.0 if self._paid_at is None else max((self._paid_at - now).total_seconds() - BURST_SECONDS, 0.0)
