"""The changes between two moments, as sentences, with the definitions before and after.

Pure. Hareline's own objects (`hareline.…`) and all of its lab are left out, and so are exclusive and auto-delete ones, which reconnecting clients recreate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from brokers.change_details import detail_of, names_detail
from brokers.lab_names import is_of_lab
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, Topology

OWN_PREFIX = "hareline."
MOST_SENTENCES = 20
"""More simultaneous changes of one kind become a single sentence with their number."""
KINDS = (
    "exchange", "queue", "binding", "policy", "operator_policy", "permission", "user", "vhost", "node", "alarm", "consumer", "worker", "broker", "hareline",
)  # fmt: skip
WHATS = ("added", "gone", "changed", "restarted", "raised", "cleared", "started")

Detail = dict[str, Any] | None


class ChangeText(msgspec.Struct, frozen=True):
    """A change: one of KINDS, one of WHATS, the object's name, a sentence; its definition before and after, None where there was or is none, or nothing is
    known of it. `earlier_at`: when it was last seen as before, where that is not the poll before. `who`: where that is known at once."""

    kind: str
    what: str
    vhost: str
    name: str
    text: str
    before: Detail = None
    after: Detail = None
    earlier_at: datetime | None = None
    who: str | None = None


class _Item(msgspec.Struct, frozen=True):
    name: str
    text: str
    before: Detail = None
    after: Detail = None


def queue_changes(vhost: str, added: Mapping[str, Detail], gone: Mapping[str, Detail]) -> list[ChangeText]:
    """Sentences for queues that were added and deleted, each with its definition; the caller leaves out exclusive and auto-delete ones.

    >>> [change.text for change in queue_changes("/", {"mail": None}, {})]
    ['Queue mail added']
    """
    return _changes("queue", "added", vhost, [_Item(name, f"Queue {name} added", after=added[name]) for name in sorted(added)]) + _changes(
        "queue", "gone", vhost, [_Item(name, f"Queue {name} deleted", before=gone[name]) for name in sorted(gone)]
    )


def queue_policy_changes(vhost: str, changed: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]) -> list[ChangeText]:
    """Sentences for queues with other policies in force: {name: (before, after)}, each with `policy` and `operator_policy`, "" for none."""
    items = []
    for name, (before, after) in sorted(changed.items()):
        parts = [
            f"now has {word} {after[key]}" if after[key] else f"no longer has {word} {before[key]}"
            for key, word in (("policy", "policy"), ("operator_policy", "operator policy"))
            if before[key] != after[key]
        ]
        items.append(_Item(name, f"Queue {name} {' and '.join(parts)}", dict(before), dict(after)))
    return _changes("queue", "changed", vhost, items)


def topology_changes(earlier: Topology, later: Topology) -> list[ChangeText]:
    """Sentences for the exchanges, bindings and policies that differ. A binding removed together with its queue or exchange is left out."""
    before, after, vhost = earlier.lasting(), later.lasting(), later.vhost
    was = {exchange.name: exchange for exchange in before.exchanges}
    now = {exchange.name: exchange for exchange in after.exchanges}
    added = [_Item(name, f"Exchange {name} ({now[name].type}) added", after=_definition(now[name])) for name in sorted(now.keys() - was.keys())]
    gone = [_Item(name, f"Exchange {name} deleted", before=_definition(was[name])) for name in sorted(was.keys() - now.keys())]
    changed = [
        _Item(name, text, _definition(was[name]), _definition(now[name]))
        for name in sorted(was.keys() & now.keys())
        if (text := _exchange_change(was[name], now[name]))
    ]
    return [
        *_changes("exchange", "added", vhost, added),
        *_changes("exchange", "gone", vhost, gone),
        *_changes("exchange", "changed", vhost, changed),
        *_binding_changes(before, after),
        *_policy_changes(before, after, operator=False),
        *_policy_changes(before, after, operator=True),
    ]


def _definition(found: ExchangeDefinition | BindingDefinition | PolicyDefinition) -> dict[str, Any]:
    """All of it but its name, which the change has, and what the broker derives."""
    values = msgspec.structs.asdict(found)
    return detail_of({name: value for name, value in values.items() if name not in ("name", "operator", "properties_key")})


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
    added = [_binding_item(now[key], "added") for key in now if key not in was]
    gone = [_binding_item(was[key], "removed") for key in was if key not in now and {_source(was[key]), _destination(was[key])} <= left & existed]
    return _changes("binding", "added", after.vhost, added) + _changes("binding", "gone", after.vhost, gone)


def _names(topology: Topology) -> set[tuple[str, str]]:
    return {("exchange", exchange.name) for exchange in topology.exchanges} | {("queue", queue.name) for queue in topology.queues}


def _source(binding: BindingDefinition) -> tuple[str, str]:
    return ("exchange", binding.source)


def _destination(binding: BindingDefinition) -> tuple[str, str]:
    return (binding.destination_type, binding.destination)


def _identity(binding: BindingDefinition) -> tuple[Any, ...]:
    return (binding.source, binding.destination_type, binding.destination, binding.routing_key, msgspec.json.encode(binding.arguments, order="deterministic"))


def _binding_item(binding: BindingDefinition, what: str) -> _Item:
    """With a sentence: "Binding added: shop.orders → receipts (key order.paid.*)", or "(all of kind=pdf, paid=true)" for headers."""
    definition = _definition(binding)
    before, after = (None, definition) if what == "added" else (definition, None)
    return _Item(f"{binding.source} → {binding.destination}", f"Binding {what}: {binding_label(binding)}", before, after)


def binding_label(binding: BindingDefinition) -> str:
    """
    >>> binding_label(BindingDefinition("orders", "receipts", "queue", "order.*")), binding_label(BindingDefinition("a", "b", "exchange", "", {"pdf": True}))
    ('orders → receipts (key order.*)', 'a → exchange b (pdf=true)')
    """
    headers = {name: value for name, value in binding.arguments.items() if name != "x-match"}
    match = f"{str(binding.arguments['x-match']).removesuffix('-with-x')} of " if "x-match" in binding.arguments else ""
    arguments = ", ".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in sorted(headers.items()))
    label = ", ".join(part for part in (f"key {binding.routing_key}" if binding.routing_key else "", match + arguments if arguments else "") if part)
    to = "exchange " if binding.destination_type == "exchange" else ""
    return f"{binding.source} → {to}{binding.destination}{f' ({label})' if label else ''}"


def _policy_changes(earlier: Topology, later: Topology, operator: bool) -> list[ChangeText]:
    was = {policy.name: policy for policy in earlier.policies if policy.operator == operator}
    now = {policy.name: policy for policy in later.policies if policy.operator == operator}
    kind, word = ("operator_policy", "Operator policy") if operator else ("policy", "Policy")
    added = [_Item(name, f"{word} {name} for {now[name].pattern} added", after=_definition(now[name])) for name in sorted(now.keys() - was.keys())]
    gone = [_Item(name, f"{word} {name} removed", before=_definition(was[name])) for name in sorted(was.keys() - now.keys())]
    changed = [
        _Item(name, f"{word} {_policy_change(was[name], now[name])}", _definition(was[name]), _definition(now[name]))
        for name in sorted(now.keys() & was.keys())
        if now[name] != was[name]
    ]
    return [
        *_changes(kind, "added", later.vhost, added),
        *_changes(kind, "gone", later.vhost, gone),
        *_changes(kind, "changed", later.vhost, changed),
    ]


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
    return f"{after.name} changed: {', '.join(parts).replace('apply_to', 'applies to')}"


def _changes(kind: str, what: str, vhost: str, items: Sequence[_Item]) -> list[ChangeText]:
    """One change for each item, or a single one with their number, and the first names, if there are too many."""
    items = [item for item in items if not is_own(item.name, vhost)]
    if len(items) <= MOST_SENTENCES:
        return [ChangeText(kind, what, vhost, item.name, item.text, item.before, item.after) for item in items]
    plural = {"policy": "policies", "operator_policy": "operator policies"}.get(kind, f"{kind}s")
    verb = {"added": "added", "gone": "removed" if kind == "binding" else "deleted", "changed": "changed"}[what]
    names = names_detail(item.name for item in items)
    before, after = (names, None) if what == "gone" else (None, names)
    return [ChangeText(kind, what, vhost, "", f"{len(items):,} {plural} {verb} in {vhost}", before, after)]


def is_own(name: str, vhost: str) -> bool:
    """Whether it is an object of Hareline's, a binding to one, or in a virtual host of its lab."""
    return is_of_lab(vhost) or any(part.startswith(OWN_PREFIX) for part in name.split(" → "))


def folded(kind: str, items: Iterable[ChangeText], vhost: str, text: str) -> list[ChangeText]:
    """The changes of a kind in one virtual host; of more than MOST_SENTENCES a single one with `text` after their number."""
    found = [item for item in items if not is_own(item.name, vhost)]
    if len(found) <= MOST_SENTENCES:
        return found
    return [ChangeText(kind, "changed", vhost, "", f"{len(found):,} {text}", None, names_detail(item.name for item in found))]
