"""What polls of a broker keep for the next ones: what changes rarely, and when it was last read.

Depths and the inventory (everything else) are read by two threads. Each has a memory of its own that it alone writes; the other reads it. What they share is
replaced as a whole, never changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from threading import Event
from typing import Any

import msgspec

from brokers.management.parse import DepthsReader, SeenExchange
from brokers.parts import CONSUMERS, Failure, Unread
from brokers.polling.budget import Budget
from brokers.stats import NamedChanges, NodeStats, Overview, QueueKey, QueueStats
from brokers.topology import Topology, WritePermission
from brokers.waiting_messages import WaitingMessages

EVERY = timedelta(seconds=30)
"""How often data that is not read at every poll is read, where it costs the broker little."""

FEW_EXCHANGES = 500

RARE_SHARE = 0.002
SIGNED_SHARE = 0.0005  # where every change has a sign: only in case one was missed
LONGEST = timedelta(minutes=10)
"""Without a sign of change each list takes at most this fraction of the broker's time, so one that costs more is read more rarely, at least this often."""

SHARE = 10
"""What is needed at once, to know whether queues still exist, is read using at most a tenth of the time."""


class LastRead(msgspec.Struct, frozen=True):
    """When something was last read, how long the broker took to respond, and the sign of change at that time."""

    at: datetime | None = None
    seconds: float = 0.0
    sign: object = None

    def due(self, now: datetime, sign: object = None, every: timedelta = EVERY) -> bool:
        """True if it should be read again: it is older than `every`, or another sign gives reason to expect another response."""
        return self.at is None or not timedelta(0) <= now - self.at < every or sign != self.sign  # or the clock was set back

    @property
    def rarely(self) -> timedelta:
        """How often to read it again where nothing depends on noticing a change soon."""
        return self._at_a_share(RARE_SHARE)

    @property
    def in_case(self) -> timedelta:
        """How often to read it again where every change has a sign."""
        return self._at_a_share(SIGNED_SHARE)

    def _at_a_share(self, share: float) -> timedelta:
        return min(max(EVERY, timedelta(seconds=self.seconds / share)), LONGEST)

    def is_affordable(self, now: datetime) -> bool:
        """True once ten times as long has passed as the last reading took the broker."""
        return self.at is None or (now - self.at).total_seconds() >= SHARE * self.seconds


class Permissions(msgspec.Struct, frozen=True):
    """What users may do, sorted, and {user: tags}. `known` False: Hareline's user is not an administrator and may not list permissions. `password_marks` as in
    `brokers.management.parse`, which are stored nowhere; `other_passwords`: the users whose mark was another one before, to whether they have a password."""

    known: bool
    found: tuple[WritePermission, ...] = ()
    users: dict[str, list[str]] | None = None
    password_marks: dict[str, str] = {}
    other_passwords: dict[str, bool] = {}


class NamedRead(msgspec.Struct, frozen=True):
    """What the topologies that were read contain: `counts` of the events that had named each virtual host, and the queues that were known."""

    counts: dict[str, int] = {}
    queue_keys: frozenset[QueueKey] = frozenset()


class ReadExchanges(msgspec.Struct, frozen=True, dict=True):
    """All exchanges that Hareline's user may view, and the virtual hosts that were known then: every visible one has an exchange."""

    at: datetime
    listed: list[SeenExchange]
    vhosts: frozenset[str]

    @cached_property
    def visible_vhosts(self) -> frozenset[str]:
        return frozenset(exchange.vhost for exchange in self.listed)


class DepthMemory(msgspec.Struct):
    """Written by the thread that reads depths."""

    overview: Overview | None = None  # as last read
    overview_read: LastRead = LastRead()
    known: dict[QueueKey, QueueStats] = {}  # type, arguments, policy… of queues, without figures
    properties_at: datetime | None = None  # the latest `InventoryMemory.properties` that `known` has, but for those that are left
    properties_left: Iterator[QueueStats] = iter(())
    columns_read: LastRead = LastRead()  # the columns, by a broker with many queues
    detailed_not_before: datetime | None = None  # the Prometheus plugin failed: when to try it again
    detailed_mismatches: int = 0
    detailed_reason: str = ""
    readers: dict[str, DepthsReader] = {}  # of the nodes' Prometheus plugins, by URL
    consumers_read: LastRead = LastRead()  # by these
    queues: dict[QueueKey, QueueStats] = {}  # as the plugins last listed them: never changed, but replaced by changed copies
    queues_known: dict[QueueKey, QueueStats] = {}  # the `known` that these were made with
    accepted: object = None  # the very mapping that the last accepted answer was read into, and the virtual hosts that were visible then
    accepted_vhosts: frozenset[str] = frozenset()
    completed: dict[QueueKey, tuple[QueueStats, QueueStats]] = {}  # those with active consumers, as they were listed and as the last poll stored them
    totals_read: LastRead = LastRead()
    left_out: frozenset[QueueKey] = frozenset()  # queues that the last poll's source of depths left out
    source: str = ""  # of the last depths: columns, totals, detailed
    queue_keys: frozenset[QueueKey] | None = None  # of the last poll
    listed: list[QueueStats] = []  # likewise, in its order
    object_totals: dict[str, int] = {}
    definitions_changed: int = 0  # how often queues or the number of exchanges changed
    definitions_sign: object = None  # another one: something may have been declared or deleted
    definitions_are_counted: bool = False  # the broker counts what changes definitions, so that sign is complete
    changes: int = 0  # how often queues, their consumers, or the broker's object totals changed
    vhosts: dict[str, bool | None] = {}  # as last listed, with those that are hidden
    stored_vhosts: frozenset[str] = frozenset()  # as an earlier process stored them
    hidden_vhosts: dict[str, datetime] = {}  # left out of the list though they exist: when that was last checked
    exchanges: ReadExchanges | None = None  # None: not read by this thread
    rates_at: datetime | None = None  # the exchanges whose counters were last passed on
    nodes: list[NodeStats] | None = None  # as last listed; None: not listed yet, or not permitted
    nodes_refused: bool = False
    uptimes: tuple[int | None, ...] = ()  # of the nodes, by which the age of their statistics is known
    uptimes_at: datetime | None = None  # when these were others last
    failures: dict[str, Failure] = {}  # parts that can't be read
    read_at: dict[str, datetime] = {}  # when each part was read last
    unread: dict[str, Unread] = {}  # the parts that the last poll did not read

    def reset(self) -> DepthMemory:
        """An empty memory that keeps only the failed parts with their retry times, and the overview."""
        return DepthMemory(failures=self.failures, overview=self.overview)


