"""What is stored before any poll: the id of this installation, and a row for each configured broker."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Installation


def installation_id(now: datetime) -> str:
    """The id in the names of Hareline's objects in brokers, `hareline.<id>.…`; generated once."""
    with transaction.atomic():
        found = Installation.objects.first()
        return (found or Installation.objects.create(identifier=secrets.token_hex(4), created_at=now)).identifier


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
