"""RabbitMQ's exported definitions, read into what routing needs.

Pure. Takes the export of one virtual host (`/api/definitions/{vhost}`), of a whole broker (one virtual host is selected), with exact types in
`arguments_amqp`, and operator policies, which RabbitMQ exports among `parameters`. Unknown fields are ignored; anything else that is
invalid raises InvalidQuestion, which names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.bindings import Bound
from brokers.routing.fields import InvalidQuestion, kind_of, rows, short_text, table, truth, whole_number
from brokers.routing.policies import Policy
from brokers.routing.values import VOID, InvalidValue, from_json, from_pair
from brokers.topology import ExchangeDefinition, QueueDefinition, Topology

MOST_BINDINGS = 100_000
MOST_POLICIES = 1_000
UNDEFINED = "undefined"
"""How the management API shows a void value."""

NO_PERMISSIONS = "needs administrator: only an administrator's export of the whole broker contains permissions; these definitions have none"
NEEDS_ADMINISTRATOR = "needs administrator: RabbitMQ returns permissions only to a management user with that tag"


class Right(msgspec.Struct, frozen=True):
    """A write permission; `exchange` None: for exchanges by name, else for the topics of that exchange."""

    user: str
    write: str
    exchange: str | None = None


class Contents(msgspec.Struct):
    """One virtual host. `rights` None: they are not known, for the reason in `rights_unknown`."""

    vhost: str
    exchanges: tuple[ExchangeDefinition, ...]
    queues: tuple[QueueDefinition, ...]
    bindings: tuple[Bound, ...]
    policies: tuple[Policy, ...]
    operator_policies: tuple[Policy, ...]
    rights: tuple[Right, ...] | None = None
    version: str | None = None
    rights_unknown: str = NO_PERMISSIONS


def read(definitions: Any, vhost: str | None = None, path: str = "definitions") -> Contents:
    """The contents of the virtual host, or of the only one in the definitions. Raises InvalidQuestion."""
    if not isinstance(definitions, Mapping):
        raise InvalidQuestion(path, f"must be RabbitMQ's exported definitions (an object), not {kind_of(definitions)}")
    if not {"exchanges", "queues", "bindings"} & definitions.keys():
        raise InvalidQuestion(path, "has none of exchanges, queues and bindings: not the definitions that RabbitMQ exports")
    dot = f"{path}."
    named = _vhost(definitions, vhost, path)
    here = {name: _of_vhost(definitions, name, dot, named) for name in ("exchanges", "queues", "bindings", "policies", "operator_policies", "parameters")}
    operator = [read_policy(item, where) for item, where in here["operator_policies"]]
    operator += [
        read_policy({"name": item.get("name"), **table(item, "value", f"{where}.")}, f"{where}.value")
        for item, where in here["parameters"]
        if item.get("component") == "operator_policy"
    ]
    version = definitions.get("rabbit_version") or definitions.get("rabbitmq_version")
    return Contents(
        named or "/",
        _once([_exchange(item, where) for item, where in here["exchanges"]], f"{dot}exchanges"),
        _once([_queue(item, where) for item, where in here["queues"]], f"{dot}queues"),
        tuple({identity(bound): bound for bound in (read_binding(item, where) for item, where in here["bindings"]) if bound.source}.values()),
        tuple(read_policy(item, where) for item, where in here["policies"]),
        tuple(operator),
        _rights(definitions, dot, named),
        version if isinstance(version, str) else None,
    )


def of_topology(topology: Topology, rights: tuple[Right, ...] | None = None, rights_unknown: str = NEEDS_ADMINISTRATOR) -> Contents:
    """The contents of a virtual host that was polled; its binding arguments came through the management API too."""
    bindings = tuple(
        _bound(item.source, item.destination, item.destination_type, item.routing_key, item.arguments, {}, "bindings")
        for item in topology.bindings
        if item.source
    )
    policies = [(item.operator, Policy(item.name, item.pattern, item.apply_to, item.priority, item.definition)) for item in topology.policies]
    user, operator = (tuple(policy for is_operator, policy in policies if is_operator is wanted) for wanted in (False, True))
    return Contents(topology.vhost, topology.exchanges, topology.queues, bindings, user, operator, rights, rights_unknown=rights_unknown)


def _vhost(definitions: Mapping[str, Any], requested: str | None, path: str) -> str | None:
    """The requested virtual host, or the only one that objects name; None if they name none."""
    found = _named_vhosts(definitions, "exchanges", "queues", "bindings") or _named_vhosts(definitions, "policies", "parameters")
    listed = definitions.get("vhosts")
    known = found | {item["name"] for item in (listed if isinstance(listed, list) else ()) if isinstance(item, Mapping) and isinstance(item.get("name"), str)}
    if requested is None:
        if len(found) > 1:
            raise InvalidQuestion("vhost", f"{path} holds several virtual hosts; name one of {', '.join(sorted(found)[:10])}")
        return next(iter(found), None)
    if known and requested not in known:
        raise InvalidQuestion("vhost", f'there is no virtual host "{requested}" in {path}; there are {", ".join(sorted(known)[:10])}')
    return requested


def _named_vhosts(definitions: Mapping[str, Any], *names: str) -> set[str]:
    """The virtual hosts named by rows under these names. In an export of one virtual host only policies and parameters name it (RabbitMQ 3.10.8)."""
    listed = [definitions[name] for name in names if isinstance(definitions.get(name), list)]
    return {item["vhost"] for items in listed for item in items if isinstance(item, Mapping) and isinstance(item.get("vhost"), str)}


def _of_vhost(definitions: Mapping[str, Any], name: str, dot: str, vhost: str | None) -> list[tuple[Mapping[str, Any], str]]:
    """[(row, its path)] of the rows in the virtual host; rows without one belong to it."""
    most = MOST_POLICIES if name.endswith("policies") else MOST_BINDINGS
    return [(item, f"{dot}{name}[{number}]") for number, item in enumerate(rows(definitions, name, dot, most)) if item.get("vhost", vhost) == vhost]


def _exchange(item: Mapping[str, Any], where: str) -> ExchangeDefinition:
    name, dot = short_text(item, "name", f"{where}."), f"{where}."
    arguments = table(item, "arguments", dot)
    alternate = arguments.get("alternate-exchange")
    if alternate is not None and not isinstance(alternate, str):
        raise InvalidQuestion(f"{where}.arguments.alternate-exchange", f"must be text, not {kind_of(alternate)}")
    return ExchangeDefinition(name, short_text(item, "type", dot), internal=truth(item, "internal", dot), arguments=dict(arguments))


def _queue(item: Mapping[str, Any], where: str) -> QueueDefinition:
    dot = f"{where}."
    arguments = dict(table(item, "arguments", dot))
    kind = arguments.get("x-queue-type") or item.get("type") or "classic"
    return QueueDefinition(short_text(item, "name", dot), kind if isinstance(kind, str) else "classic", arguments=arguments)


def read_policy(item: Mapping[str, Any], where: str) -> Policy:
    """A policy as RabbitMQ exports it. Raises InvalidQuestion, as does `read_binding`."""
    dot = f"{where}."
    pattern = item.get("pattern")
    if not isinstance(pattern, str):
        raise InvalidQuestion(f"{where}.pattern", f"must be text, not {kind_of(pattern)}")
    apply_to = item.get("apply-to", item.get("apply_to", "all"))
    if not isinstance(apply_to, str):
        raise InvalidQuestion(f"{where}.apply-to", f"must be text, not {kind_of(apply_to)}")
    return Policy(short_text(item, "name", dot, ""), pattern, apply_to or "all", whole_number(item, "priority", dot), table(item, "definition", dot))


def read_binding(item: Mapping[str, Any], where: str) -> Bound:
    """A binding as RabbitMQ exports it; `arguments_amqp` overrides its `arguments`."""
    dot = f"{where}."
    kind = short_text(item, "destination_type", dot, "queue")
    if kind not in ("queue", "exchange"):
        raise InvalidQuestion(f"{where}.destination_type", f'must be "queue" or "exchange", not "{kind}"')
    arguments, exact = table(item, "arguments", dot), table(item, "arguments_amqp", dot)
    return _bound(
        short_text(item, "source", dot), short_text(item, "destination", dot), kind, short_text(item, "routing_key", dot, ""), arguments, exact, where
    )


def _bound(source: str, destination: str, kind: str, key: str, arguments: Mapping[str, Any], exact: Mapping[str, Any], where: str) -> Bound:
    if not arguments and not exact:
        return Bound(source, destination, kind, key)
    try:
        pattern = {
            name: VOID if value == UNDEFINED else from_json(value, f"{where}.arguments.{name}") for name, value in arguments.items() if name not in exact
        }
        pattern |= {name: from_pair(pair, f"{where}.arguments_amqp.{name}") for name, pair in exact.items()}
    except InvalidValue as error:
        raise InvalidQuestion(error.path, error.why) from error
    shown = dict(arguments) | {name: pair[1] for name, pair in exact.items() if name not in arguments}
    lossy = any(value == UNDEFINED and name not in exact for name, value in arguments.items())
    return Bound(source, destination, kind, key, shown, pattern, lossy)


def identity(bound: Bound) -> tuple[str, ...]:
    """RabbitMQ keeps one binding for equal source, destination, key and arguments."""
    return (bound.source, bound.destination_type, bound.destination, bound.routing_key, repr(sorted(bound.pattern.items())) if bound.pattern else "")


def _once(items: list[Any], path: str) -> tuple[Any, ...]:
    """Each object once. Raises InvalidQuestion if two of the same name differ."""
    found: dict[str, Any] = {}
    for number, item in enumerate(items):
        if found.setdefault(item.name, item) != item:
            raise InvalidQuestion(f"{path}[{number}].name", f'"{item.name}" is there twice, with other settings')
    return tuple(found.values())


def _rights(definitions: Mapping[str, Any], dot: str, vhost: str | None) -> tuple[Right, ...] | None:
    if "permissions" not in definitions:
        return None
    found = []
    for name in ("permissions", "topic_permissions"):
        for item, where in _of_vhost(definitions, name, dot, vhost):
            exchange = short_text(item, "exchange", f"{where}.") if name == "topic_permissions" else None
            found.append(Right(short_text(item, "user", f"{where}."), str(item.get("write", "")), exchange))
    return tuple(found)
