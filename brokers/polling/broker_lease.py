"""The right of this process to poll a broker, renewed also during a long poll. Both threads of a broker hold the same one."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connection

from brokers.clock import Clock
from brokers.polling import leases

log = structlog.get_logger(__name__)

LEASE_SECONDS = 30.0
RENEWED_EVERY = LEASE_SECONDS / 3  # with a request of at most 15 s (Limits.total_seconds) in between, the lease never runs out during a poll


class LeaseLost(Exception):
    """Another process polls this broker now."""


class BrokerLease:
    """`name` of its row. `seconds`, how long it lasts from each `hold`, grows with the interval of polls."""

    def __init__(self, broker: str, holder: str, clock: Clock) -> None:
        self.seconds = LEASE_SECONDS
        self.name, self._broker, self._holder, self._clock = f"poll {broker}", broker, holder, clock
        self._held_at = 0.0
        self._released = False
        self._held = False

    def hold(self) -> bool:
        """True if it is ours from now on. False, too, after `release`."""
        if self._released:
            return False
        held = leases.take(self.name, self._holder, self._clock.now(), self.seconds)
        self._held_at = self._clock.monotonic()
        if self._released:  # meanwhile
            leases.release(self.name, self._holder)
        self._note(held)
        return held

    def resume(self) -> None:
        """It may be held again, after `release`. Only for the thread that released it."""
        self._released = False

    def _note(self, held: bool) -> None:
        if held != self._held:
            self._held = held
            log.info("lease_taken" if held else "lease_not_ours", lease=self.name)

    def renew(self) -> None:
        """Before each request. Raises LeaseLost if another process has the lease by now."""
        if self._clock.monotonic() - self._held_at < RENEWED_EVERY:
            return
        try:
            held = self.hold()
        except DatabaseError as error:  # storing takes the lease again, or loses the round
            log.warning("lease_not_renewed", broker=self._broker, reason=str(error))
            connection.close()
            return
        if not held:
            raise LeaseLost

    def release(self) -> None:
        """Until `resume`."""
        self._released = True
        self._note(False)
        leases.release(self.name, self._holder)
