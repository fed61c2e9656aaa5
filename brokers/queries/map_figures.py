"""The figures of all queues and exchanges of a virtual host, for the map: few columns of very many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Model

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
    queues = _rows(Queue, QueueFigures._fields, broker_id, vhost)
    exchanges = _rows(Exchange, ExchangeFigures._fields[:-1], broker_id, vhost)
    read = Exchange.objects.filter(broker_id=broker_id, vhost=vhost, gone_at=None, publishers_at__isnull=False).order_by()
    lately = dict(read.values_list("name", "publishers_at"))
    return VhostFigures(
        {name: QueueFigures(*rest) for name, *rest in queues},
        {name: ExchangeFigures(pk, into, out, lately.get(name)) for name, pk, into, out in exchanges},
    )


def _rows(model: type[Model], fields: Sequence[str], broker_id: int, vhost: str) -> list[tuple[Any, ...]]:
    """Written out: Django takes as long again to hand ten thousand rows over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, {', '.join(fields)} FROM {model._meta.db_table} WHERE broker_id = %s AND vhost = %s AND gone_at IS NULL",  # noqa: S608  (ours)
            [broker_id, vhost],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
