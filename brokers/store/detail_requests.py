"""Requests for details of one object, and the details that are fetched only on request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from brokers.models import Broker, Connection, DetailRequest, Exchange
from brokers.stats import PublishedTo

_WORTH_WRITING = timedelta(seconds=5)


def save_detail_request(broker_id: int, kind: str, vhost: str, name: str, until: datetime) -> None:
    """Requests details of an object (`kind` "queue", "exchange" or "connection") until that moment. Many viewers share one row, which is rarely written."""
    where: dict[str, Any] = {"broker_id": broker_id, "kind": kind, "vhost": vhost, "name": name}
    if DetailRequest.objects.filter(**where, until__gte=until - _WORTH_WRITING).exists():
        return
    DetailRequest.objects.update_or_create(**where, defaults={"until": until})


def save_publishers(exchange_id: int, publishers: list[dict[str, Any]] | None, now: datetime) -> None:
    """Stores who publishes to an exchange: [{"connection", "host", "user", "per_second"}]; None if the broker does not report them."""
    with transaction.atomic():
        Exchange.objects.filter(pk=exchange_id).update(publishers=publishers, publishers_at=now, changed_at=now)
        Broker.objects.filter(exchange__pk=exchange_id).update(revision=F("revision") + 1)


def save_published(broker_id: int, vhost: str, connection: str, published: list[PublishedTo] | None, now: datetime) -> None:
    """Stores what a connection publishes to, inside the caller's transaction; None if the broker does not count it."""
    rows = Connection.objects.filter(broker_id=broker_id, vhost=vhost, name=connection, gone_at=None)
    rows.update(publishes=None if published is None else msgspec.to_builtins(published), publishes_at=now)
