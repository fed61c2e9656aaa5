"""Stores topologies and clients: rows by difference, a version when lasting objects changed, changes as sentences.

What differs is worked out before the transaction, which then only writes: with 10,000 bindings that takes a second, in which polls of the depths would wait.
Nobody else writes these rows, but for a poll that finds a virtual host deleted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from django.db import transaction
from django.db.models import F, TextField
from django.db.models.functions import Cast

from brokers.diff import ChangeText, topology_changes
from brokers.models import Binding, Broker, Exchange, Policy, TopologyVersion, VirtualHost
from brokers.parts import BINDINGS, EXCHANGES, OPERATOR_POLICIES, POLICIES
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from brokers.store.changes import save_changes
from brokers.store.clients import prepared_clients
from brokers.store.memory import BrokerMemory
from brokers.store.rows import Write, frozen, insert_rows, update_rows
from brokers.topology import BindingDefinition, ExchangeDefinition, Topology, decode, encode

_Polls = tuple[datetime | None, datetime]
"""When a virtual host was read before, None if that is not known, and now."""
_BINDING = ("source", "destination", "destination_type", "routing_key", "properties_key")
_EXCHANGE = ("type", "durable", "auto_delete", "internal", "arguments")
_POLICY = ("name", "operator", "pattern", "apply_to", "priority", "definition")


def save_topology(
    broker_id: int,
    topologies: Mapping[str, Topology] | None,
    connections: Sequence[ConnectionStats] | None,
    channels: Sequence[ChannelStats] | None,
    consumers: Iterable[ConsumerStats] | None,
    now: datetime,
    memory: BrokerMemory | None = None,
    unread: Collection[str] = (),
) -> None:
    """Stores what differs from the rows, in a transaction of its own; see PreparedTopology."""
    prepared = PreparedTopology(broker_id, topologies, connections, channels, consumers, now, memory, unread)
    with transaction.atomic():
        prepared.write()
    prepared.note_stored()


class PreparedTopology:
    """What differs from the rows; None was not read and is kept. With a memory, an unchanged virtual host costs nothing.
    `unread`: parts (see `brokers.parts`) that the topologies lack because they could not be read: their stored rows are kept. `earlier_at`: when each was
    read before; `read_at`: when the last request for them had its answer, else `now`."""

    def __init__(
        self,
        broker_id: int,
        topologies: Mapping[str, Topology] | None,
        connections: Sequence[ConnectionStats] | None,
        channels: Sequence[ChannelStats] | None,
        consumers: Iterable[ConsumerStats] | None,
        now: datetime,
        memory: BrokerMemory | None = None,
        unread: Collection[str] = (),
        earlier_at: Mapping[str, datetime | None] | None = None,
        read_at: datetime | None = None,
    ) -> None:
        self._broker_id, self._now, self._memory, self._unread = broker_id, now, memory, unread
        self._known = memory.topologies if memory else {}
        self._vhosts_gone = memory.vhosts_gone if memory else 0
        if memory and memory.inventory_at != Broker.objects.values_list("inventory_at", flat=True).get(pk=broker_id):
            self._known.clear()  # another process stored in between
        self._hashes = {vhost: topology.content_hash() for vhost, topology in (topologies or {}).items()}
        self._writes = {
            vhost: list(_virtual_host(broker_id, topology, now, unread, ((earlier_at or {}).get(vhost), read_at or now)))
            for vhost, topology in (topologies or {}).items()
            if self._known.get(vhost) != self._hashes[vhost]
        }
        self._client_writes = list(prepared_clients(broker_id, connections, channels, consumers, now))
        self._deleted: Collection[str] = ()

    def write(self) -> None:
        """Inside the caller's transaction. If that fails, the caller clears the memory's topologies."""
        if self._writes:
            self._deleted = self._writes.keys() if self._vhosts_changed else _deleted_vhosts(self._broker_id)
        for vhost, writes in self._writes.items():
            for write in writes if vhost not in self._deleted else ():
                write()
        for write in self._client_writes:
            write()
        Broker.objects.filter(pk=self._broker_id).update(revision=F("revision") + 1, inventory_at=self._now)

    def note_stored(self) -> None:
        """After the transaction."""
        self._known.update({vhost: "" if self._unread else content for vhost, content in self._hashes.items() if vhost not in self._deleted})
        if self._memory:
            self._memory.inventory_at = self._now
            if self._vhosts_changed:
                self._known.clear()

    @property
    def _vhosts_changed(self) -> bool:
        """True if a poll has found a virtual host deleted since: what was prepared may miss that its rows are gone."""
        return self._memory is not None and self._memory.vhosts_gone != self._vhosts_gone


def _deleted_vhosts(broker_id: int) -> Collection[str]:
    """Virtual hosts that a poll found deleted after their topology was read."""
    rows = list(VirtualHost.objects.filter(broker_id=broker_id).values_list("name", "gone_at"))
    return {name for name, gone_at in rows if gone_at is not None} - {name for name, gone_at in rows if gone_at is None}


def _virtual_host(broker_id: int, topology: Topology, now: datetime, unread: Collection[str], polls: _Polls) -> Iterator[Write]:
    if EXCHANGES not in unread:
        yield from _exchanges(broker_id, topology, now)
    if BINDINGS not in unread:
        yield from _bindings(broker_id, topology, now)
    for part, operator in ((POLICIES, False), (OPERATOR_POLICIES, True)):
        if part not in unread:
            yield from _policies(broker_id, topology, operator)
    if not unread:
        yield from _version(broker_id, topology, now, polls)


def _exchanges(broker_id: int, topology: Topology, now: datetime) -> Iterator[Write]:
    rows = {row.name: row for row in Exchange.objects.filter(broker_id=broker_id, vhost=topology.vhost, gone_at=None)}
    added, gone, policies = [], [], []
    for exchange in topology.exchanges:
        row = rows.pop(exchange.name, None)
        if row is not None and _declared(row) == _declared(exchange):
            if row.policy != exchange.policy:
                policies.append((row.pk, (exchange.policy, now)))
            continue
        if row is not None:
            gone.append((row.pk, (now, now)))
        added.append(Exchange(broker_id=broker_id, vhost=topology.vhost, first_seen_at=now, changed_at=now, **msgspec.structs.asdict(exchange)))
    gone += [(row.pk, (now, now)) for row in rows.values()]
    yield lambda: update_rows(Exchange, ("gone_at", "changed_at"), gone)
    yield lambda: update_rows(Exchange, ("policy", "changed_at"), policies)
    yield lambda: Exchange.objects.bulk_create(added, batch_size=500)


def _declared(exchange: Exchange | ExchangeDefinition) -> tuple[Any, ...]:
    """What an exchange is declared with: it cannot change, so where it differs the exchange was recreated."""
    return tuple(frozen(getattr(exchange, name)) for name in _EXCHANGE)


def _bindings(broker_id: int, topology: Topology, now: datetime) -> Iterator[Write]:
    live = Binding.objects.filter(broker_id=broker_id, vhost=topology.vhost, gone_at=None)
    stored = live.values_list("pk", Cast("arguments", TextField()), *_BINDING)  # as text, since nearly all are empty
    rows = {(_frozen_arguments(None if arguments == "{}" else json.loads(arguments)), *identity): pk for pk, arguments, *identity in stored}
    added: dict[tuple[Any, ...], BindingDefinition] = {}
    for binding in topology.bindings:
        identity = (
            _frozen_arguments(binding.arguments),
            binding.source, binding.destination, binding.destination_type, binding.routing_key, binding.properties_key,
        )  # fmt: skip
        if rows.pop(identity, None) is None:
            added[identity] = binding
    gone = [(pk, (now,)) for pk in rows.values()]
    fields = ("broker", "vhost", "first_seen_at", "arguments", *_BINDING)
    new = [(broker_id, topology.vhost, now, one.arguments, *(getattr(one, name) for name in _BINDING)) for one in added.values()]
    yield lambda: update_rows(Binding, ("gone_at",), gone)
    yield lambda: insert_rows(Binding, fields, new)


def _frozen_arguments(arguments: dict[str, Any] | None) -> Any:
    return frozen(arguments) if arguments else b""


def _policies(broker_id: int, topology: Topology, operator: bool) -> Iterator[Write]:
    policies = [policy for policy in topology.policies if policy.operator == operator]
    rows = Policy.objects.filter(broker_id=broker_id, vhost=topology.vhost, operator=operator)
    stored = sorted(tuple(frozen(getattr(row, name)) for name in _POLICY) for row in rows)
    wanted = sorted(tuple(frozen(getattr(policy, name)) for name in _POLICY) for policy in policies)
    if stored != wanted:
        new = [Policy(broker_id=broker_id, vhost=topology.vhost, **msgspec.structs.asdict(policy)) for policy in policies]
        yield rows.delete
        yield lambda: Policy.objects.bulk_create(new)


def _deleted_since(last: TopologyVersion, now: datetime) -> bool:
    """True if the virtual host is another one of the same name: of this one nothing is recorded yet."""
    return VirtualHost.objects.filter(broker_id=last.broker_id, name=last.vhost, gone_at__gte=last.at, gone_at__lte=now).exists()


def _version(broker_id: int, topology: Topology, now: datetime, polls: _Polls) -> Iterator[Write]:
    """A version if lasting objects changed, and the changes as sentences (none for the first one of a virtual host)."""
    lasting = topology.lasting()
    content_hash = lasting.content_hash()
    versions = TopologyVersion.objects.filter(broker_id=broker_id, vhost=topology.vhost)
    to_come = versions.filter(at__gt=now)  # from before the clock was set back
    yield to_come.delete
    last = versions.filter(at__lte=now).order_by("-at", "-pk").first()
    if last is not None and _deleted_since(last, now):
        last = None
    if last is not None and last.content_hash == content_hash:
        return
    new = TopologyVersion(broker_id=broker_id, vhost=topology.vhost, at=now, content_hash=content_hash, data=zstandard.compress(encode(lasting), 6))
    changes: list[ChangeText] = [] if last is None else topology_changes(decode(zstandard.decompress(bytes(last.data))), lasting)
    yield new.save
    yield lambda: save_changes(broker_id, changes, polls[1], polls[0])
