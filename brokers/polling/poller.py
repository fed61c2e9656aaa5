"""One poll of a broker: which questions to ask now, and their answers as facts.

Asks the management API only; storing is `brokers.store`, repeating is `brokers.polling.poll_loop`. At every poll: overview, nodes, virtual hosts,
queues (`brokers.polling.depth_sources`), exchanges; bindings and policies too while they are few. The rest every 30 s, and at once after a change.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from brokers import visibility as sight
from brokers.errors import BrokerAnswerUnusable, BrokerRefused, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.management.parse import SeenBinding, SeenExchange
from brokers.polling import depth_sources
from brokers.polling.depth_sources import Seen
from brokers.polling.poll_memory import Asked, Permissions, PollMemory
from brokers.stats import BrokerStats, ChannelStats, ConnectionStats, ConsumerStats, LimitToSight, Overview, QueueKey, QueueStats
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

FEW_OBJECTS = 2000
MOST_EXCHANGES_LOOKED_AT = 20
ADMINISTRATOR = "administrator"

Listed = TypeVar("Listed")


class Poll(msgspec.Struct):
    """A poll's facts. None: not asked this time (topologies: or as at the poll before)."""

    stats: BrokerStats
    topologies: dict[str, Topology] | None = None  # of every visible virtual host
    consumers: list[ConsumerStats] | None = None
    connections: list[ConnectionStats] | None = None
    channels: list[ChannelStats] | None = None
    permissions: Permissions | None = None  # None: not asked, or as before
    publishers: dict[QueueKey, list[dict[str, Any]] | None] = {}  # by (virtual host, exchange) of those that somebody looks at; None: unknown


def poll_once(
    api: ManagementApi,
    now: datetime,
    memory: PollMemory,
    queues_looked_at: Iterable[QueueKey] = (),
    exchanges_looked_at: Iterable[QueueKey] = (),
) -> Poll:
    """Asks the broker. Raises brokers.errors.BrokerError if it can't be asked or refuses the overview, the virtual hosts or the queues."""
    began = time.monotonic()
    limits: list[LimitToSight] = []
    overview = api.overview()
    nodes = _allowed(api.nodes)
    vhosts = api.vhosts()
    exchanges = _exchanges(api, memory, now)
    if exchanges is not None:
        memory.visible_vhosts = frozenset(exchange.vhost for exchange in exchanges)
    if nodes is None:
        memory.user_tags = memory.user_tags or api.user_tags()
        limits.append(sight.no_monitoring(api.address.user, memory.user_tags))
    limits += [sight.hidden_vhost(vhost, api.address.user) for vhost in sorted(vhosts.keys() - memory.visible_vhosts)]
    depths = depth_sources.read(api, Seen(overview, nodes, memory.visible_vhosts), memory, queues_looked_at, now)
    if not vhosts.keys() - memory.visible_vhosts and nodes is not None:
        _count_messages(overview, depths.queues.values())
    if overview.rates_mode in ("basic", "detailed"):
        _count_nothing_as_zero(overview, exchanges or [], bool(memory.visible_vhosts))
    if overview.rates_mode == "off":
        limits.append(sight.STATISTICS_OFF)
    changed = _noticed_change(memory, depths.queues, overview.object_totals)
    topologies = _topologies(api, memory, exchanges, depths.queues, changed, now)
    if memory.operator_policies_refused:
        limits.append(sight.refused("operator policies", api.address.user, memory.user_tags or []))
    stats = BrokerStats(
        at=now,
        took_ms=0.0,
        overview=overview,
        nodes=nodes or [],
        vhosts=vhosts,
        visible_vhosts=memory.visible_vhosts & vhosts.keys(),
        queues=depths.queues,
        depth_source=depths.source,
        depth_source_reason=depths.reason,
        exchanges=[exchange.stats for exchange in exchanges or []],
        limits_to_sight=limits,
    )
    poll = Poll(stats, topologies, permissions=_permissions(api, memory, now))
    if memory.clients.due(now, changed):
        _ask_clients(api, memory, poll, now)
    poll.publishers = _publishers(api, overview.rates_mode, exchanges_looked_at)
    stats.took_ms = (time.monotonic() - began) * 1000
    return poll