class NodeClock(msgspec.Struct, frozen=True):
    """By how many seconds a node's clock was ahead of ours at a moment."""

    at: datetime
    seconds: float


class InventoryMemory(msgspec.Struct):
    """Written by the thread that reads the inventory."""

    budget: Budget = msgspec.field(default_factory=Budget)
    is_first: bool = True  # this process reads it for the first time, which waits for no budget
    exchanges: ReadExchanges | None = None  # None: not read by this thread
    binding_count: int | None = None  # None: not read yet
    named: NamedChanges | None = None  # what the broker's event exchange has named as changed; None: its events are not received
    named_read: NamedRead = NamedRead()
    named_begun: NamedRead = NamedRead()  # the same of a reading that goes on
    topologies: tuple[dict[str, Topology], frozenset[str]] | None = None  # what was last passed on for storing
    topology: LastRead = LastRead()
    clients: LastRead = LastRead()  # consumers, connections, channels
    connections_blocked: bool = False  # whether one of them was blocked then, or about to be
    connections_listed: int | None = None  # how many connections had details when they were last listed
    consumers_changes: int = 0  # how often the list of consumers had other numbers for some queue
    consumers_listed: dict[QueueKey, int] = {}  # of the queues that were known when consumers were last listed
    consumers_listed_at: datetime | None = None  # when that was
    active_listed: dict[QueueKey, int] = {}  # those of them that are active, where any is not
    properties: dict[QueueKey, QueueStats] = {}  # type, arguments, policy… of queues, where depths come from a source without them
    properties_at: datetime | None = None
    states_read: LastRead = LastRead()  # state, leader, members: `properties` without the policies
    policies_read: LastRead = LastRead(sign=0)  # the policies in force, in `properties`
    policy_definitions: object = None  # of the last topology: a difference means that other policies may be in force
    policy_changes: int = 0  # how often they differed
    progress: dict[str, Any] = {}  # lists that are read page by page, as far as they were read
    clients_begun: frozenset[str] = frozenset()  # the lists of clients that were read already of a reading that goes on
    clients_seconds: float = 0.0  # what it has cost so far
    clients_sign: object = None  # that of change when it was begun
    waiting: dict[str, tuple[datetime, LastRead]] = {}  # parts that the budget has not allowed to read after a change: since when, and when they were read
    turn: int = 0  # which step begins the next round
    transfers_read: LastRead = LastRead()
    has_transfers: bool = False  # when they were read last
    clocks: dict[str, NodeClock] = {}  # of the nodes that were not polled, by name
    clocks_read: LastRead = LastRead()
    plugins_absent: dict[str, datetime] = {}  # what answered 404, and when
    operator_policies_refused: bool = False
    user_tags: list[str] | None = None
    permissions: Permissions | None = None  # None: not read yet
    permissions_read: LastRead = LastRead()
    failures: dict[str, Failure] = {}
    read_at: dict[str, datetime] = {}
    unread: dict[str, Unread] | None = None  # None: no round has ended yet

    def reset(self) -> InventoryMemory:
        """An empty memory that keeps only the failed parts with their retry times, and what was spent."""
        return InventoryMemory(failures=self.failures, budget=self.budget, is_first=False, named=self.named)


class PollMemory:
    """Starts empty. A half is reset when it could not be stored, so that nothing unstored counts as stored."""

    def __init__(self) -> None:
        self.depths, self.inventory = DepthMemory(), InventoryMemory()
        self.waiting = WaitingMessages()  # for the thread that reads depths
        self.depths_are_stored = Event()  # cleared while they are read and stored: the other thread begins nothing then
        self.depths_are_stored.set()

    @property
    def exchanges(self) -> ReadExchanges | None:
        """The exchanges as last read by either thread."""
        read = [one for one in (self.depths.exchanges, self.inventory.exchanges) if one is not None]
        return max(read, key=lambda one: one.at, default=None)

    @property
    def few_exchanges(self) -> bool:
        """True while every poll of the depths reads the exchanges, for the rates; else the inventory does."""
        exchanges = self.exchanges
        return exchanges is None or len(exchanges.listed) <= FEW_EXCHANGES

    @property
    def visible_vhosts(self) -> frozenset[str] | None:
        """None: not known yet."""
        exchanges = self.exchanges
        return None if exchanges is None else exchanges.visible_vhosts

    @property
    def consumers_every(self) -> timedelta:
        """How often the consumers of many queues are counted without a sign of change. The list of consumers is that sign, as long as it is read often."""
        inventory = self.inventory
        is_listed = bool(inventory.consumers_listed) and CONSUMERS not in (inventory.unread or {}) and inventory.clients.rarely <= 2 * EVERY
        return LONGEST if is_listed else EVERY

    @property
    def unread(self) -> dict[str, Unread]:
        """The parts of which only what an earlier poll read is known."""
        return {**(self.inventory.unread or {}), **self.depths.unread}
