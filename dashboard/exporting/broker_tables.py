"""The figures of brokers, nodes, virtual hosts, queues and exchanges, as tables. What is unknown, or older than it holds, is None or has no row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from brokers import parts, queries
from brokers.models import Broker, Node
from brokers.queries.exported import exported_exchanges, exported_queues
from brokers.scope import Scope
from dashboard.exporting.names import FIGURES, LABELS, Wanted, fields
from dashboard.exporting.text import Row, Table, labels
from dashboard.layout import levels

_TOTALS = ("connections", "channels", "consumers", "queues")


def broker_tables(scope: Scope, brokers: Sequence[Broker], wanted: Wanted, now: datetime) -> Iterable[Table]:
    """Of these brokers; those whose figures no longer hold are left out."""
    there = [broker for broker in brokers if not levels.unavailable(broker, now)]
    yield Table(FIGURES["broker"], [(labels(LABELS["broker"], [one.name]), _of_broker(one)) for one in there])
    if wanted.takes_any("nodes"):
        yield Table(FIGURES["nodes"], _nodes(scope, _that_read(there, parts.NODES, now)))
    if wanted.takes_any("vhosts"):
        yield Table(FIGURES["vhosts"], _vhosts(scope, _that_read(there, parts.QUEUES, now)))
    if wanted.takes_any("queues"):
        yield _queues(scope, _that_read(there, parts.QUEUES, now))
    if wanted.takes_any("exchanges"):
        yield _exchanges(scope, _that_read(there, parts.EXCHANGES, now))


def _that_read(brokers: Iterable[Broker], part: str, now: datetime) -> dict[int, Broker]:
    """Those of which this part of the poll could be read, by primary key."""
    return {broker.pk: broker for broker in brokers if not levels.unread(broker, part, now)}


def _of_broker(broker: Broker) -> list[float | None]:
    return [broker.object_totals.get(field) if field in _TOTALS else getattr(broker, field) for field in fields("broker")]


def _nodes(scope: Scope, brokers: dict[int, Broker]) -> list[Row]:
    return [(labels(LABELS["nodes"], [one.broker.name, one.name]), _of_node(one)) for one in queries.nodes(scope) if one.broker_id in brokers]


def _of_node(node: Node) -> list[float | None]:
    """A node that does not run has no figures: those that are stored are of before."""
    if not node.running:
        return [0.0 if field == "running" else None for field in fields("nodes")]
    uptime = None if node.uptime_ms is None else node.uptime_ms / 1000
    return [uptime if field == "uptime_seconds" else getattr(node, field) for field in fields("nodes")]


def _vhosts(scope: Scope, brokers: dict[int, Broker]) -> list[Row]:
    there = [one for one in queries.virtual_hosts(scope) if one.broker_id in brokers and one.visible]
    return [(labels(LABELS["vhosts"], [brokers[one.broker_id].name, one.name]), [getattr(one, field) for field in fields("vhosts")]) for one in there]


def _queues(scope: Scope, brokers: dict[int, Broker]) -> Table:
    most, names = settings.METRICS_SERIES, fields("queues", without=["messages"])
    total, rows = exported_queues(scope, brokers, names, most)
    place = fields("queues").index("messages")
    found: list[Row] = []
    for broker_id, vhost, name, *values in rows:
        ready, unacknowledged = values[:2]
        values.insert(place, None if ready is None or unacknowledged is None else ready + unacknowledged)
        found.append((labels(LABELS["queues"], [brokers[broker_id].name, name, vhost]), values))
    return Table(FIGURES["queues"], found, f"the {most:,} deepest queues", total - len(found))


def _exchanges(scope: Scope, brokers: dict[int, Broker]) -> Table:
    most = settings.METRICS_SERIES
    total, rows = exported_exchanges(scope, brokers, fields("exchanges"), most)
    found = [(_exchange_labels(brokers[broker_id].name, name, vhost), values) for broker_id, vhost, name, *values in rows]
    return Table(FIGURES["exchanges"], found, f"the first {most:,} exchanges", total - len(found))


def _exchange_labels(broker: str, name: str, vhost: Any) -> str:
    """The default exchange has no name: `amq.default`, as RabbitMQ's management calls it."""
    return labels(LABELS["exchanges"], [broker, name or "amq.default", vhost])
