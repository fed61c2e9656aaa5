"""Stores topologies and clients: rows by difference, a version when lasting objects changed, changes as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from django.db import transaction
from django.db.models import F

from brokers.diff import ChangeText, topology_changes
from brokers.models import Binding, Broker, Exchange, Policy, TopologyVersion, VirtualHost
from brokers.parts import BINDINGS, EXCHANGES, OPERATOR_POLICIES, POLICIES
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from brokers.store.clients import save_clients
from brokers.store.memory import BrokerMemory
from brokers.store.polls import save_changes
from brokers.store.rows import frozen, update_rows
from brokers.topology import BindingDefinition, ExchangeDefinition, Topology, decode, encode

_BINDING = ("source", "destination", "destination_type", "routing_key", "arguments", "properties_key")
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
    hashes: Mapping[str, str] | None = None,
    unread: Collection[str] = (),
) -> None:
    """Stores what differs from the rows; None was not read and is kept. With a memory, an unchanged virtual host costs nothing.
    `hashes`: the `content_hashes` of the topologies, where the caller has them.
    `unread`: parts (see `brokers.parts`) that the topologies lack because they could not be read: their stored rows are kept."""
    known, vhosts_gone = (memory.topologies, memory.vhosts_gone) if memory else ({}, 0)
    if memory and memory.inventory_at != Broker.objects.values_list("inventory_at", flat=True).get(pk=broker_id):
        known.clear()  # another process stored in between
    hashes = content_hashes(topologies) if hashes is None else hashes
    stored: dict[str, str] | None = None
    try:
        with transaction.atomic():
            deleted = _deleted_vhosts(broker_id) if topologies else ()
            for vhost, topology in (topologies or {}).items():
                if known.get(vhost) != hashes[vhost] and vhost not in deleted:
                    save_changes(broker_id, _save_virtual_host(broker_id, topology, now, unread), now)
            save_clients(broker_id, connections, channels, consumers, now)
            Broker.objects.filter(pk=broker_id).update(revision=F("revision") + 1, inventory_at=now)
        stored = {vhost: "" if unread else content for vhost, content in hashes.items() if vhost not in deleted}
    finally:
        if stored is None:
            known.clear()
    known.update(stored)
    if memory:
        memory.inventory_at = now
        if memory.vhosts_gone != vhosts_gone:
            known.clear()


def _deleted_vhosts(broker_id: int) -> Collection[str]:
    """Virtual hosts that a poll found deleted after their topology was read."""
    rows = list(VirtualHost.objects.filter(broker_id=broker_id).values_list("name", "gone_at"))
    return {name for name, gone_at in rows if gone_at is not None} - {name for name, gone_at in rows if gone_at is None}


def content_hashes(topologies: Mapping[str, Topology] | None) -> dict[str, str]:
    return {vhost: topology.content_hash() for vhost, topology in (topologies or {}).items()}


def _save_virtual_host(broker_id: int, topology: Topology, now: datetime, unread: Collection[str]) -> list[ChangeText]:
    if EXCHANGES not in unread:
        _save_exchanges(broker_id, topology, now)
    if BINDINGS not in unread:
        _save_bindings(broker_id, topology, now)
    for part, operator in ((POLICIES, False), (OPERATOR_POLICIES, True)):
        if part not in unread:
            _save_policies(broker_id, topology, operator)
    return [] if unread else _save_version(broker_id, topology, now)


def _save_exchanges(broker_id: int, topology: Topology, now: datetime) -> None:
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
    update_rows(Exchange, ("gone_at", "changed_at"), gone)
    update_rows(Exchange, ("policy", "changed_at"), policies)
    Exchange.objects.bulk_create(added, batch_size=500)


def _declared(exchange: Exchange | ExchangeDefinition) -> tuple[Any, ...]:
    """What an exchange is declared with: it cannot change, so where it differs the exchange was recreated."""
    return tuple(frozen(getattr(exchange, name)) for name in _EXCHANGE)


def _save_bindings(broker_id: int, topology: Topology, now: datetime) -> None:
    live = Binding.objects.filter(broker_id=broker_id, vhost=topology.vhost, gone_at=None).values_list("pk", *_BINDING)
    rows = {tuple(frozen(value) for value in values): pk for pk, *values in live}
    added: dict[tuple[Any, ...], BindingDefinition] = {}
    for binding in topology.bindings:
        identity = tuple(frozen(getattr(binding, name)) for name in _BINDING)
        if rows.pop(identity, None) is None:
            added[identity] = binding
    update_rows(Binding, ("gone_at",), [(pk, (now,)) for pk in rows.values()])
    Binding.objects.bulk_create(
        [Binding(broker_id=broker_id, vhost=topology.vhost, first_seen_at=now, **msgspec.structs.asdict(binding)) for binding in added.values()],
        batch_size=500,
    )


def _save_policies(broker_id: int, topology: Topology, operator: bool) -> None:
    policies = [policy for policy in topology.policies if policy.operator == operator]
    rows = Policy.objects.filter(broker_id=broker_id, vhost=topology.vhost, operator=operator)
    stored = sorted(tuple(frozen(getattr(row, name)) for name in _POLICY) for row in rows)
    wanted = sorted(tuple(frozen(getattr(policy, name)) for name in _POLICY) for policy in policies)
    if stored != wanted:
        rows.delete()
        Policy.objects.bulk_create([Policy(broker_id=broker_id, vhost=topology.vhost, **msgspec.structs.asdict(policy)) for policy in policies])


def _save_version(broker_id: int, topology: Topology, now: datetime) -> list[ChangeText]:
    """The changes as sentences (none for the first version), after storing a version if lasting objects changed."""
    lasting = topology.lasting()
    content_hash = lasting.content_hash()
    versions = TopologyVersion.objects.filter(broker_id=broker_id, vhost=topology.vhost)
    versions.filter(at__gt=now).delete()  # from before the clock was set back
    last = versions.order_by("-at", "-pk").first()
    if last is not None and last.content_hash == content_hash:
        return []
    data = zstandard.compress(encode(lasting), 6)
    TopologyVersion.objects.create(broker_id=broker_id, vhost=topology.vhost, at=now, content_hash=content_hash, data=data)
    return [] if last is None else topology_changes(decode(zstandard.decompress(bytes(last.data))), lasting)
