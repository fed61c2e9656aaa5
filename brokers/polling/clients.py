"""Consumers, connections and channels of a broker: every 30 s, more rarely where they are many, and sooner after a sign of change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import msgspec

from brokers import parts as parts_of_polls
from brokers.management.parse import Page
from brokers.polling.inventory_round import Round
from brokers.polling.poll_memory import LastRead, PollMemory
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats

MANY = 1000
"""More connections or channels are read by pages."""

Listed = TypeVar("Listed")


class Clients(msgspec.Struct):
    """None: not read this time."""

    consumers: list[ConsumerStats] | None = None
    connections: list[ConnectionStats] | None = None
    channels: list[ChannelStats] | None = None

    @property
    def were_read(self) -> bool:
        return any(part is not None for part in (self.consumers, self.connections, self.channels))


def read(one: Round) -> Clients:
    """Those that are due or could not be read before. A broker without statistics lists connections only (the others return status 400)."""
    kept, depths, found = one.kept, one.memory.depths, Clients()
    mode = depths.overview.rates_mode if depths.overview else ""
    before, goes_on = one.busy_seconds, bool(kept.clients_begun) or _is_partly_read(one)
    sign = kept.clients_sign if goes_on else depths.changes  # what changed since it began may be missing from the first pages
    wanted = kept.clients.due(one.now, sign, kept.clients.rarely) or _connections_differ(one.memory) or goes_on
    due = wanted and one.may_read(kept.clients)

    def fetch(part: str, whole: Callable[[], list[Listed]], page: Callable[[int], Page[Listed]] | None = None) -> list[Listed] | None:
        if part in kept.clients_begun or not (due or one.parts.is_failing(part)):
            return None
        if page is not None and (depths.object_totals.get(part, 0) > MANY or one.is_partly_read(part)):
            return one.fetch_pages(part, page, kept.clients)
        return one.fetch(part, whole)

    found.connections = fetch(parts_of_polls.CONNECTIONS, one.api.connections, one.api.connections_page)
    if mode != "off":
        found.consumers = fetch(parts_of_polls.CONSUMERS, one.api.consumers)
        found.channels = fetch(parts_of_polls.CHANNELS, one.api.channels, one.api.channels_page)
    elif due:
        found.consumers, found.channels = [], []
    _note(one, found, mode)
    if due and not one.parts.is_full:
        kept.clients_seconds += one.busy_seconds - before
        if _is_partly_read(one):  # goes on in a later round, without what was read already
            kept.clients_begun |= {name for name in ("consumers", "connections", "channels") if getattr(found, name) is not None}
            kept.clients_sign = sign
        else:
            kept.clients, kept.clients_begun, kept.clients_seconds = LastRead(one.now, kept.clients_seconds, sign), frozenset(), 0.0
            wanted = False
    for part in (parts_of_polls.CONNECTIONS, parts_of_polls.CHANNELS, parts_of_polls.CONSUMERS):
        one.note_waiting(part, kept.clients, wanted and depths.changes != kept.clients.sign)
    return found


def _is_partly_read(one: Round) -> bool:
    return any(map(one.is_partly_read, (parts_of_polls.CONNECTIONS, parts_of_polls.CHANNELS)))


def _note(one: Round, found: Clients, mode: str) -> None:
    """Keeps what polls of the depths and the next round need of them."""
    kept, depths = one.kept, one.memory.depths
    if found.connections is not None:
        kept.connections_listed = len(found.connections)
        kept.connections_blocked = any(client.state in ("blocked", "blocking") for client in found.connections)
    if mode == "none":  # counters without rates: those of an idle channel are missing too
        for channel in found.channels or ():
            channel.publish_per_second = channel.deliver_per_second = channel.ack_per_second = None
    if found.consumers is not None:
        counted = Counter((consumer.vhost, consumer.queue) for consumer in found.consumers)
        was = {key: count for key, count in kept.consumers_listed.items() if count}
        kept.consumers_listed = {} if mode == "off" else {key: counted[key] for key in depths.queue_keys or depths.known}
        kept.consumers_listed_at = one.now
        kept.consumers_changes += was != {key: count for key, count in kept.consumers_listed.items() if count}
        inactive = Counter((consumer.vhost, consumer.queue) for consumer in found.consumers if consumer.active is False)
        kept.active_listed = {key: counted[key] - count for key, count in inactive.items()}


def _connections_differ(memory: PollMemory) -> bool:
    """True while connections are likely others than those last listed: RabbitMQ counts one some seconds before it lists its details, and an alarm blocks
    them, and frees them, some seconds after it is reported."""
    kept, depths = memory.inventory, memory.depths
    alarmed = any(node.memory_alarm or node.disk_alarm for node in depths.nodes or ())
    incomplete = kept.connections_listed is not None and depths.object_totals.get("connections", 0) > kept.connections_listed
    return incomplete or alarmed or kept.connections_blocked
