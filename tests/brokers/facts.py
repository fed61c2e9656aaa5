"""Polls as tests need them: a broker with some queues, at some moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.stats import BrokerStats, NodeStats, Overview, QueueStats
from brokers.store import ensure_brokers
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_broker(name: str = "prod") -> Broker:
    return ensure_brokers([BrokerAddress(name, (f"http://{name}:15672",), "u", "p")], NOON)[name]


def a_queue(name: str, **fields: Any) -> QueueStats:
    return QueueStats(**{"vhost": "/", "name": name, "type": "classic", "state": "running", "durable": True, "arguments": {}, **fields})


def a_poll(at: datetime, *queues: QueueStats, **fields: Any) -> BrokerStats:
    overview = Overview("3.10.8", "25.2", "rabbit@a", "rabbit@a", "basic", {"queues": len(queues)}, **fields.pop("overview", {}))
    return BrokerStats(
        **{
            "at": at,
            "took_ms": 12.0,
            "overview": overview,
            "nodes": [NodeStats("rabbit@a", True)],
            "vhosts": {"/": False},
            "visible_vhosts": frozenset({"/"}),
            "queues": {queue.key: queue for queue in queues},
            "depth_source": "columns",
            "consumers_at": at,
            **fields,
        }
    )


def a_topology(*bindings: tuple[str, str, str], vhost: str = "/", **fields: Any) -> Topology:
    """Direct exchanges, durable queues, and bindings (source, key, destination) between them."""
    exchanges = {"": "direct"} | {source: "topic" for source, _, _ in bindings}
    queues = sorted({destination for _, _, destination in bindings} - exchanges.keys())
    return Topology(
        **{
            "vhost": vhost,
            "exchanges": tuple(ExchangeDefinition(name, kind) for name, kind in sorted(exchanges.items())),
            "queues": tuple(QueueDefinition(name, "classic") for name in queues),
            "bindings": tuple(
                BindingDefinition(source, destination, "exchange" if destination in exchanges else "queue", key, {}, key)
                for source, key, destination in sorted(bindings, key=lambda binding: (binding[0], binding[2], binding[1]))
            ),
            **fields,
        }
    )
