"""Applies hypothetical changes to a virtual host.

Pure: the input is not modified. A change that can't be applied (an unknown exchange, a missing binding) raises InvalidQuestion,
which names its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from brokers.routing.bindings import Bound
from brokers.routing.definitions import Contents, identity, of_topology
from brokers.routing.fields import InvalidQuestion
from brokers.routing.policies import Policy
from brokers.routing.predeclared import INTERNAL, OWN_EXCHANGES, PREDECLARED
from brokers.routing.versions import version_tuple
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.routing.what_if.changes import (
    AlternateSet,
    ArgumentSet,
    BindingAdded,
    BindingRemoved,
    BindingReplaced,
    Change,
    Chosen,
    PolicyRemoved,
    PolicySet,
)
from brokers.routing.what_if.refusals import refuse
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, Topology


def changed(contents: Contents, changes: Iterable[tuple[Change, str]], version: str | None = None) -> Contents:
    """The contents after the changes, applied in order; each comes with its path in the question. Raises InvalidQuestion, also for what a broker of this
    version refuses."""
    numbers = version_tuple(version or contents.version)
    for change, path in changes:
        refuse(contents, change, path, numbers)
        contents = _APPLY[type(change)](contents, change, path)
    return contents


def changed_router(router: VirtualHostRouter, changes: Iterable[tuple[Change, str]]) -> VirtualHostRouter:
    """The same virtual host after the changes, with the same broker version and rights."""
    listed, version = list(changes), ".".join(map(str, router.version))
    reported = None if any(isinstance(change, PolicySet | PolicyRemoved | ArgumentSet) for change, _ in listed) else router.reported
    return VirtualHostRouter(changed(router.contents, listed, version), version, reported)


def changed_topology(topology: Topology, changes: Iterable[tuple[Change, str]], version: str | None = None) -> Topology:
    """A polled topology after the changes; fields that routing does not use are kept."""
    after = changed(of_topology(topology), changes, version)
    policies = [(policy, False) for policy in after.policies] + [(policy, True) for policy in after.operator_policies]
    return msgspec.structs.replace(
        topology,
        exchanges=after.exchanges,
        queues=after.queues,
        bindings=tuple(BindingDefinition(one.source, one.destination, one.destination_type, one.routing_key, dict(one.arguments)) for one in after.bindings),
        policies=tuple(PolicyDefinition(one.name, one.pattern, one.apply_to, one.priority, dict(one.definition), operator) for one, operator in policies),
    )


def _add(contents: Contents, change: BindingAdded, path: str) -> Contents:
    binding = change.binding
    _must_exist(contents, binding, path)
    if any(_are_equal(one, binding) for one in contents.bindings):
        return contents  # RabbitMQ keeps one of equal bindings
    return msgspec.structs.replace(contents, bindings=(*contents.bindings, binding))


def _remove(contents: Contents, change: BindingRemoved, path: str) -> Contents:
    gone = _found(contents, change.chosen, path)
    return msgspec.structs.replace(contents, bindings=tuple(one for one in contents.bindings if one is not gone))


def _replace(contents: Contents, change: BindingReplaced, path: str) -> Contents:
    old, new = _found(contents, change.chosen, path), change.binding
    if change.keeps_arguments:
        new = msgspec.structs.replace(old, routing_key=new.routing_key)
    same, kept = identity(new), [new if one is old else one for one in contents.bindings]
    again = [one for one in kept if identity(one) == same][1:]  # RabbitMQ keeps one of equal bindings
    return msgspec.structs.replace(contents, bindings=tuple(one for one in kept if not any(one is other for other in again)))


def _are_equal(one: Bound, other: Bound) -> bool:
    """Whether RabbitMQ treats them as one binding; keys are compared first, as there may be very many bindings."""
    return one.routing_key == other.routing_key and identity(one) == identity(other)


def _must_exist(contents: Contents, binding: Bound, path: str) -> None:
    if not binding.source:
        raise InvalidQuestion(f"{path}.source", "is the default exchange, whose bindings can't be changed: every queue is bound to it by its name")
    _exchange_must_exist(contents, binding.source, f"{path}.source")
    if binding.destination_type == "exchange":
        _exchange_must_exist(contents, binding.destination, f"{path}.destination")
    elif all(queue.name != binding.destination for queue in contents.queues):
        raise InvalidQuestion(f"{path}.destination", f'there is no queue "{binding.destination}"')


def _exchange_must_exist(contents: Contents, name: str, field: str) -> None:
    if name not in OWN_EXCHANGES and all(exchange.name != name for exchange in contents.exchanges):
        raise InvalidQuestion(field, f'there is no exchange "{name}"')


def _found(contents: Contents, chosen: Chosen, path: str) -> Bound:
    wanted = (chosen.source, chosen.destination, chosen.destination_type, chosen.routing_key)
    found = [one for one in contents.bindings if (one.source, one.destination, one.destination_type, one.routing_key) == wanted]
    if chosen.arguments is not None:
        found = [one for one in found if _as_json(one.arguments) == _as_json(chosen.arguments)]
    if not found:
        raise InvalidQuestion(path, f'there is no such binding from "{chosen.source}" to {chosen.destination_type} "{chosen.destination}"')
    if len(found) > 1:
        raise InvalidQuestion(f"{path}.arguments", f"is required: {len(found)} bindings differ only in their arguments")
    return found[0]


def _as_json(arguments: Mapping[str, Any]) -> bytes:
    """For comparison; distinguishes 1 and 1.0, as a broker does."""
    return msgspec.json.encode(arguments, order="deterministic")


def _set_policy(contents: Contents, change: PolicySet, path: str) -> Contents:
    return _with_policies(contents, change.operator, change.policy.name, (change.policy,))


def _remove_policy(contents: Contents, change: PolicyRemoved, path: str) -> Contents:
    known = contents.operator_policies if change.operator else contents.policies
    if all(one.name != change.name for one in known):
        raise InvalidQuestion(f"{path}.name", f'there is no {"operator " if change.operator else ""}policy "{change.name}"')
    return _with_policies(contents, change.operator, change.name, ())


def _with_policies(contents: Contents, operator: bool, name: str, new: tuple[Policy, ...]) -> Contents:
    known = contents.operator_policies if operator else contents.policies
    kept = (*(one for one in known if one.name != name), *new)
    ordered = contents.policies_ordered and not new  # the broker decides where in its order a new one is
    if operator:
        return msgspec.structs.replace(contents, operator_policies=kept, policies_ordered=ordered)
    return msgspec.structs.replace(contents, policies=kept, policies_ordered=ordered)


def _set_alternate(contents: Contents, change: AlternateSet, path: str) -> Contents:
    if not change.exchange:
        raise InvalidQuestion(f"{path}.exchange", "is the default exchange, which can't have an alternate exchange")
    _exchange_must_exist(contents, change.exchange, f"{path}.exchange")
    known = {one.name: one for one in contents.exchanges}
    exchange = known.get(change.exchange) or _own(change.exchange)
    if change.alternate is None and "alternate-exchange" not in exchange.arguments:
        raise InvalidQuestion(f"{path}.exchange", f'"{change.exchange}" has no alternate exchange of its own; a policy may set one')
    known[change.exchange] = msgspec.structs.replace(exchange, arguments=_with(exchange.arguments, "alternate-exchange", change.alternate))
    return msgspec.structs.replace(contents, exchanges=tuple(known.values()))


def _own(name: str) -> ExchangeDefinition:
    """A predeclared exchange, which an export may lack."""
    return ExchangeDefinition(name, PREDECLARED.get(name, "topic"), internal=name in INTERNAL)


def _set_argument(contents: Contents, change: ArgumentSet, path: str) -> Contents:
    queue = next((one for one in contents.queues if one.name == change.queue), None)
    if queue is None:
        raise InvalidQuestion(f"{path}.queue", f'there is no queue "{change.queue}"')
    if change.value is None and change.argument not in queue.arguments:
        raise InvalidQuestion(f"{path}.argument", f'"{change.queue}" has no argument "{change.argument}"; a policy may set it')
    arguments = _with(queue.arguments, change.argument, change.value)
    kind = (change.value or "classic") if change.argument == "x-queue-type" else queue.type
    new = msgspec.structs.replace(queue, arguments=arguments, type=kind)
    uncertainties = {name: uncertainty for name, uncertainty in contents.type_uncertainties.items() if change.argument != "x-queue-type" or name != queue.name}
    return msgspec.structs.replace(contents, queues=tuple(new if one is queue else one for one in contents.queues), type_uncertainties=uncertainties)


def _with(arguments: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The arguments with this one set, or removed if the value is None."""
    kept = {key: inner for key, inner in arguments.items() if key != name}
    return kept if value is None else {**kept, name: value}


_APPLY: dict[type, Callable[[Contents, Any, str], Contents]] = {
    BindingAdded: _add,
    BindingRemoved: _remove,
    BindingReplaced: _replace,
    PolicySet: _set_policy,
    PolicyRemoved: _remove_policy,
    AlternateSet: _set_alternate,
    ArgumentSet: _set_argument,
}
