"""The current topology of a virtual host, for explanations: cached until it changes, since ten thousand queues take seconds to read."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from django.db.models import Count, Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from brokers.models import Binding, Broker, Exchange, Policy, Queue
from brokers.queries import kept
from brokers.queries.fingerprints import topology_fingerprints
from brokers.scope import Scope
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from brokers.visible_topology import visible_topology

MOST_KEPT = 250_000
"""Queues, exchanges and bindings of all topologies that are kept: of four large virtual hosts, or of hundreds of small ones."""
POLICIES_KNOWN_AFTER = timedelta(minutes=30)
"""The poller reads the policies of new queues after ten minutes at the latest, of very many by pages that wait for its budget; the broker knows them after
seconds."""

_kept: OrderedDict[tuple[int, str], tuple[object, Topology]] = OrderedDict()
_visible: kept.Kept[Topology] = kept.Kept(most=16, most_seconds=3600)


def topology(broker_id: int, vhost: str, state: kept.State = None) -> Topology:
    """The current topology, sorted by name. No scope: `visible` is what pages show. Thread-safe.
    `state`: that of the broker (`kept.state_of`), where it was read in this transaction: while it is the same, the topology is."""
    place = (broker_id, vhost)
    fingerprint = (kept.shared(state, topology_fingerprints, *place), kept.shared(state, _learned, *place))  # the first as the tail does
    known = _kept.get(place)
    if known is not None and known[0] == fingerprint:
        return known[1]
    found = read(broker_id, vhost)
    _kept.pop(place, None)
    _kept[place] = (fingerprint, found)
    kept.drop_oldest(_kept, MOST_KEPT, _size)
    return found


def _size(known: tuple[object, Topology]) -> int:
    return len(known[1].queues) + len(known[1].exchanges) + len(known[1].bindings)


def visible(scope: Scope, broker: Broker, vhost: str, state: kept.State = None) -> Topology:
    """What of it is visible: the topology itself where that is all of the virtual host, an empty one where it is nothing. The same object as long as nothing
    of the topology changed and few other scopes were in use."""
    if not scope.touches(broker.name, vhost):
        return Topology(vhost)
    whole = topology(broker.pk, vhost, state)
    if scope.covers(broker.name, vhost):
        return whole
    return _visible.get((scope, broker.pk, vhost), _Same(whole), lambda: visible_topology(whole, scope, broker.name))


class _Same:
    """Equal only if it is the same topology, and that is still in use: comparing ten thousand bindings takes long, and keeping an old one much memory."""

    def __init__(self, topology: Topology) -> None:
        self._topology, self._hash = weakref.ref(topology), id(topology)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and (topology := self._topology()) is not None and other._topology() is topology

    def __hash__(self) -> int:
        return self._hash


class QueueFacts(NamedTuple):
    """What the broker last reported. `consumers` by queue, None unknown; `policies` by ("queue" or "exchange", name): the names of policy and operator
    policy, objects without any left out; `unreported`: queues so new that their policies may not have been read yet."""

    consumers: dict[str, int | None]
    policies: dict[tuple[str, str], tuple[str, str]]
    unreported: frozenset[str]


def queue_facts(broker_id: int, vhost: str, state: kept.State = None) -> QueueFacts:
    """Of what is there now; `state` as in `topology`."""
    return kept.shared(state, _read_facts, broker_id, vhost)


def visible_facts(scope: Scope, broker: Broker, vhost: str, state: kept.State = None) -> QueueFacts:
    """Of what is visible."""
    if not scope.touches(broker.name, vhost):
        return QueueFacts({}, {}, frozenset())
    found = queue_facts(broker.pk, vhost, state)
    if scope.covers(broker.name, vhost):
        return found
    seen = visible(scope, broker, vhost, state)
    queues, exchanges = {one.name for one in seen.queues}, {one.name for one in seen.exchanges}
    policies = {(kind, name): names for (kind, name), names in found.policies.items() if name in (queues if kind == "queue" else exchanges)}
    return QueueFacts({name: count for name, count in found.consumers.items() if name in queues}, policies, found.unreported & queues)


def _read_facts(broker_id: int, vhost: str) -> QueueFacts:
    now = timezone.now()
    here = {"broker_id": broker_id, "vhost": vhost, "gone_at": None}
    queues = list(Queue.objects.filter(**here).order_by().values_list("name", "consumers", "policy", "operator_policy"))
    young = Queue.objects.filter(**here, policy="", operator_policy="", first_seen_at__gt=now - POLICIES_KNOWN_AFTER).order_by()
    exchanges = Exchange.objects.filter(~Q(policy=""), **here).order_by().values_list("name", "policy")
    policies = {("queue", name): (policy, operator) for name, _, policy, operator in queues if policy or operator}
    return QueueFacts(
        {name: consumers for name, consumers, _, _ in queues},
        policies | {("exchange", name): (policy, "") for name, policy in exchanges},
        frozenset(young.values_list("name", flat=True)),
    )


def _learned(broker_id: int, vhost: str) -> tuple[int, ...]:
    """How much of the queues' definitions is known: a queue declared differently is a new row, one with newly read details is the same row."""
    known = [~Q(type=""), ~Q(arguments={}), Q(durable=True), Q(durable=False), Q(auto_delete=True), Q(exclusive=True)]
    counts = {f"known_{number}": Count("pk", filter=where) for number, where in enumerate(known)}
    return tuple(Queue.objects.filter(broker_id=broker_id, vhost=vhost, gone_at=None).aggregate(**counts).values())


class _Arguments:
    """Reads the JSON of arguments, the same text once: nearly all of ten thousand have none."""

    def __init__(self) -> None:
        self._read: dict[str, dict[str, Any]] = {}

    def __call__(self, text: str) -> dict[str, Any]:
        found = self._read.get(text)
        if found is None:
            found = self._read[text] = msgspec.json.decode(text) or {}
        return found


def read(broker_id: int, vhost: str) -> Topology:
    """The current topology, read anew and not kept: for what looks at each once. No scope."""
    here = {"broker_id": broker_id, "vhost": vhost}
    live = {**here, "gone_at": None}
    text, read = Cast("arguments", TextField()), _Arguments()
    exchanges = Exchange.objects.filter(**live).order_by("name", "pk").values_list("name", "type", "internal", text)
    queues = Queue.objects.filter(**live).order_by("name", "pk").values_list("name", "type", "durable", "auto_delete", "exclusive", text)
    bindings = Binding.objects.filter(**live).order_by("source", "destination", "destination_type", "routing_key", "properties_key")
    bound = bindings.values_list("source", "destination", "destination_type", "routing_key", text)
    policies = Policy.objects.filter(**here).order_by("operator", "-priority", "name")
    rows = policies.values_list("name", "pattern", "apply_to", "priority", "definition", "operator")
    return Topology(
        vhost,
        tuple(ExchangeDefinition(name, kind, internal=internal, arguments=read(arguments)) for name, kind, internal, arguments in exchanges),
        tuple(
            QueueDefinition(name, kind, durable is not False, bool(auto_delete), bool(exclusive), read(arguments))
            for name, kind, durable, auto_delete, exclusive, arguments in queues
        ),
        tuple(BindingDefinition(source, destination, kind, key, read(arguments)) for source, destination, kind, key, arguments in bound),
        tuple(
            PolicyDefinition(name, pattern, apply_to, priority, definition or {}, operator) for name, pattern, apply_to, priority, definition, operator in rows
        ),
    )
