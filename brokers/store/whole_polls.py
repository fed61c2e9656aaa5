"""Stores all data of a poll in one transaction, so that no reader sees a new topology with old numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from brokers.models import Exchange, Transfer
from brokers.stats import TransferStats
from brokers.store.detail_requests import save_published, save_publishers
from brokers.store.memory import BrokerMemory
from brokers.store.permissions import save_permissions
from brokers.store.polls import save_poll
from brokers.store.rows import replace_rows
from brokers.store.topologies import content_hashes, save_topology

if TYPE_CHECKING:
    from brokers.polling.poller import Poll


def save_whole_poll(broker_id: int, poll: Poll, now: datetime, memory: BrokerMemory, may_store: Callable[[], bool]) -> bool:
    """True if all of it is stored; False, and nothing is, if `may_store`, called inside the transaction, returns False. If it raises, nothing is stored
    either, and the memory is cleared."""
    hashes = content_hashes(poll.topologies)  # slow with many queues, so not while others wait to write
    stored = False
    try:
        with transaction.atomic():
            if not may_store():
                return False
            _save_parts(broker_id, poll, now, memory, hashes)
        stored = True
    finally:
        if not stored:
            memory.forget()
    return True


def _save_parts(broker_id: int, poll: Poll, now: datetime, memory: BrokerMemory, hashes: dict[str, str]) -> None:
    stats = poll.stats
    if any(part is not None for part in (poll.topologies, poll.connections, poll.channels, poll.consumers)):
        save_topology(broker_id, poll.topologies, poll.connections, poll.channels, poll.consumers, stats.at, memory, hashes, poll.topology_unread)
    if poll.permissions is not None:
        save_permissions(broker_id, poll.permissions.found if poll.permissions.known else None)
    if poll.transfers is not None:
        replace_rows(Transfer, broker_id, poll.transfers, TransferStats.__struct_fields__)
    save_poll(broker_id, stats, now, memory)
    for (vhost, name), publishers in poll.publishers.items():
        pk = Exchange.objects.filter(broker_id=broker_id, vhost=vhost, name=name, gone_at=None).values_list("pk", flat=True).first()
        if pk is not None:
            save_publishers(pk, publishers, stats.at)
    for (vhost, name), published in poll.published.items():
        save_published(broker_id, vhost, name, published, stats.at)
