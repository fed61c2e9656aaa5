"""The current topology of a virtual host, for explanations: cached until it changes, since ten thousand queues take seconds to read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q

from brokers.models import Binding, Exchange, Policy, Queue
from brokers.queries.fingerprints import topology_fingerprints
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

MOST_KEPT = 4
POLICIES_KNOWN_AFTER = timedelta(minutes=11)
"""The poller reads the policies of all queues at least every 10 minutes, and a broker knows those of a new queue after seconds."""

_kept: OrderedDict[tuple[int, str], tuple[Hashable, Topology]] = OrderedDict()


def topology(broker_id: int, vhost: str) -> Topology:
    """The current topology, sorted by name. No scope: callers check access to the broker first. Thread-safe."""
    place = (broker_id, vhost)
    fingerprint = (*topology_fingerprints(broker_id, vhost).values(), _learned(broker_id, vhost))
    known = _kept.get(place)
    if known is not None and known[0] == fingerprint:
        return known[1]
    found = _read(broker_id, vhost)
    _kept[place] = (fingerprint, found)
    while len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return found


class QueueFacts(NamedTuple):
    """What the broker last reported. `consumers` by queue, None unknown; `policies` by ("queue" or "exchange", name): the names of policy and operator
    policy, objects without any left out; `unreported`: queues so new that their policies may not have been read yet."""

    consumers: dict[str, int | None]
    policies: dict[tuple[str, str], tuple[str, str]]
    unreported: frozenset[str]


def queue_facts(broker_id: int, vhost: str, now: datetime) -> QueueFacts:
    """Of what is there now."""
    here = {"broker_id": broker_id, "vhost": vhost, "gone_at": None}
    queues = list(Queue.objects.filter(**here).order_by().values_list("name", "consumers", "policy", "operator_policy", "first_seen_at"))
    exchanges = Exchange.objects.filter(~Q(policy=""), **here).order_by().values_list("name", "policy")
    policies = {("queue", name): (policy, operator) for name, _, policy, operator, _ in queues if policy or operator}
    return QueueFacts(
        {name: consumers for name, consumers, _, _, _ in queues},
        policies | {("exchange", name): (policy, "") for name, policy in exchanges},
        frozenset(name for name, _, policy, operator, first in queues if not (policy or operator) and now - first < POLICIES_KNOWN_AFTER),
    )


def _learned(broker_id: int, vhost: str) -> tuple[int, ...]:
    """How much of the queues' definitions is known: a queue declared differently is a new row, one with newly read details is the same row."""
    known = [~Q(type=""), ~Q(arguments={}), Q(durable=True), Q(durable=False), Q(auto_delete=True), Q(exclusive=True)]
    counts = {f"known_{number}": Count("pk", filter=where) for number, where in enumerate(known)}
    return tuple(Queue.objects.filter(broker_id=broker_id, vhost=vhost, gone_at=None).aggregate(**counts).values())


def _read(broker_id: int, vhost: str) -> Topology:
    here = {"broker_id": broker_id, "vhost": vhost}
    live = {**here, "gone_at": None}
    exchanges = Exchange.objects.filter(**live).order_by("name", "pk").values_list("name", "type", "internal", "arguments")
    queues = Queue.objects.filter(**live).order_by("name", "pk").values_list("name", "type", "durable", "auto_delete", "exclusive", "arguments")
    bindings = Binding.objects.filter(**live).order_by("source", "destination", "destination_type", "routing_key", "properties_key")
    bound = bindings.values_list("source", "destination", "destination_type", "routing_key", "arguments")
    policies = Policy.objects.filter(**here).order_by("operator", "-priority", "name")
    rows = policies.values_list("name", "pattern", "apply_to", "priority", "definition", "operator")
    return Topology(
        vhost,
        tuple(ExchangeDefinition(name, kind, internal=internal, arguments=arguments or {}) for name, kind, internal, arguments in exchanges),
        tuple(
            QueueDefinition(name, kind, durable is not False, bool(auto_delete), bool(exclusive), arguments or {})
            for name, kind, durable, auto_delete, exclusive, arguments in queues
        ),
        tuple(BindingDefinition(source, destination, kind, key, arguments or {}) for source, destination, kind, key, arguments in bound),
        tuple(
            PolicyDefinition(name, pattern, apply_to, priority, definition or {}, operator) for name, pattern, apply_to, priority, definition, operator in rows
        ),
    )
