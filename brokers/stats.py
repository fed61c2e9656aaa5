"""The data of one poll as typed structs: no JSON field names, no database.

Pure. None always means that the broker did not report a value, never zero. Counters are totals; rates come from `brokers.rates`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

QueueKey = tuple[str, str]
"""(virtual host, queue name)."""

COUNTERS = ("published", "delivered", "acknowledged", "redelivered")
"""The counters of a queue, as fields of QueueStats."""


class QueueStats(msgspec.Struct, gc=False):
    """One queue at the moment of a poll."""

    vhost: str
    name: str
    type: str = ""
    state: str = ""
    durable: bool | None = None
    auto_delete: bool | None = None
    exclusive: bool | None = None
    arguments: dict[str, Any] | None = None
    policy: str | None = None
    operator_policy: str | None = None
    effective_policy: dict[str, Any] | None = None
    node: str = ""
    leader: str | None = None  # of a quorum queue or stream; "": it has none
    members: list[str] | None = None  # the nodes that have a copy of it
    online: list[str] | None = None  # those of them that run
    ready: int | None = None
    unacknowledged: int | None = None
    delayed: int | None = None  # waiting for their next delivery (4.3)
    consumers: int | None = None
    active_consumers: int | None = None  # of those: as the queue reports it where only one may be active, else as the list of consumers has it
    memory_bytes: int | None = None
    message_bytes: int | None = None
    oldest_at: datetime | None = None
    published: int | None = None  # counters
    delivered: int | None = None  # deliver_get: to consumers and basic.get, redeliveries included
    acknowledged: int | None = None
    redelivered: int | None = None
    counted_together: bool = False  # its consumers were counted at the same moment as its messages

    @property
    def key(self) -> QueueKey:
        return (self.vhost, self.name)

    @property
    def depth(self) -> int | None:
        """Ready + unacknowledged + delayed; None while either of the first two is unknown."""
        return None if self.ready is None or self.unacknowledged is None else self.ready + self.unacknowledged + (self.delayed or 0)


class NodeStats(msgspec.Struct):
    name: str
    running: bool
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None
    memory_alarm: bool | None = None
    disk_free_bytes: int | None = None
    disk_free_limit_bytes: int | None = None
    disk_alarm: bool | None = None
    file_descriptors_used: int | None = None
    file_descriptors_total: int | None = None
    sockets_used: int | None = None
    sockets_total: int | None = None
    processes_used: int | None = None
    processes_total: int | None = None
    run_queue: int | None = None
    uptime_ms: int | None = None
    partitions: list[str] = []
    clock_skew_seconds: float | None = None  # by how much its clock is ahead of ours, at `clock_at` (`brokers.management.node_clock`)
    clock_at: datetime | None = None
    transactions: int | None = None  # of Mnesia: grows with each queue, exchange, binding or policy that is made or deleted. None: kept elsewhere (Khepri)


class Listener(msgspec.Struct, frozen=True):
    """A port that a node listens at. Protocols as RabbitMQ names them: amqp, amqp/ssl, http, https…"""

    node: str
    protocol: str
    port: int


class Overview(msgspec.Struct):
    """`GET /api/overview`."""

    version: str
    erlang_version: str
    cluster_name: str
    node: str
    rates_mode: str
    object_totals: dict[str, int]  # queues, exchanges, consumers, connections, channels: of the whole broker
    ready: int | None = None  # queue_totals: of the virtual hosts the user may view
    unacknowledged: int | None = None
    published: int | None = None  # counters of message_stats
    delivered: int | None = None
    acknowledged: int | None = None
    unroutable: int | None = None  # drop_unroutable + return_unroutable
    listeners: tuple[Listener, ...] = ()  # of AMQP and the management API; () also where the broker does not report them to this user
    metrics_port: int | None = None
    is_rabbitmq: bool = True  # False: LavinMQ, whose API is alike
    clock_seconds: float | None = None  # by how much the clock of `node` is ahead of ours
    churn: dict[str, int] = {}  # counters of churn_rates: connection_created, connection_closed, channel_…, queue_created, queue_deleted


class ConsumerStats(msgspec.Struct):
    vhost: str
    queue: str
    tag: str
    connection_name: str = ""
    channel_name: str = ""
    peer_host: str = ""
    peer_port: int | None = None
    user: str = ""
    ack_required: bool | None = None
    exclusive: bool | None = None
    active: bool | None = None
    activity_status: str = ""
    prefetch: int | None = None
    arguments: dict[str, Any] = {}


class ConnectionStats(msgspec.Struct):
    vhost: str
    name: str
    user: str
    peer_host: str
    provided_name: str = ""
    peer_port: int | None = None
    node: str = ""
    state: str = ""
    product: str = ""
    channels: int | None = None
    connected_at: datetime | None = None
    tls: bool | None = None
    protocol: str = ""
    received_bytes_per_second: float | None = None
    sent_bytes_per_second: float | None = None


class ChannelStats(msgspec.Struct):
    vhost: str
    name: str
    connection_name: str
    number: int
    consumers: int | None = None
    prefetch: int | None = None
    global_prefetch: int | None = None
    unacknowledged: int | None = None
    confirms: bool | None = None
    state: str = ""
    unconfirmed: int | None = None
    publish_per_second: float | None = None
    deliver_per_second: float | None = None
    ack_per_second: float | None = None


class PublishedTo(msgspec.Struct):
    """An exchange that a connection publishes to, with the rate of all its channels; counted only in the broker's rates mode "detailed"."""

    exchange: str
    per_second: float | None


