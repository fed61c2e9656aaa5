"""One poll of a broker: which requests to make now, and their responses as data.

Uses the management API only; storing is `brokers.store`, repeating is `brokers.polling.poll_loop`. At every poll: overview, nodes, virtual hosts,
queues (`brokers.polling.depth_sources`), exchanges; bindings and policies too while they are few. The rest every 30 s, and at once after a change.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from brokers import parts as parts_of_polls
from brokers import visibility
from brokers.errors import BrokerError, BrokerRefused
from brokers.management.management_api import ManagementApi
from brokers.management.parse import SeenExchange
from brokers.parts import TOPOLOGY_PARTS, Parts
from brokers.polling import depth_sources
from brokers.polling.broker_totals import count_messages, missing_counters_to_zero
from brokers.polling.depth_sources import Depths, Seen
from brokers.polling.poll_memory import LastRead, Permissions, PollMemory
from brokers.polling.polled_topology import assembled, read_topology
from brokers.polling.transfers import transfers
from brokers.polling.viewed_objects import Published, Publishers, published, publishers
from brokers.stats import (
    BrokerStats,
    ChannelStats,
    ConnectionStats,
    ConsumerStats,
    NodeStats,
    Overview,
    QueueKey,
    QueueStats,
    TransferStats,
    VhostStats,
    VisibilityLimit,
)
from brokers.topology import Topology

FEW_OBJECTS = 2000
ADMINISTRATOR = "administrator"
FIGURES = ("ready", "unacknowledged", "published", "delivered", "acknowledged", "unroutable")  # of the overview

Listed = TypeVar("Listed")


class Poll(msgspec.Struct):
    """The data of a poll. None: not read this time (topologies: or unchanged since the previous poll)."""

    stats: BrokerStats
    topologies: dict[str, Topology] | None = None  # of every visible virtual host
    topology_unread: frozenset[str] = frozenset()  # the parts that the topologies lack because they can't be read
    consumers: list[ConsumerStats] | None = None
    connections: list[ConnectionStats] | None = None
    channels: list[ChannelStats] | None = None
    permissions: Permissions | None = None  # None: not read, or unchanged
    publishers: Publishers = {}  # of the exchanges on an open page; None: unknown
    published: Published = {}  # of the connections on an open page; None: unknown
    transfers: list[TransferStats] | None = None


def poll_once(
    api: ManagementApi,
    now: datetime,
    memory: PollMemory,
    viewed_queues: Iterable[QueueKey] = (),
    viewed_exchanges: Iterable[QueueKey] = (),
    viewed_connections: Iterable[QueueKey] = (),
) -> Poll:
    """Polls the broker. Raises brokers.errors.BrokerError if it answers neither the overview nor the list of virtual hosts. Any other part that
    cannot be read is named in `stats.failed`, and its stored rows are kept."""
    began = time.monotonic()
    parts = Parts(memory.failures, now, read_at=memory.read_at)
    overview, listed = _overview_and_vhosts(api, memory, parts)
    nodes = _nodes(api, memory, parts)
    exchanges = _exchanges(api, memory, parts, now)
    memory.vhosts = {vhost.name: vhost.tracing for vhost in listed} if listed is not None else memory.vhosts
    if exchanges is not None:
        memory.visible_vhosts = frozenset(exchange.vhost for exchange in exchanges)
    limits = _limits(api, memory, parts, nodes)
    seen = Seen(overview, memory.nodes, memory.vhosts.keys() if memory.visible_vhosts is None else memory.visible_vhosts)
    read = parts.fetch(parts_of_polls.QUEUES, partial(depth_sources.read, api, seen, memory, parts, viewed_queues, now), always=True)
    depths = read or Depths({}, "")
    # A virtual host with a listed queue is visible; the others are unknown until exchanges are listed
    visible = frozenset(vhost for vhost, _ in depths.queues) if memory.visible_vhosts is None else memory.visible_vhosts
    vhosts = memory.vhosts if listed is not None else {**dict.fromkeys(visible), **memory.vhosts}
    if read:
        count_messages(overview, depths.queues.values(), sees_all=not vhosts.keys() - visible and memory.nodes is not None)
    if overview.rates_mode in ("basic", "detailed") and not parts.is_failing(parts_of_polls.OVERVIEW):
        missing_counters_to_zero(overview, exchanges or [], bool(visible), [vhost for vhost in listed or () if vhost.name in visible])
    if overview.rates_mode == "off":
        limits.append(visibility.STATISTICS_OFF)
    changed = read is not None and _has_changed(memory, depths.queues, overview.object_totals)
    stats = BrokerStats(
        at=now,
        took_ms=0.0,
        overview=overview,
        nodes=nodes or [],
        vhosts=vhosts,
        visible_vhosts=visible & vhosts.keys(),
        queues=depths.queues,
        depth_source=depths.source,
        depth_source_reason=depths.reason,
        exchanges=[exchange.stats for exchange in exchanges or []],
        vhost_counters={vhost.name: vhost for vhost in listed or ()},
        lists_all=depths.lists_all,
    )
    poll = Poll(stats)
    _read_topologies(api, memory, parts, poll, exchanges, changed)
    if memory.operator_policies_refused:
        limits.append(visibility.refused("operator policies", api.address.user, memory.user_tags))
    poll.permissions = _permissions(api, memory, parts, now)
    _read_clients(api, memory, parts, poll, changed)
    _note_active_consumers(memory, stats.queues)
    poll.publishers = publishers(api, parts, overview.rates_mode, viewed_exchanges)
    poll.transfers = transfers(api, memory, parts, now)
    poll.published = published(api, parts, overview.rates_mode, viewed_connections)
    stats.visibility_limits = [*limits, *visibility.unread(parts.unread)]
    stats.failed = frozenset(parts.unread)
    stats.took_ms = (time.monotonic() - began) * 1000
    return poll


def _overview_and_vhosts(api: ManagementApi, memory: PollMemory, parts: Parts) -> tuple[Overview, list[VhostStats] | None]:
    """The overview, without its figures if it cannot be read; and the virtual hosts, None if they cannot. Raises the overview's error if neither can."""
    failures: list[BrokerError] = []

    def overview() -> Overview:
        try:
            return api.overview()
        except BrokerError as error:
            failures.append(error)
            raise

    found = parts.fetch(parts_of_polls.OVERVIEW, overview, always=True)
    listed = parts.fetch(parts_of_polls.VHOSTS, api.vhosts, always=found is None)
    if found is None and listed is None:
        if failures:
            raise failures[0]
        found = api.overview()  # it was not tried, as it lately took long to fail
        parts.not_requested(parts_of_polls.OVERVIEW)
    if found is not None:
        memory.overview = found
        return msgspec.structs.replace(found), listed
    known = memory.overview or Overview("", "", "", "", "", {})
    return msgspec.structs.replace(known, churn={}, **dict.fromkeys(FIGURES)), listed


