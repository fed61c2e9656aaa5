"""Shovels and federation of a broker: read after every poll where there are any, else each 30 s.

Only what Hareline's user may read is requested, and only while a plugin is on: RabbitMQ logs refusals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from brokers import parts as parts_of_polls
from brokers.errors import BrokerRefused, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.parts import Parts
from brokers.polling.poll_memory import EVERY, InventoryMemory, LastRead
from brokers.stats import TransferStats

MAY_LIST = frozenset({"administrator", "policymaker"})
MAY_SEE_STATUS = frozenset({"administrator", "monitoring"})
PLUGIN_RETRY = timedelta(minutes=10)

Request = Callable[[], list[TransferStats]]


def transfers(api: ManagementApi, memory: InventoryMemory, parts: Parts, now: datetime) -> list[TransferStats] | None:
    """All that is visible of them, None if they are not due or cannot be read."""
    due = memory.transfers_read.due(now, every=timedelta(0) if memory.has_transfers else EVERY)
    if memory.user_tags is None or not (due or parts.is_failing(parts_of_polls.TRANSFERS)):
        return None  # which lists are permitted is unknown, or they are not due
    began, tags = api.busy_seconds, frozenset(memory.user_tags)

    def read() -> list[TransferStats]:
        found = _unless_refused(api.parameters) or [] if tags & MAY_LIST else []
        if tags & MAY_SEE_STATUS:
            for request in (api.shovels, api.federation_links):
                found += _of_plugin(memory, request, now)
        return sorted(found, key=lambda one: (one.vhost, one.kind, one.name, repr(one.facts)))

    found = parts.fetch(parts_of_polls.TRANSFERS, read)
    if found is not None:
        memory.transfers_read, memory.has_transfers = LastRead(now, api.busy_seconds - began), bool(found)
    return found


def _of_plugin(memory: InventoryMemory, request: Request, now: datetime) -> list[TransferStats]:
    """[] also while the plugin is off, which is checked every ten minutes."""
    absent_at = memory.plugins_absent.get(request.__name__)
    if absent_at is not None and now - absent_at < PLUGIN_RETRY:
        return []
    found = _unless_refused(request)
    if found is None:
        memory.plugins_absent[request.__name__] = now
    return found or []


def _unless_refused(request: Request) -> list[TransferStats] | None:
    """None if there is no such list, or this version grants it by another right."""
    try:
        return request()
    except (ObjectNotFound, BrokerRefused):
        return None