SHOVEL, SHOVEL_STATUS = "shovel", "shovel status"
UPSTREAM, UPSTREAM_SET, LINK = "upstream", "upstream set", "federation link"


class TransferStats(msgspec.Struct):
    """What is defined or running of shovels and federation. `kind` is one of the constants above; `facts` hold masked addresses only."""

    vhost: str
    kind: str
    name: str
    facts: dict[str, Any]


class ExchangeStats(msgspec.Struct):
    """Counters of an exchange."""

    vhost: str
    name: str
    published_in: int | None = None
    published_out: int | None = None


class VhostStats(msgspec.Struct):
    """A virtual host with its counters."""

    name: str
    tracing: bool | None = None
    published: int | None = None
    delivered: int | None = None
    acknowledged: int | None = None
    default_queue_type: str = ""  # "undefined": it has none of its own; "": not reported


class VisibilityLimit(msgspec.Struct, frozen=True):
    """Something that is not visible: what, why, and the command that would grant access, "" if there is none.

    `part` and `since` name a part of the poll that fails (see `brokers.parts`); its last known values are still shown.
    """

    vhost: str | None
    what: str
    why: str
    grant: str = ""
    part: str = ""
    since: datetime | None = None


class BrokerStats(msgspec.Struct):
    """All data of one poll. `queues` holds every queue that the user may view."""

    at: datetime
    took_ms: float
    overview: Overview
    nodes: list[NodeStats]
    vhosts: dict[str, bool | None]  # name: tracing
    visible_vhosts: frozenset[str]
    queues: dict[QueueKey, QueueStats]
    depth_source: str  # columns, totals, detailed
    depth_source_reason: str = ""
    exchanges: list[ExchangeStats] = []
    exchanges_at: datetime | None = None  # when these were read; None: with the rest
    overview_at: datetime | None = None  # likewise the overview
    visibility_limits: list[VisibilityLimit] = []
    inventory_known: bool = True  # False: what cannot be read of the inventory is not among these limits yet
    vhost_counters: dict[str, VhostStats] = {}
    lists_all: bool = True  # a visible queue that is not in `queues` does not exist
    busy_seconds: float | None = None  # how long the broker worked for this poll
    consumers_at: datetime | None = None  # the numbers of consumers are no older, the depths are of `at`; None: unknown
    failed: frozenset[str] = frozenset()  # the parts (see `brokers.parts`) that could not be read: their stored rows are kept


class Actor(msgspec.Struct, frozen=True):
    """Who changed a definition, as the broker's event exchange says: `kind`, `vhost` and `name` as of a change; `what`: added, gone, or set, which is either
    added or changed."""

    kind: str
    what: str
    vhost: str
    name: str
    who: str


class NamedChanges(msgspec.Struct, frozen=True):
    """What the broker's event exchange named as changed. `counts`: how many events named each virtual host; `everything`: how often anything may have
    changed. Both only grow, but counts of virtual hosts that are gone are left out once `everything` has grown."""

    counts: dict[str, int]
    everything: int
