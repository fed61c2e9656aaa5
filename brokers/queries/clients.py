"""Queries for clients: consumers, connections, channels. They have no history: a past moment raises NotRecorded."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from brokers.errors import NotRecorded
from brokers.models import Channel, Connection, Consumer
from brokers.queries.pages import BrokerRef, in_scope
from brokers.scope import Scope


def consumers(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, queue: str | None = None, at: datetime | None = None) -> list[Consumer]:
    """Consumers by queue and connection."""
    _only_now("consumers", at)
    rows = Consumer.objects.filter(in_scope(scope, broker, vhost))
    if queue is not None:
        rows = rows.filter(queue=queue)
    return list(rows.order_by("vhost", "queue", "connection_name", "channel_name", "tag"))


def connections(
    scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None, names: Collection[str] | None = None
) -> list[Connection]:
    """Connections by name; `names`: only these."""
    _only_now("connections", at)
    rows = Connection.objects.filter(in_scope(scope, broker, vhost))
    return list((rows if names is None else rows.filter(name__in=names)).order_by("name"))


def channels(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None) -> list[Channel]:
    _only_now("channels", at)
    return list(Channel.objects.filter(in_scope(scope, broker, vhost)).order_by("connection_name", "number"))


def _only_now(what: str, at: datetime | None) -> None:
    if at is not None:
        raise NotRecorded(what, at)
