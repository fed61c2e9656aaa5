"""What is stored before any poll: the id of this installation, and a row for each configured broker."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from brokers.addresses import BrokerAddress
from brokers.database import engine
from brokers.models import Broker, Installation

_INSTALLATION = 0x68617269


def installation_id(now: datetime) -> str:
    """The id in the names of Hareline's objects in brokers, `hareline.<id>.…`; generated once."""
    with transaction.atomic():
        engine.lock_until_committed(_INSTALLATION)
        found = Installation.objects.first()
        return (found or Installation.objects.create(identifier=secrets.token_hex(4), created_at=now)).identifier


def save_cluster_id(broker_id: int, cluster_id: str) -> None:
    """A broker that does not respond keeps the id that it had."""
    if cluster_id:
        Broker.objects.filter(pk=broker_id).exclude(cluster_id=cluster_id).update(cluster_id=cluster_id)


def save_same_cluster(broker_id: int, name: str, now: datetime) -> None:
    """Notes that this broker is the cluster of that name, under which it is watched. The rows of before stay, with their age."""
    rows = Broker.objects.filter(pk=broker_id)
    if not rows.filter(same_as=name).exists():
        reason = f"it is the same cluster as {name}, which is watched under that name"
        rows.update(same_as=name, state=Broker.UNKNOWN, reason=reason, since=now, revision=F("revision") + 1)


def ensure_brokers(addresses: Iterable[BrokerAddress], now: datetime) -> dict[str, Broker]:
    """{name: row} of the brokers of HARELINE_BROKERS. Rows of brokers that it no longer names are kept with `configured` False."""
    rows = {}
    with transaction.atomic():
        for address in addresses:
            wanted = {"configured": True, "addresses": list(address.urls)}
            row, created = Broker.objects.get_or_create(name=address.name, defaults={**wanted, "since": now})
            if not created and (not row.configured or row.addresses != wanted["addresses"]):
                row.configured, row.addresses = True, list(address.urls)
                row.revision += 1
                row.save(update_fields=["configured", "addresses", "revision"])
            rows[row.name] = row
        Broker.objects.filter(configured=True).exclude(name__in=rows).update(configured=False)
    return rows
