"""What a poll asks beside overview and queues, part by part: one that fails costs the others nothing, keeps what was last known, and says so.

Pure but for the questions that it is handed. A part that fails slowly is asked again later, so that it can't keep a poller busy with waiting.
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
OPERATOR_POLICIES, USER, PERMISSIONS = "operator policies", "the tags of our user", "permissions"
TOPOLOGY_PARTS = (EXCHANGES, BINDINGS, POLICIES, OPERATOR_POLICIES)
CONSUMERS, CONNECTIONS, CHANNELS, PUBLISHERS = "consumers", "connections", "channels", "publishers"
QUEUE_COUNTERS, QUEUE_TOTALS = "rates, consumers and policies of queues", "the latest depths of queues"

REST_SHARE = 10
"""A part that failed rests for ten times as long as it took to fail, so it takes at most a tenth of the time."""

LONGEST_REST = timedelta(minutes=1)
MOST_LOST_SECONDS = 5.0
"""Once parts of one poll took so long to fail, the rest of them waits for the next poll."""


class Failure(msgspec.Struct, frozen=True):
    """A part that can't be read: since when, why, and when to ask again."""

    since: datetime
    reason: str
    not_before: datetime


class Parts:
    """The parts of one poll. `failures` is what the polls before left, kept up to date: {part: its failure}."""

    def __init__(self, failures: dict[str, Failure], now: datetime, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.failures, self._now, self._monotonic = failures, now, monotonic
        self._lost_seconds = 0.0

    @property
    def is_full(self) -> bool:
        """So much time was lost already that the rest is put off."""
        return self._lost_seconds >= MOST_LOST_SECONDS

    def ask(self, part: str, question: Callable[[], Answer], always: bool = False) -> Answer | None:
        """The answer; None if the part can't be read, rests after a failure, or (unless `always`) is put off to the next poll."""
        failed = self.failures.get(part)
        if (self.is_full and not always) or (failed is not None and self._now < failed.not_before):
            return None
        began = self._monotonic()
        try:
            answer = question()
        except BrokerError as error:
            took = self._monotonic() - began
            self._lost_seconds += took
            rest = min(timedelta(seconds=REST_SHARE * took), LONGEST_REST)
            self.failures[part] = Failure(failed.since if failed else self._now, str(error), self._now + rest)
            return None
        self.failures.pop(part, None)
        return answer

    def is_failing(self, part: str) -> bool:
        return part in self.failures
