"""Stores what a round has read, in one transaction, so that no reader sees a part of it: a poll of the depths, or the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from brokers.models import Broker, Exchange, Transfer
from brokers.stats import BrokerStats, TransferStats
from brokers.store.detail_requests import save_published, save_publishers
from brokers.store.memory import BrokerMemory
from brokers.store.permissions import note_permissions_read, save_permissions
from brokers.store.polls import save_limits, save_poll
from brokers.store.rows import replace_rows
from brokers.store.topologies import PreparedTopology

if TYPE_CHECKING:
    from brokers.polling.inventory import Inventory


def save_depths(broker_id: int, stats: BrokerStats, now: datetime, memory: BrokerMemory, may_store: Callable[[], bool]) -> bool:
    """True if all of it is stored; False, and nothing is, if `may_store`, called inside the transaction, returns False. If it raises, nothing is stored
    either, and the memory is cleared."""
    stored = False
    try:
        with transaction.atomic():
            if not may_store():
                return False
            save_poll(broker_id, stats, now, memory)
        stored = True
    finally:
        if not stored:
            memory.forget()
    return True


def save_inventory(broker_id: int, inventory: Inventory, memory: BrokerMemory, may_store: Callable[[], bool]) -> bool:
    """The same for the inventory."""
    read, clients = inventory.topologies, inventory.clients
    changed = read.topologies if read and read.changed else None
    prepared, stored = None, False
    if changed is not None or clients.were_read:
        unread = read.unread if read else ()
        earlier = {} if changed is None else _read_before(broker_id, changed, memory)
        read_at = inventory.at + timedelta(seconds=inventory.busy_seconds)
        prepared = PreparedTopology(
            broker_id, changed, clients.connections, clients.channels, clients.consumers, inventory.at, memory, unread, earlier, read_at
        )
    try:
        with transaction.atomic():
            if not may_store():
                return False
            if prepared:
                prepared.write()
            _save_rest(broker_id, inventory)
        stored = True
    finally:
        if not stored:
            memory.topologies.clear()
    if prepared:
        prepared.note_stored()
    if read is not None:
        memory.topologies_at |= dict.fromkeys(read.topologies if read.read is None else read.read, min(read.as_of or inventory.at, inventory.at))
    return True


def _read_before(broker_id: int, vhosts: Iterable[str], memory: BrokerMemory) -> dict[str, datetime | None]:
    """When the topology of each virtual host was read before; by an earlier process, as far as that is known."""
    stored_at = Broker.objects.filter(pk=broker_id).values_list("topology_at", flat=True).first()
    return {vhost: memory.topologies_at.get(vhost, stored_at) for vhost in vhosts}


def _save_rest(broker_id: int, inventory: Inventory) -> None:
    read, at = inventory.topologies, inventory.at
    if read is not None:
        Broker.objects.filter(pk=broker_id).update(topology_at=at, topology_busy_seconds=read.busy_seconds, topology_every_seconds=read.every_seconds)
    if inventory.permissions is not None:
        known, permissions = inventory.permissions.known, inventory.permissions
        save_permissions(broker_id, permissions.found if known else None, permissions.users if known else None, at, permissions.other_passwords)
    if inventory.permissions_read:
        note_permissions_read(broker_id, at)
    if inventory.transfers is not None:
        replace_rows(Transfer, broker_id, inventory.transfers, TransferStats.__struct_fields__)
    for (vhost, name), publishers in inventory.publishers.items():
        pk = Exchange.objects.filter(broker_id=broker_id, vhost=vhost, name=name, gone_at=None).values_list("pk", flat=True).first()
        if pk is not None:
            save_publishers(pk, publishers, at)
    for (vhost, name), published in inventory.published.items():
        save_published(broker_id, vhost, name, published, at)
    save_limits(broker_id, inventory.limits)
