"""The parts of a poll and of the inventory. A part that fails does not affect the others, and its last known values are kept.

Pure but for the requests it is given. A part that fails slowly is retried later, so that it cannot keep a poller waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from brokers.errors import BrokerError

Answer = TypeVar("Answer")

VHOSTS, NODES, EXCHANGES, BINDINGS, POLICIES = "virtual hosts", "nodes", "exchanges", "bindings", "policies"
OPERATOR_POLICIES, USER, PERMISSIONS = "operator policies", "the tags of Hareline’s user", "permissions"
TOPOLOGY_PARTS = (EXCHANGES, BINDINGS, POLICIES, OPERATOR_POLICIES)
CONSUMERS, CONNECTIONS, CHANNELS, PUBLISHERS = "consumers", "connections", "channels", "publishers"
TRANSFERS = "shovels and federation"
PUBLISHED = "the exchanges that connections publish to"
OVERVIEW, QUEUES = "totals and listeners", "queues"
QUEUE_DETAILS = "rates of queues on open pages"
QUEUE_COUNTERS, QUEUE_TOTALS = "rates, consumers and policies of queues", "the latest depths of queues"

INVENTORY_PARTS = frozenset({BINDINGS, POLICIES, OPERATOR_POLICIES, USER, PERMISSIONS, CONSUMERS, CONNECTIONS, CHANNELS, PUBLISHERS, PUBLISHED, TRANSFERS})
"""Those that no poll of the depths reads."""

REST_SHARE = 10
"""A failed part is retried after ten times the time it took to fail, so it uses at most a tenth of the time."""

LONGEST_REST = timedelta(minutes=1)
MOST_LOST_SECONDS = 5.0
"""Once failures of one poll took this long, the remaining parts are postponed to the next poll."""


POSTPONED = "other parts took so long to fail that it was left to the next poll"


class Failure(msgspec.Struct, frozen=True):
    """A part that cannot be read: since when, why, and when to retry."""

    since: datetime
    reason: str
    not_before: datetime


class Unread(msgspec.Struct, frozen=True):
    """A part that was not read: since when, which is when it was read last if that is known, and why."""

    since: datetime
    reason: str


class Parts:
    """The parts of one poll. `failures` comes from earlier polls and is kept up to date: {part: its failure}; so is `read_at`: {part: when it was read
    last}. `postponed`: those that this poll left out."""

    def __init__(
        self, failures: dict[str, Failure], now: datetime, monotonic: Callable[[], float] = time.monotonic, read_at: dict[str, datetime] | None = None
    ) -> None:
        self.failures, self._now, self._monotonic = failures, now, monotonic
        self.read_at = {} if read_at is None else read_at
        self.postponed: set[str] = set()
        self._lost_seconds = 0.0

    @property
    def unread(self) -> dict[str, Unread]:
        """The parts of which this poll knows only what an earlier one read."""
        found = {part: Unread(self.read_at.get(part, failure.since), failure.reason) for part, failure in self.failures.items()}
        if QUEUES in found:  # of which these are halves
            found = {part: unread for part, unread in found.items() if part not in (QUEUE_COUNTERS, QUEUE_TOTALS)}
        return {part: Unread(self.read_at.get(part, self._now), POSTPONED) for part in self.postponed} | found

    @property
    def is_full(self) -> bool:
        """True once so much time was lost that the remaining parts are postponed."""
        return self._lost_seconds >= MOST_LOST_SECONDS

    def fetch(self, part: str, request: Callable[[], Answer], always: bool = False) -> Answer | None:
        """The response; None if the part cannot be read, awaits its retry, or (unless `always`) is postponed to the next poll."""
        failed = self.failures.get(part)
        if (self.is_full and not always) or (failed is not None and self._now < failed.not_before):
            if failed is None:
                self.postponed.add(part)
            return None
        began = self._monotonic()
        try:
            answer = request()
        except BrokerError as error:
            took = self._monotonic() - began
            self._lost_seconds += took
            rest = min(timedelta(seconds=REST_SHARE * took), LONGEST_REST)
            self.failures[part] = Failure(failed.since if failed else self._now, str(error), self._now + rest)
            return None
        self.failures.pop(part, None)
        self.read_at[part] = self._now
        return answer

    def not_requested(self, part: str) -> None:
        """Nothing needs the part now (no open page shows it), so it does not fail either."""
        self.failures.pop(part, None)

    def is_failing(self, part: str) -> bool:
        return part in self.failures
