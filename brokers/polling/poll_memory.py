"""What one poll of a broker keeps for the next: data that changes rarely, and when it was last read."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from brokers.parts import Failure
from brokers.stats import NodeStats, Overview, QueueKey, QueueStats
from brokers.topology import WritePermission

EVERY = timedelta(seconds=30)
"""How often data that is not read at every poll is read."""

SHARE = 10
"""Data that seems to have changed is read at once, using at most a tenth of the time."""


class LastRead(msgspec.Struct, frozen=True):
    """When something was last read, and how long the broker took to respond."""

    at: datetime | None = None
    seconds: float = 0.0

    def due(self, now: datetime, changed: bool = False) -> bool:
        """True if it should be read again. `changed`: there is reason to expect another response by now."""
        if self.at is None or not timedelta(0) <= now - self.at < EVERY:  # or the clock was set back
            return True
        return changed and self.is_affordable(now)

    def is_affordable(self, now: datetime) -> bool:
        """True once ten times as long has passed as the last reading took the broker."""
        return self.at is None or (now - self.at).total_seconds() >= SHARE * self.seconds


class Permissions(msgspec.Struct, frozen=True):
    """What users may write to, sorted. `known` False: Hareline's user is not an administrator and may not list permissions."""

    known: bool
    found: tuple[WritePermission, ...] = ()


class PollMemory(msgspec.Struct):
    """Starts empty, and is reset when a poll could not be stored, so that nothing unstored counts as stored."""

    overview: Overview | None = None  # as last read
    known: dict[QueueKey, QueueStats] = {}  # type, arguments, policy… of queues, without figures
    learned: LastRead = LastRead()  # `known`
    columns_read: LastRead = LastRead()  # the columns, by a broker with many queues
    policies_at: datetime | None = None  # when `known` last learned the policies in force
    policy_definitions: object = None  # of the last topology round: a difference means that other policies may be in force
    detailed_not_before: datetime | None = None  # the Prometheus plugin failed: when to try it again
    detailed_mismatches: int = 0
    detailed_reason: str = ""
    left_out: frozenset[QueueKey] = frozenset()  # queues that the last poll's source of depths left out
    queue_keys: frozenset[QueueKey] | None = None  # of the last poll
    consumer_counts: dict[QueueKey, int | None] = {}
    object_totals: dict[str, int] = {}
    vhosts: dict[str, bool | None] = {}  # as last listed
    visible_vhosts: frozenset[str] | None = None  # None: not known yet
    nodes: list[NodeStats] | None = None  # as last listed; None: not listed yet, or not permitted
    exchange_count: int = 0
    binding_count: int | None = None  # None: not read yet
    topologies: object = None  # what was last passed on for storing
    topology: LastRead = LastRead()
    clients: LastRead = LastRead()  # consumers, connections, channels
    connections_blocked: bool = False  # whether one of them was blocked then, or about to be
    connections_listed: int | None = None  # how many connections had details when they were last listed
    consumers_listed: dict[QueueKey, int] = {}  # of the queues that were known when consumers were last listed
    active_listed: dict[QueueKey, int] = {}  # those of them that are active, where any is not
    transfers_read: LastRead = LastRead()
    plugins_absent: dict[str, datetime] = {}  # what answered 404, and when
    operator_policies_refused: bool = False
    user_tags: list[str] | None = None
    permissions: Permissions | None = None  # None: not read yet
    permissions_read: LastRead = LastRead()
    failures: dict[str, Failure] = {}  # parts that can't be read
    read_at: dict[str, datetime] = {}  # when each part was read last

    def reset(self) -> PollMemory:
        """An empty memory that keeps only the failed parts with their retry times, and the overview."""
        return PollMemory(failures=self.failures, overview=self.overview)
