"""The inventory of a broker: topology, permissions, clients, shovels and federation, and what open pages need of them.

Read after a poll of the depths was stored, in a thread and an HTTP session of its own. Each list is read at its own pace and sooner after a sign of
change, all of them together under a budget of the broker's time (`brokers.polling.budget`): what that does not allow waits for a later round.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from brokers import parts as parts_of_polls
from brokers.errors import BrokerRefused, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.polling import clients, node_clocks, polled_topology, queue_properties
from brokers.polling.clients import Clients
from brokers.polling.inventory_round import Round
from brokers.polling.limits import all_limits
from brokers.polling.poll_memory import LastRead, Permissions, PollMemory, ReadExchanges
from brokers.polling.polled_topology import ReadTopologies
from brokers.polling.transfers import transfers
from brokers.polling.viewed_objects import Published, Publishers, published, publishers
from brokers.stats import QueueKey, TransferStats, VisibilityLimit

ADMINISTRATOR = "administrator"


class Inventory(msgspec.Struct):
    """What was read in a round. None: not read this time (topologies, permissions: or unchanged)."""

    at: datetime
    topologies: ReadTopologies | None = None
    clients: Clients = msgspec.field(default_factory=Clients)
    permissions: Permissions | None = None
    publishers: Publishers = {}  # of the exchanges on an open page; None: unknown
    published: Published = {}  # of the connections on an open page; None: unknown
    transfers: list[TransferStats] | None = None
    limits: list[VisibilityLimit] = []  # of the whole broker, those of its depths included
    busy_seconds: float = 0.0  # how long the broker worked for it
    permissions_read: bool = False  # also where they are as they were


def read_inventory(
    api: ManagementApi, now: datetime, memory: PollMemory, viewed_exchanges: Iterable[QueueKey] = (), viewed_connections: Iterable[QueueKey] = ()
) -> Inventory:
    """What is due of it, after a poll of the depths. A part that cannot be read is named in the memory's `unread`, and its stored rows are kept."""
    viewed_exchanges = list(viewed_exchanges)
    one, found, overview = Round(api, memory, now), Inventory(now), memory.depths.overview
    rates_mode = overview.rates_mode if overview else ""
    api.is_rabbitmq = overview is None or overview.is_rabbitmq

    def viewed() -> None:
        found.publishers = one.paid(lambda: publishers(api, one.parts, rates_mode, viewed_exchanges))
        found.published = one.paid(lambda: published(api, one.parts, rates_mode, viewed_connections))

    def topologies() -> None:
        found.topologies = polled_topology.read(one, is_viewed=bool(viewed_exchanges))
        _read_exchanges(one)

    def rights_and_transfers() -> None:
        found.permissions = _permissions(one)
        found.permissions_read = one.kept.permissions_read.at == now
        found.transfers = one.paid(lambda: transfers(api, one.kept, one.parts, now))
        one.paid(lambda: node_clocks.read(api, one.kept, now))

    def connected() -> None:
        found.clients = clients.read(one)

    steps = (topologies, rights_and_transfers, connected, viewed, lambda: queue_properties.read(one))
    first = one.kept.turn
    for number in range(first, first + len(steps)):
        spent = one.busy_seconds
        steps[number % len(steps)]()
        if one.busy_seconds > spent and not one.kept.budget.allows(now):
            one.kept.turn = (number + 1) % len(steps)  # so that none waits for ever behind a costly one
    one.kept.unread = one.unread
    found.busy_seconds = one.busy_seconds
    found.limits = all_limits(memory, api.address.user)
    return found


def _read_exchanges(one: Round) -> None:
    """Reads the exchanges for their rates where they are so many that polls of the depths do not."""
    last = one.memory.exchanges
    if last is None or one.memory.few_exchanges:
        one.parts.not_requested(parts_of_polls.EXCHANGES)
        return
    read = LastRead(last.at)
    if one.parts.is_failing(parts_of_polls.EXCHANGES) or (read.due(one.now) and one.may_read(read)):
        listed = one.fetch(parts_of_polls.EXCHANGES, one.api.exchanges)
        if listed is not None:
            one.kept.exchanges = ReadExchanges(one.now, listed, frozenset(one.memory.depths.vhosts))


def _permissions(one: Round) -> Permissions | None:
    """The permissions if they are due and have changed. The user's tags show whether listing them is permitted: trying would write a warning to the
    broker's log each time."""
    kept = one.kept
    failing = any(map(one.parts.is_failing, (parts_of_polls.USER, parts_of_polls.PERMISSIONS)))
    due, allowed = kept.permissions_read.due(one.now), one.may_read(kept.permissions_read)
    one.note_waiting(parts_of_polls.PERMISSIONS, kept.permissions_read, due and not allowed)
    if not failing and not (due and allowed):
        return None
    before = one.busy_seconds
    tags = one.fetch(parts_of_polls.USER, one.api.user_tags)
    if tags is None:
        return None
    kept.user_tags = tags
    permissions = one.fetch(parts_of_polls.PERMISSIONS, lambda: _permissions_found(one.api)) if ADMINISTRATOR in tags else Permissions(False)
    if permissions is None:
        return None
    kept.permissions_read = LastRead(one.now, one.busy_seconds - before)
    if permissions == kept.permissions:
        return None
    marks = kept.permissions.password_marks if kept.permissions else {}
    kept.permissions = permissions
    others = {name: bool(mark) for name, mark in permissions.password_marks.items() if marks.get(name, mark) != mark}
    return msgspec.structs.replace(permissions, other_passwords=others)


def _permissions_found(api: ManagementApi) -> Permissions:
    try:
        found = api.permissions()
    except BrokerRefused:
        return Permissions(False)
    try:
        seen = api.users()
    except (BrokerRefused, ObjectNotFound):
        seen = None
    users = None if seen is None else {name: one.tags for name, one in seen.items()}
    marks = {name: one.password_mark for name, one in (seen or {}).items() if one.password_mark is not None}
    return Permissions(True, tuple(sorted(found, key=lambda one: (one.vhost, one.user, one.exchange or "", one.write))), users, marks)
