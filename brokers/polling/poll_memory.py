"""What one poll of a broker leaves for the next: what changes rarely, and when it was last asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from brokers.parts import Failure
from brokers.stats import NodeStats, QueueKey, QueueStats
from brokers.topology import WritePermission

EVERY = timedelta(seconds=30)
"""How often everything that is not asked for at every poll is asked for."""

SHARE = 10
"""What seems to have changed is asked for at once, but not more than a tenth of the time."""


class Asked(msgspec.Struct, frozen=True):
    """When something was last asked for, and how long the broker took to answer."""

    at: datetime | None = None
    seconds: float = 0.0

    def due(self, now: datetime, changed: bool = False) -> bool:
        """True if it is to be asked for again. `changed`: we have reason to think that the answer is another by now."""
        if self.at is None or now - self.at >= EVERY:
            return True
        return changed and (now - self.at).total_seconds() >= SHARE * self.seconds


class Permissions(msgspec.Struct, frozen=True):
    """What users may write to, sorted. `known` False: our user is no administrator, who alone may ask."""

    known: bool
    found: tuple[WritePermission, ...] = ()


class PollMemory(msgspec.Struct):
    """Starts empty; a round whose facts could not be stored starts from an empty one again, so nothing is taken for stored that isn't."""

    known: dict[QueueKey, QueueStats] = {}  # type, arguments, policy… of queues, without figures
    learned: Asked = Asked()  # `known`
    policies_at: datetime | None = None  # when `known` last learned the policies in force
    policy_definitions: object = None  # of the last topology round: others mean other policies in force
    detailed_not_before: datetime | None = None  # the Prometheus plugin failed: when to try it again
    detailed_mismatches: int = 0
    detailed_reason: str = ""
    queue_keys: frozenset[QueueKey] | None = None  # of the last poll
    consumer_counts: dict[QueueKey, int | None] = {}
    object_totals: dict[str, int] = {}
    vhosts: dict[str, bool | None] = {}  # as last told
    visible_vhosts: frozenset[str] | None = None  # None: not known yet
    nodes: list[NodeStats] | None = None  # as last told; None: not told yet, or our user may not ask
    exchange_count: int = 0
    binding_count: int | None = None  # None: not asked yet
    topologies: object = None  # what was last handed over to be stored
    topology: Asked = Asked()
    clients: Asked = Asked()  # consumers, connections, channels
    consumers_listed: dict[QueueKey, int] = {}  # of the queues that were known when consumers were last asked for
    operator_policies_refused: bool = False
    user_tags: list[str] | None = None
    permissions: Permissions | None = None  # None: not asked yet
    permissions_asked: Asked = Asked()
    failures: dict[str, Failure] = {}  # parts that can't be read

    def anew(self) -> PollMemory:
        """An empty memory, but for the parts that rest after a failure."""
        return PollMemory(failures=self.failures)
