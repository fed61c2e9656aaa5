"""The changes between two moments, as sentences.

Pure. Hareline's own objects (`hareline.…`) are left out, and so are exclusive and auto-delete ones, which reconnecting clients recreate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, Topology

OWN_PREFIX = "hareline."
MOST_SENTENCES = 20
"""More simultaneous changes of one kind become a single sentence with their number."""


class ChangeText(msgspec.Struct, frozen=True):
    """A change: kind (queue, exchange, binding, policy, broker, node), what (added, gone, changed), the object's name, a sentence."""

    kind: str
    what: str
    vhost: str
    name: str
    text: str


def queue_changes(vhost: str, added: Iterable[str], gone: Iterable[str]) -> list[ChangeText]:
    """Sentences for queues that were added and deleted; the caller leaves out exclusive and auto-delete ones.

    >>> [change.text for change in queue_changes("/", ["mail"], [])]
    ['Queue mail added']
    """
    return _changes("queue", "added", vhost, [(name, f"Queue {name} added") for name in sorted(added)]) + _changes(
        "queue", "gone", vhost, [(name, f"Queue {name} deleted") for name in sorted(gone)]
    )


def topology_changes(earlier: Topology, later: Topology) -> list[ChangeText]:
    """Sentences for the exchanges, bindings and policies that differ. A binding removed together with its queue or exchange is left out."""
    before, after, vhost = earlier.lasting(), later.lasting(), later.vhost
    exchanges_before = {exchange.name: exchange for exchange in before.exchanges}
    exchanges_after = {exchange.name: exchange for exchange in after.exchanges}
    added = [(name, f"Exchange {name} ({exchanges_after[name].type}) added") for name in sorted(exchanges_after.keys() - exchanges_before.keys())]
    gone = [(name, f"Exchange {name} deleted") for name in sorted(exchanges_before.keys() - exchanges_after.keys())]
    changed = [
        (name, text)
        for name in sorted(exchanges_before.keys() & exchanges_after.keys())
        if (text := _exchange_change(exchanges_before[name], exchanges_after[name]))
    ]
    return [
        *_changes("exchange", "added", vhost, added),
        *_changes("exchange", "gone", vhost, gone),
        *_changes("exchange", "changed", vhost, changed),
        *_binding_changes(before, after),
        *_policy_changes(before, after),
    ]


def _exchange_change(before: ExchangeDefinition, after: ExchangeDefinition) -> str:
    if before.policy != after.policy and msgspec.structs.replace(before, policy=after.policy) == after:
        return f"Exchange {after.name} now has policy {after.policy}" if after.policy else f"Exchange {after.name} no longer has policy {before.policy}"
    if before == after:
        return ""
    was = "" if before.type == after.type else f", {after.type} instead of {before.type}"
    return f"Exchange {after.name} recreated{was}"


def _binding_changes(before: Topology, after: Topology) -> list[ChangeText]:
    """Added and removed bindings, without the implicit ones of the default exchange, which exist as long as their queue."""
    was = {_identity(binding): binding for binding in before.bindings if binding.source}
    now = {_identity(binding): binding for binding in after.bindings if binding.source}
    left = _names(after)
    existed = _names(before)
    added = [_binding_text(now[key], "added") for key in now if key not in was]
    gone = [_binding_text(was[key], "removed") for key in was if key not in now and {_source(was[key]), _destination(was[key])} <= left & existed]
    return _changes("binding", "added", after.vhost, added) + _changes("binding", "gone", after.vhost, gone)


def _names(topology: Topology) -> set[tuple[str, str]]:
    return {("exchange", exchange.name) for exchange in topology.exchanges} | {("queue", queue.name) for queue in topology.queues}


def _source(binding: BindingDefinition) -> tuple[str, str]:
    return ("exchange", binding.source)


def _destination(binding: BindingDefinition) -> tuple[str, str]:
    return (binding.destination_type, binding.destination)


def _identity(binding: BindingDefinition) -> tuple[Any, ...]:
    return (binding.source, binding.destination_type, binding.destination, binding.routing_key, msgspec.json.encode(binding.arguments, order="deterministic"))


def _binding_text(binding: BindingDefinition, what: str) -> tuple[str, str]:
    """(name, sentence): "Binding added: shop.orders → receipts (key order.paid.*)", or "(all of kind=pdf, paid=true)" for headers."""
    headers = {name: value for name, value in binding.arguments.items() if name != "x-match"}
    match = f"{str(binding.arguments['x-match']).removesuffix('-with-x')} of " if "x-match" in binding.arguments else ""
    arguments = ", ".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in sorted(headers.items()))
    label = ", ".join(part for part in (f"key {binding.routing_key}" if binding.routing_key else "", match + arguments if arguments else "") if part)
    to = "exchange " if binding.destination_type == "exchange" else ""
    sentence = f"Binding {what}: {binding.source} → {to}{binding.destination}{f' ({label})' if label else ''}"
    return f"{binding.source} → {binding.destination}", sentence


def _policy_changes(before: Topology, after: Topology) -> list[ChangeText]:
    was = {(policy.operator, policy.name): policy for policy in before.policies}
    now = {(policy.operator, policy.name): policy for policy in after.policies}
    added = [(now[key].name, f"{_policy_word(now[key])} {now[key].name} for {now[key].pattern} added") for key in sorted(now.keys() - was.keys())]
    gone = [(was[key].name, f"{_policy_word(was[key])} {was[key].name} removed") for key in sorted(was.keys() - now.keys())]
    changed = [(now[key].name, _policy_change(was[key], now[key])) for key in sorted(now.keys() & was.keys()) if now[key] != was[key]]
    return [
        *_changes("policy", "added", after.vhost, added),
        *_changes("policy", "gone", after.vhost, gone),
        *_changes("policy", "changed", after.vhost, changed),
    ]


def _policy_word(policy: PolicyDefinition) -> str:
    return "Operator policy" if policy.operator else "Policy"


def _policy_change(before: PolicyDefinition, after: PolicyDefinition) -> str:
    parts = [
        f"{name} {getattr(after, name)} instead of {getattr(before, name)}"
        for name in ("pattern", "apply_to", "priority")
        if getattr(before, name) != getattr(after, name)
    ]
    for key in sorted(before.definition.keys() | after.definition.keys()):
        old, new = before.definition.get(key), after.definition.get(key)
        if old != new:
            parts.append(f"{key} {new}" if old is None else f"no {key}" if new is None else f"{key} {new} instead of {old}")
    return f"{_policy_word(after)} {after.name} changed: {', '.join(parts).replace('apply_to', 'applies to')}"


def _changes(kind: str, what: str, vhost: str, items: Sequence[tuple[str, str]]) -> list[ChangeText]:
    """One change for each (name, sentence), or a single one with their number if there are too many."""
    items = [(name, text) for name, text in items if not any(part.startswith(OWN_PREFIX) for part in name.split(" → "))]
    if len(items) <= MOST_SENTENCES:
        return [ChangeText(kind, what, vhost, name, text) for name, text in items]
    plural = {"policy": "policies"}.get(kind, f"{kind}s")
    verb = {"added": "added", "gone": "removed" if kind == "binding" else "deleted", "changed": "changed"}[what]
    return [ChangeText(kind, what, vhost, "", f"{len(items):,} {plural} {verb} in {vhost}")]
