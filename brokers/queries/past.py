"""Rows as they were at a past moment: the numbers from snapshots, bindings and policies from versions of the topology.

Fields without history are None or "" in these rows, which are never saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import zstandard

from brokers.errors import NotRecorded
from brokers.models import Binding, Broker, Exchange, Policy, Queue, TopologyVersion, VirtualHost
from brokers.queries.frames import moment
from brokers.queries.pages import BrokerRef, existing, visible_vhosts
from brokers.queries.recorded_versions import recorded_by
from brokers.scope import Scope
from brokers.snapshots import METRICS
from brokers.topology import Topology, decode
from brokers.visible_topology import visible_topology

_QUEUE_NOT_KEPT: dict[str, Any] = {
    "state": "", "policy": "", "operator_policy": "", "effective_policy": {}, "node": "", "message_bytes": None, "oldest_at": None,
    "oldest_estimated": False, "nobody_consumes_since": None, "nobody_since_at_least": None, "highest_depth": None,
    "leader": None, "members": None, "online": None, "delayed": None, "active_consumers": None, "still_since": None, "last_publish_at": None,
    "growth_per_second": None, "last_consumers": None, "last_consumed_at": None,
}  # fmt: skip
_BROKER_NOT_KEPT: dict[str, Any] = {
    "version": "", "erlang_version": "", "poll_ms": None, "depth_source": "", "depth_source_reason": "", "alarms": [], "limits": [],
    "object_totals": {}, "since": None, "poll_busy_seconds": None, "topology_at": None, "topology_busy_seconds": None, "topology_every_seconds": None,
    "connections_opened_per_second": None, "connections_closed_per_second": None, "channels_opened_per_second": None,
    "channels_closed_per_second": None, "queues_created_per_second": None, "queues_deleted_per_second": None, "connections_at": None,
    "channels_at": None, "consumers_at": None, "revision": 0,
}  # fmt: skip


NOT_KEPT = frozenset(_QUEUE_NOT_KEPT)
"""The fields of a queue that history does not keep."""


def broker_as_it_was(broker: Broker, at: datetime) -> Broker:
    """The row with the totals at that time; `polled_at` is when they were recorded, `poll_seconds` how often at that time. Raises NotRecorded."""
    found = moment(broker.pk, "broker", at)
    if found is None:
        raise NotRecorded(broker.name, at)
    recorded_at, then = found
    _fill([broker], {metric.name: then.column(metric.name) for metric in METRICS["broker"]})
    _forget(broker, at)
    broker.state, broker.reason, broker.polled_at, broker.tried_at = Broker.UP, "", recorded_at, recorded_at
    broker.poll_seconds = then.every_seconds or broker.poll_seconds
    return broker


def unrecorded_broker(broker: Broker, at: datetime) -> Broker:
    """The row at a moment of which nothing is recorded: all that is not fixed is unknown."""
    _fill([broker], {metric.name: {} for metric in METRICS["broker"]})
    _forget(broker, at)
    broker.state, broker.reason, broker.polled_at, broker.tried_at = Broker.NOT_RECORDED, "", None, None
    return broker


def _forget(broker: Broker, at: datetime) -> None:
    for name, value in _BROKER_NOT_KEPT.items():
        setattr(broker, name, list(value) if isinstance(value, list) else value)
    broker.past_at = at


def vhosts_as_they_were(rows: list[VirtualHost], at: datetime) -> list[VirtualHost]:
    """The rows of virtual hosts, with their broker, with their figures at that time; None where they are not recorded."""
    columns: dict[str, dict[int, float | None]] = {metric.name: {} for metric in METRICS["vhosts"]}
    for broker_id in {row.broker_id for row in rows}:
        if found := moment(broker_id, "vhosts", at):
            for name, column in columns.items():
                column.update(found[1].column(name))
    _fill(rows, columns)
    for row in rows:
        row.past_at, row.tracing, row.state = at, None, ""
    return rows


class PastQueue(msgspec.Struct):
    """What a list of queues is sorted and filtered by."""

    pk: int
    name: str
    vhost: str
    type: str
    ready: float | None = None
    unacknowledged: float | None = None
    depth: float | None = None
    consumers: float | None = None
    publish_per_second: float | None = None
    deliver_per_second: float | None = None
    ack_per_second: float | None = None
    redeliver_per_second: float | None = None
    memory_bytes: float | None = None
    state: None = None


AnyQueue = TypeVar("AnyQueue", Queue, PastQueue)


def fill_queues(rows: list[AnyQueue], at: datetime, broker_ids: Iterable[int]) -> list[AnyQueue]:
    """The rows (of queues that existed then) with their numbers at that time. Raises NotRecorded if nothing is recorded of any of the brokers."""
    _fill(rows, _numbers("queues", at, broker_ids))
    for queue in rows:
        queue.depth = None if queue.ready is None or queue.unacknowledged is None else queue.ready + queue.unacknowledged
    return rows


def queues_as_they_were(rows: list[Queue], at: datetime, broker_ids: Iterable[int]) -> list[Queue]:
    """The rows as by `fill_queues`, with the fields without history cleared, also where the queue is gone since."""
    for queue in fill_queues(rows, at, broker_ids):
        for name, value in _QUEUE_NOT_KEPT.items():
            setattr(queue, name, value)
        queue.past_at, queue.gone_at = at, None
    return rows


def exchanges_as_they_were(rows: list[Exchange], at: datetime, broker_ids: Iterable[int]) -> list[Exchange]:
    """As `queues_as_they_were`; the policy is that of the version of the topology then, publishers are unknown."""
    _fill(rows, _numbers("exchanges", at, broker_ids))
    policies = {
        (broker_id, vhost, exchange.name): exchange.policy
        for broker_id, vhost in {(row.broker_id, row.vhost) for row in rows}
        for exchange in _topology(broker_id, vhost, at).exchanges
    }
    for row in rows:
        row.policy = policies.get((row.broker_id, row.vhost, row.name), "")
        row.publishers, row.publishers_at, row.past_at, row.gone_at = None, None, at, None
    return rows


def bindings_as_they_were(scope: Scope, broker: BrokerRef | None, vhost: str | None, at: datetime) -> list[Binding]:
    """The bindings at that time, in the order of a topology, without primary keys, those of exclusive and auto-delete objects left out. Raises NotRecorded."""
    return [
        Binding(broker=owner, vhost=topology.vhost, first_seen_at=at, **msgspec.structs.asdict(binding))
        for owner, topology in _topologies(scope, broker, vhost, at)
        for binding in topology.bindings
    ]


def policies_as_they_were(scope: Scope, broker: BrokerRef | None, vhost: str | None, at: datetime) -> list[Policy]:
    """The policies at that time, highest priority first, without primary keys. Raises NotRecorded."""
    found = [
        Policy(broker=owner, vhost=topology.vhost, **msgspec.structs.asdict(policy))
        for owner, topology in _topologies(scope, broker, vhost, at)
        for policy in topology.policies
    ]
    return sorted(found, key=lambda policy: (policy.vhost, policy.operator, -policy.priority, policy.name))


def topology_as_it_was(scope: Scope, broker: Broker, vhost: str, at: datetime) -> Topology:
    """What is visible of the version in force then, without exclusive and auto-delete objects; an empty one if none was recorded yet, or where the virtual
    host did not exist then."""
    if not scope.touches(broker.name, vhost) or not VirtualHost.objects.filter(existing(at), broker=broker, name=vhost).exists():
        return Topology(vhost)
    return visible_topology(_topology(broker.pk, vhost, at), scope, broker.name)


def _numbers(kind: str, at: datetime, broker_ids: Iterable[int]) -> dict[str, dict[int, float | None]]:
    """{metric: {primary key: number}} of all these brokers."""
    found: dict[str, dict[int, float | None]] = {metric.name: {} for metric in METRICS[kind]}
    wanted = list(broker_ids)
    recorded = [then for broker_id in wanted if (then := moment(broker_id, kind, at))]
    if wanted and not recorded:
        raise NotRecorded(kind, at)
    for _, numbers_then in recorded:
        for name, column in found.items():
            column.update(numbers_then.column(name))
    return found


def _fill(rows: Iterable[Any], columns: dict[str, dict[int, float | None]]) -> None:
    for row in rows:
        for name, column in columns.items():
            setattr(row, name, column.get(row.pk))


def _topologies(scope: Scope, broker: BrokerRef | None, vhost: str | None, at: datetime) -> Iterator[tuple[Broker, Topology]]:
    where = visible_vhosts(scope, broker) & existing(at)
    hosts = VirtualHost.objects.filter(where).select_related("broker").order_by("broker__name", "name")
    found = 0
    for host in hosts if vhost is None else hosts.filter(name=vhost):
        topology = _topology(host.broker_id, host.name, at)
        found += bool(topology.exchanges)  # every virtual host has the default exchange
        yield host.broker, visible_topology(topology, scope, host.broker.name)
    if not found:
        raise NotRecorded("the topology", at)


def _topology(broker_id: int, vhost: str, at: datetime) -> Topology:
    """The version in force at a moment; an empty one if none was recorded yet."""
    version = TopologyVersion.objects.filter(recorded_by(at), broker_id=broker_id, vhost=vhost).order_by("-at", "-pk").first()
    return Topology(vhost) if version is None else decode(zstandard.decompress(bytes(version.data)))