def _count_nothing_as_zero(overview: Overview, exchanges: list[SeenExchange], sees_something: bool) -> None:
    """The broker writes a counter once it first rose, so one that lacks stands at zero; unless we see nothing of what is counted."""
    if sees_something:
        for name in ("published", "delivered", "acknowledged", "unroutable"):
            if getattr(overview, name) is None:
                setattr(overview, name, 0)
    for exchange in exchanges:
        exchange.stats.published_in, exchange.stats.published_out = exchange.stats.published_in or 0, exchange.stats.published_out or 0


def _allowed(ask: Callable[[], Listed]) -> Listed | None:
    """The answer; None if our user may not ask, or this version of RabbitMQ does not know the question."""
    try:
        return ask()
    except (BrokerRefused, ObjectNotFound):
        return None


def _exchanges(api: ManagementApi, memory: PollMemory, now: datetime) -> list[SeenExchange] | None:
    """All visible exchanges with their counters; None if they are many and were asked for in the last 30 s."""
    if memory.exchange_count > FEW_OBJECTS and not memory.topology.due(now):
        return None
    exchanges = api.exchanges()
    memory.exchange_count = len(exchanges)
    return exchanges


def _noticed_change(memory: PollMemory, queues: dict[QueueKey, QueueStats], object_totals: dict[str, int]) -> bool:
    """True if a queue came or went, a queue's consumers changed, or the broker counts other numbers of objects than at the poll before."""
    keys, counts = frozenset(queues), {key: queue.consumers for key, queue in queues.items()}
    changed = keys != memory.queue_keys or counts != memory.consumer_counts or object_totals != memory.object_totals
    memory.queue_keys, memory.consumer_counts, memory.object_totals = keys, counts, object_totals
    return changed


def _topologies(
    api: ManagementApi, memory: PollMemory, exchanges: list[SeenExchange] | None, queues: dict[QueueKey, QueueStats], changed: bool, now: datetime
) -> dict[str, Topology] | None:
    """The topologies if it is time to ask and they are others than before. A new binding changes no number that the broker tells, so while
    bindings are few (some milliseconds) they are asked for at every poll."""
    likely = changed or (memory.binding_count or 0) <= FEW_OBJECTS
    if not memory.topology.due(now, likely):
        return None
    began = api.busy_seconds
    if exchanges is None:
        exchanges = api.exchanges()
    bindings, policies, operator_policies = api.bindings(), api.policies(), _allowed(api.operator_policies)
    memory.topology = Asked(now, api.busy_seconds - began)
    memory.binding_count, memory.operator_policies_refused = len(bindings), operator_policies is None
    topologies = _assembled(memory.visible_vhosts, exchanges, queues, bindings, [*policies, *(operator_policies or [])])
    definitions = {vhost: topology.policies for vhost, topology in topologies.items()}
    if memory.policy_definitions not in (None, definitions):
        memory.policies_at = None  # other policies may be in force: ask for them
    memory.policy_definitions = definitions
    if topologies == memory.topologies:
        return None
    memory.topologies = topologies
    return topologies


def _permissions(api: ManagementApi, memory: PollMemory, now: datetime) -> Permissions | None:
    """The permissions if it is time to ask and they are others than before. Whether we may ask is told by our user's tags: trying would write a
    warning into the broker's log each time."""
    if not memory.permissions_asked.due(now):
        return None
    began = api.busy_seconds
    memory.user_tags = api.user_tags()
    found = _allowed(api.permissions) if ADMINISTRATOR in memory.user_tags else None
    memory.permissions_asked = Asked(now, api.busy_seconds - began)
    permissions = Permissions(found is not None, tuple(sorted(found or (), key=lambda one: (one.vhost, one.user, one.exchange or "", one.write))))
    if permissions == memory.permissions:
        return None
    memory.permissions = permissions
    return permissions


