"""Hypothetical changes to a virtual host, read from JSON: a binding, a policy, an alternate exchange, a queue's argument.

Pure. `changed` applies them, `change_text` describes them. Errors are InvalidQuestion and name the field
(`what_if[1].routing_key`). Format: docs/routing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.bindings import Bound
from brokers.routing.definitions import read_binding, read_policy
from brokers.routing.fields import InvalidQuestion, kind_of, rows, short_text, table, truth, unknown_field
from brokers.routing.patterns import Patterns
from brokers.routing.policies import Policy

MOST_CHANGES = 20
POLICY_APPLIES_TO = ("all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams")
_NUMBERS = ("x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-delivery-limit", "x-max-priority")
_TEXTS = ("x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-overflow", "x-queue-type")
_CHOICES = {
    "x-dead-letter-strategy": ("at-most-once", "at-least-once"),
    "x-overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "x-queue-type": ("classic", "quorum", "stream"),
}
QUEUE_ARGUMENTS = (*_NUMBERS, *_TEXTS, "x-single-active-consumer")


class BindingAdded(msgspec.Struct, frozen=True):
    binding: Bound


class Chosen(msgspec.Struct, frozen=True):
    """Identifies a binding; `arguments` None: only one has this source, destination and key."""

    source: str
    destination: str
    destination_type: str
    routing_key: str
    arguments: Mapping[str, Any] | None


class BindingRemoved(msgspec.Struct, frozen=True):
    chosen: Chosen


class BindingReplaced(msgspec.Struct, frozen=True):
    """`binding` takes the place of the chosen one."""

    chosen: Chosen
    binding: Bound
    keeps_arguments: bool


class PolicySet(msgspec.Struct, frozen=True):
    """A new policy, or a replacement for the one of that name."""

    policy: Policy
    operator: bool


class PolicyRemoved(msgspec.Struct, frozen=True):
    name: str
    operator: bool


class AlternateSet(msgspec.Struct, frozen=True):
    """The exchange's own argument, which takes precedence over a policy. `alternate` None: the argument is removed."""

    exchange: str
    alternate: str | None


class ArgumentSet(msgspec.Struct, frozen=True):
    """`value` None: the argument is removed."""

    queue: str
    argument: str
    value: Any


Change = BindingAdded | BindingRemoved | BindingReplaced | PolicySet | PolicyRemoved | AlternateSet | ArgumentSet


def listed(question: Mapping[str, Any], path: str = "") -> list[tuple[Mapping[str, Any], str]]:
    """[(change, its path)] of a question's `what_if`, not yet read; [] without one."""
    return [(item, f"{path}what_if[{number}]") for number, item in enumerate(rows(question, "what_if", path, MOST_CHANGES))]


def read_changes(items: Sequence[tuple[Mapping[str, Any], str]], known: Sequence[str] = ()) -> list[tuple[Change, str]]:
    """The changes and their paths. Raises InvalidQuestion; `known`: the changes named in errors, KINDS by default.

    >>> read_changes([({"change": "remove_policy", "name": "ttl"}, "what_if[0]")])[0][0]
    PolicyRemoved(name='ttl', operator=False)
    """
    return [(_read(item, path, known or KINDS), path) for item, path in items]


def _read(item: Mapping[str, Any], path: str, known: Sequence[str]) -> Change:
    kind = item.get("change")
    if not isinstance(kind, str) or kind not in _READERS:
        raise InvalidQuestion(f"{path}.change", f"must be one of {', '.join(known)}")
    unknown_field(item, {"change", *_FIELDS[kind]}, f"{path}.", f"the change {kind}")
    return _READERS[kind](item, path)


def _added(item: Mapping[str, Any], path: str) -> Change:
    return BindingAdded(read_binding(item, path))


def _chosen(item: Mapping[str, Any], path: str) -> Chosen:
    found = read_binding({name: value for name, value in item.items() if name not in ("arguments", "arguments_amqp")}, path)
    arguments = table(item, "arguments", f"{path}.") if item.get("arguments") is not None else None
    return Chosen(found.source, found.destination, found.destination_type, found.routing_key, arguments)


def _removed(item: Mapping[str, Any], path: str) -> Change:
    return BindingRemoved(_chosen(item, path))