def _nodes(api: ManagementApi, memory: PollMemory, parts: Parts) -> list[NodeStats] | None:
    """The nodes; [] if Hareline's user may not list them, None if they cannot be read now."""

    def unless_refused() -> list[NodeStats]:
        try:
            return api.nodes()
        except BrokerRefused:
            return []

    nodes = parts.fetch(parts_of_polls.NODES, unless_refused)
    if nodes is not None:
        memory.nodes = nodes or None
    return nodes


def _limits(api: ManagementApi, memory: PollMemory, parts: Parts, nodes: list[NodeStats] | None) -> list[VisibilityLimit]:
    """What is not visible of nodes and virtual hosts."""
    limits = []
    if nodes == []:
        memory.user_tags = memory.user_tags or parts.fetch(parts_of_polls.USER, api.user_tags)
        limits.append(visibility.no_monitoring(api.address.user, memory.user_tags))
    if memory.visible_vhosts is not None:
        limits += [visibility.hidden_vhost(vhost, api.address.user) for vhost in sorted(memory.vhosts.keys() - memory.visible_vhosts)]
    return limits


def _exchanges(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> list[SeenExchange] | None:
    """All visible exchanges with their counters; None if they cannot be read, or are many and were read in the last 30 s."""
    if memory.exchange_count > FEW_OBJECTS and not memory.topology.due(now):
        return None
    exchanges = parts.fetch(parts_of_polls.EXCHANGES, api.exchanges)
    memory.exchange_count = memory.exchange_count if exchanges is None else len(exchanges)
    return exchanges


def _has_changed(memory: PollMemory, queues: dict[QueueKey, QueueStats], object_totals: dict[str, int]) -> bool:
    """True if queues were added or deleted, a queue's consumers changed, or the broker's object totals changed since the previous poll."""
    keys, counts = frozenset(queues), {key: queue.consumers for key, queue in queues.items()}
    changed = keys != memory.queue_keys or counts != memory.consumer_counts or object_totals != memory.object_totals
    memory.queue_keys, memory.consumer_counts, memory.object_totals = keys, counts, object_totals
    return changed


def _read_topologies(api: ManagementApi, memory: PollMemory, parts: Parts, poll: Poll, exchanges: list[SeenExchange] | None, changed: bool) -> None:
    """Adds the topologies if they are due and have changed. A new binding changes no number that the broker reports, so while bindings are few
    (some milliseconds) they are read at every poll."""
    now = poll.stats.at
    likely = changed or (memory.binding_count or 0) <= FEW_OBJECTS or any(map(parts.is_failing, TOPOLOGY_PARTS))
    if not memory.topology.due(now, likely):
        return
    began = api.busy_seconds
    read = read_topology(api, memory, parts, exchanges)
    if any(answer is None and not parts.is_failing(part) for part, answer in read.items()):
        return  # postponed: an earlier part took too long
    memory.topology = LastRead(now, api.busy_seconds - began)
    visible = poll.stats.visible_vhosts if memory.visible_vhosts is None else memory.visible_vhosts
    lost = parts.is_failing(parts_of_polls.QUEUES)
    queues = memory.known if lost else poll.stats.queues
    topologies, unread = assembled(visible, read, queues), frozenset(part for part, answer in read.items() if answer is None)
    unread |= {parts_of_polls.QUEUES} if lost and not queues else frozenset()
    definitions = {vhost: topology.policies for vhost, topology in topologies.items()}
    if not unread & {parts_of_polls.POLICIES, parts_of_polls.OPERATOR_POLICIES}:
        if memory.policy_definitions not in (None, definitions):
            memory.policies_at = None  # other policies may be in force: read them
        memory.policy_definitions = definitions
    if (topologies, unread) != memory.topologies:
        memory.topologies = (topologies, unread)
        poll.topologies, poll.topology_unread = topologies, unread


def _permissions(api: ManagementApi, memory: PollMemory, parts: Parts, now: datetime) -> Permissions | None:
    """The permissions if they are due and have changed. The user's tags show whether listing them is permitted: trying would write a warning to the
    broker's log each time."""
    if not memory.permissions_read.due(now, any(map(parts.is_failing, (parts_of_polls.USER, parts_of_polls.PERMISSIONS)))):
        return None
    began = api.busy_seconds
    tags = parts.fetch(parts_of_polls.USER, api.user_tags)
    if tags is None:
        return None
    memory.user_tags = tags
    permissions = parts.fetch(parts_of_polls.PERMISSIONS, lambda: _permissions_found(api)) if ADMINISTRATOR in tags else Permissions(False)
    if permissions is None:
        return None
    memory.permissions_read = LastRead(now, api.busy_seconds - began)
    if permissions == memory.permissions:
        return None
    memory.permissions = permissions
    return permissions


def _permissions_found(api: ManagementApi) -> Permissions:
    try:
        found = api.permissions()
    except BrokerRefused:
        return Permissions(False)
    return Permissions(True, tuple(sorted(found, key=lambda one: (one.vhost, one.user, one.exchange or "", one.write))))


def _read_clients(api: ManagementApi, memory: PollMemory, parts: Parts, poll: Poll, changed: bool) -> None:
    """Adds consumers, connections and channels if they are due or could not be read before. A broker without statistics lists connections only (the
    others return status 400). They take at most a tenth of the time: 10,000 connections cost the broker some seconds."""
    now, off = poll.stats.at, poll.stats.overview.rates_mode == "off"
    began, due = api.busy_seconds, memory.clients.due(now, changed or _connections_differ(memory, poll.stats)) and memory.clients.is_affordable(now)

    def fetch(part: str, request: Callable[[], list[Listed]]) -> list[Listed] | None:
        return parts.fetch(part, request) if due or parts.is_failing(part) else None

    poll.connections = fetch(parts_of_polls.CONNECTIONS, api.connections)
    if poll.connections is not None:
        memory.connections_listed = len(poll.connections)
        memory.connections_blocked = any(one.state in ("blocked", "blocking") for one in poll.connections)
    if not off:
        poll.consumers, poll.channels = fetch(parts_of_polls.CONSUMERS, api.consumers), fetch(parts_of_polls.CHANNELS, api.channels)
    elif due:
        poll.consumers, poll.channels = [], []
    if poll.stats.overview.rates_mode == "none":  # counters without rates: those of an idle channel are missing too
        for channel in poll.channels or ():
            channel.publish_per_second = channel.deliver_per_second = channel.ack_per_second = None
    if poll.consumers is not None:
        counted = Counter((consumer.vhost, consumer.queue) for consumer in poll.consumers)
        memory.consumers_listed = {} if off else {key: counted[key] for key in poll.stats.queues or memory.known}
        inactive = Counter((consumer.vhost, consumer.queue) for consumer in poll.consumers if consumer.active is False)
        memory.active_listed = {key: counted[key] - count for key, count in inactive.items()}
    if due and not parts.is_full:
        memory.clients = LastRead(now, api.busy_seconds - began)


def _connections_differ(memory: PollMemory, stats: BrokerStats) -> bool:
    """True while connections are likely others than those last listed: RabbitMQ counts one some seconds before it lists its details, and an alarm blocks
    them, and frees them, some seconds after it is reported."""
    alarmed = any(node.memory_alarm or node.disk_alarm for node in stats.nodes)
    incomplete = memory.connections_listed is not None and stats.overview.object_totals.get("connections", 0) > memory.connections_listed
    return incomplete or alarmed or memory.connections_blocked


def _note_active_consumers(memory: PollMemory, queues: dict[QueueKey, QueueStats]) -> None:
    """Adds how many consumers are active, while the list of consumers has as many as the queue counts."""
    for key, queue in queues.items():
        if queue.consumers and memory.consumers_listed.get(key) == queue.consumers:
            queue.active_consumers = memory.active_listed.get(key, queue.consumers)