def _assembled(
    visible: Iterable[str],
    exchanges: list[SeenExchange],
    queues: dict[QueueKey, QueueStats],
    bindings: list[SeenBinding],
    policies: list[tuple[str, PolicyDefinition]],
) -> dict[str, Topology]:
    found: dict[str, tuple[list[ExchangeDefinition], list[QueueDefinition], list[BindingDefinition], list[PolicyDefinition]]]
    found = {vhost: ([], [], [], []) for vhost in visible}
    nowhere: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])  # a virtual host made between two questions: next time
    for exchange in exchanges:
        found.get(exchange.vhost, nowhere)[0].append(exchange.definition)
    for (vhost, _), queue in queues.items():
        found.get(vhost, nowhere)[1].append(_definition(queue))
    for binding in bindings:
        found.get(binding.vhost, nowhere)[2].append(binding.definition)
    for vhost, policy in policies:
        found.get(vhost, nowhere)[3].append(policy)
    return {
        vhost: Topology(
            vhost,
            exchanges=tuple(sorted(of[0], key=lambda one: one.name)),
            queues=tuple(sorted(of[1], key=lambda one: one.name)),
            bindings=tuple(sorted(of[2], key=lambda one: (one.source, one.destination, one.destination_type, one.routing_key, one.properties_key))),
            policies=tuple(sorted(of[3], key=lambda one: (one.name, one.operator))),
        )
        for vhost, of in found.items()
    }


def _definition(queue: QueueStats) -> QueueDefinition:
    durable = True if queue.durable is None else queue.durable
    return QueueDefinition(queue.name, queue.type, durable, bool(queue.auto_delete), bool(queue.exclusive), queue.arguments or {})


def _ask_clients(api: ManagementApi, memory: PollMemory, poll: Poll, now: datetime) -> None:
    """Adds consumers, connections and channels. Where the broker's statistics are off it lists connections only (else: status 400)."""
    began, off = api.busy_seconds, poll.stats.overview.rates_mode == "off"
    poll.connections = api.connections()
    poll.consumers, poll.channels = ([], []) if off else (api.consumers(), api.channels())
    counted = Counter((consumer.vhost, consumer.queue) for consumer in poll.consumers)
    memory.consumers_listed = {} if off else {key: counted[key] for key in poll.stats.queues}
    memory.clients = Asked(now, api.busy_seconds - began)


def _count_messages(overview: Overview, queues: Iterable[QueueStats]) -> None:
    """Fills in the totals where the broker has none yet (no queue has told its depth since it started) or keeps none."""
    depths = [(queue.ready, queue.unacknowledged) for queue in queues]
    if overview.ready is None and all(ready is not None and unacknowledged is not None for ready, unacknowledged in depths):
        overview.ready, overview.unacknowledged = (sum(depth[place] or 0 for depth in depths) for place in (0, 1))


def _publishers(api: ManagementApi, rates_mode: str, looked_at: Iterable[QueueKey]) -> dict[QueueKey, list[dict[str, Any]] | None]:
    """Who publishes to the exchanges that somebody looks at. Only the rates mode "detailed" counts by publisher; else it is None, not nobody."""
    found: dict[QueueKey, list[dict[str, Any]] | None] = {}
    for vhost, name in list(looked_at)[:MOST_EXCHANGES_LOOKED_AT]:
        found[(vhost, name)] = None
        if rates_mode == "detailed":
            with contextlib.suppress(BrokerRefused, ObjectNotFound, BrokerAnswerUnusable):  # gone in between; a detail costs no poll
                found[(vhost, name)] = api.exchange_publishers(vhost, name)
    return found