def _replaced(item: Mapping[str, Any], path: str) -> Change:
    chosen, written = _chosen(item, path), table(item, "with", f"{path}.")
    if not {"routing_key", "arguments", "arguments_amqp"} & written.keys():
        raise InvalidQuestion(f"{path}.with", "must hold the new routing_key or arguments of the binding")
    new = {"routing_key": chosen.routing_key, **written, "source": chosen.source, "destination": chosen.destination}
    binding = read_binding({**new, "destination_type": chosen.destination_type}, f"{path}.with")
    return BindingReplaced(chosen, binding, not {"arguments", "arguments_amqp"} & written.keys())


def _policy_set(item: Mapping[str, Any], path: str) -> Change:
    short_text(item, "name", f"{path}.")
    policy, operator = read_policy(item, path), truth(item, "operator", f"{path}.")
    if policy.apply_to not in POLICY_APPLIES_TO:
        raise InvalidQuestion(f"{path}.apply-to", f"must be one of {', '.join(POLICY_APPLIES_TO)}")
    if not policy.definition:
        raise InvalidQuestion(f"{path}.definition", 'must hold the settings of the policy, such as {"message-ttl": 60000}')
    patterns = Patterns()
    patterns.found_in(policy.pattern, "")
    if policy.pattern in patterns.unknown:
        raise InvalidQuestion(f"{path}.pattern", patterns.unknown[policy.pattern])
    return PolicySet(policy, operator)


def _policy_removed(item: Mapping[str, Any], path: str) -> Change:
    return PolicyRemoved(short_text(item, "name", f"{path}."), truth(item, "operator", f"{path}."))


def _alternate_set(item: Mapping[str, Any], path: str) -> Change:
    return AlternateSet(short_text(item, "exchange", f"{path}."), short_text(item, "alternate", f"{path}."))


def _alternate_removed(item: Mapping[str, Any], path: str) -> Change:
    return AlternateSet(short_text(item, "exchange", f"{path}."), None)


def _argument_set(item: Mapping[str, Any], path: str) -> Change:
    name, value = _argument(item, path), item.get("value")
    if name in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int) or value < (-1 if name == "x-delivery-limit" else 0)):
        raise InvalidQuestion(f"{path}.value", f"must be a whole number from 0, not {kind_of(value) if not isinstance(value, int) else value}")
    if name in _TEXTS:
        short_text(item, "value", f"{path}.")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise InvalidQuestion(f"{path}.value", f"must be one of {', '.join(_CHOICES[name])}")
    if name == "x-single-active-consumer" and not isinstance(value, bool):
        raise InvalidQuestion(f"{path}.value", f"must be true or false, not {kind_of(value)}")
    return ArgumentSet(short_text(item, "queue", f"{path}."), name, value)


def _argument_removed(item: Mapping[str, Any], path: str) -> Change:
    return ArgumentSet(short_text(item, "queue", f"{path}."), _argument(item, path), None)


def _argument(item: Mapping[str, Any], path: str) -> str:
    name = short_text(item, "argument", f"{path}.")
    if name not in QUEUE_ARGUMENTS:
        raise InvalidQuestion(f"{path}.argument", f"must be one of {', '.join(QUEUE_ARGUMENTS)}")
    return name


_READERS: dict[str, Callable[[Mapping[str, Any], str], Change]] = {
    "add_binding": _added,
    "remove_binding": _removed,
    "replace_binding": _replaced,
    "set_policy": _policy_set,
    "remove_policy": _policy_removed,
    "set_alternate": _alternate_set,
    "remove_alternate": _alternate_removed,
    "set_queue_argument": _argument_set,
    "remove_queue_argument": _argument_removed,
}
KINDS = tuple(_READERS)
_BINDING = ("source", "destination", "destination_type", "routing_key", "arguments", "arguments_amqp", "vhost", "properties_key")
_FIELDS: dict[str, tuple[str, ...]] = {
    "add_binding": _BINDING,
    "remove_binding": _BINDING,
    "replace_binding": (*_BINDING, "with"),
    "set_policy": ("name", "pattern", "definition", "apply-to", "apply_to", "priority", "operator", "vhost"),
    "remove_policy": ("name", "operator"),
    "set_alternate": ("exchange", "alternate"),
    "remove_alternate": ("exchange",),
    "set_queue_argument": ("queue", "argument", "value"),
    "remove_queue_argument": ("queue", "argument"),
}
