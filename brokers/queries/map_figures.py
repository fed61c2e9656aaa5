"""The figures of all queues and exchanges of a virtual host, for the map: few columns of very many rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from brokers.models import Exchange, Queue


class QueueFigures(NamedTuple):
    """As `brokers.models.Queue` has them."""

    id: int
    depth: int | None = None
    consumers: int | None = None
    publish_per_second: float | None = None
    deliver_per_second: float | None = None
    ack_per_second: float | None = None


class ExchangeFigures(NamedTuple):
    """As `brokers.models.Exchange` has them."""

    id: int
    publish_in_per_second: float | None = None
    publish_out_per_second: float | None = None
    publishers_at: datetime | None = None


class VhostFigures(NamedTuple):
    """By name."""

    queues: Mapping[str, QueueFigures] = {}
    exchanges: Mapping[str, ExchangeFigures] = {}


def figures(broker_id: int, vhost: str) -> VhostFigures:
    """What the broker reported last. No scope: whoever shows them knows by the topology which objects are visible."""
    here = {"broker_id": broker_id, "vhost": vhost, "gone_at": None}
    queues = Queue.objects.filter(**here).order_by().values_list("name", *QueueFigures._fields)
    exchanges = Exchange.objects.filter(**here).order_by().values_list("name", *ExchangeFigures._fields)
    return VhostFigures({name: QueueFigures(*rest) for name, *rest in queues}, {name: ExchangeFigures(*rest) for name, *rest in exchanges})
