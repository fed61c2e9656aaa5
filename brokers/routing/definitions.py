"""RabbitMQ's exported definitions, read into what routing needs.

Pure. Takes the export of one virtual host (`/api/definitions/{vhost}`), of a whole broker (one virtual host is selected), with exact types in
`arguments_amqp`, tables as lists of pairs, and operator policies, which RabbitMQ exports among `parameters`. Bindings that name a missing queue or exchange
are kept apart: RabbitMQ drops them at import. Unknown fields are ignored; anything else that is invalid raises InvalidQuestion, which names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.bindings import Bound
from brokers.routing.exported_types import DefaultType, default_type, type_of
from brokers.routing.fields import InvalidQuestion, any_number, exported_table, kind_of, rows, short_text, table, truth
from brokers.routing.policies import Policy
from brokers.routing.predeclared import OWN_EXCHANGES
from brokers.routing.queue_types import UNKNOWN_TYPE
from brokers.routing.values import VOID, InvalidValue, from_json, from_pair
from brokers.routing.versions import version_tuple
from brokers.topology import ExchangeDefinition, QueueDefinition, Topology

MOST_BINDINGS = 100_000
MOST_POLICIES = 1_000
IMPERSONATOR = "impersonator"
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
    """One virtual host. `rights` None: they are not known, for the reason in `rights_unknown`.

    `policies_ordered` as in `policies.PolicySet`; `unchecked`: objects may be such as a broker would refuse. `type_uncertainties`: why the type of a queue
    is uncertain, by its name. `dropped`: bindings that name a missing queue or exchange. `impersonators`: users who may publish in another's name; None:
    not known.
    """

    vhost: str
    exchanges: tuple[ExchangeDefinition, ...]
    queues: tuple[QueueDefinition, ...]
    bindings: tuple[Bound, ...]
    policies: tuple[Policy, ...]
    operator_policies: tuple[Policy, ...]
    rights: tuple[Right, ...] | None = None
    version: str | None = None
    rights_unknown: str = NO_PERMISSIONS
    policies_ordered: bool = True
    unchecked: bool = False
    type_uncertainties: Mapping[str, str] = {}
    dropped: tuple[Bound, ...] = ()
    impersonators: frozenset[str] | None = None


def read(definitions: Any, vhost: str | None = None, path: str = "definitions", version: str | None = None) -> Contents:
    """The contents of the virtual host, or of the only one in the definitions; `version`: the broker's, else that of the definitions. Raises
    InvalidQuestion."""
    if not isinstance(definitions, Mapping):
        raise InvalidQuestion(path, f"must be RabbitMQ's exported definitions (an object), not {kind_of(definitions)}")
    if not {"exchanges", "queues", "bindings"} & definitions.keys():
        raise InvalidQuestion(path, "has none of exchanges, queues and bindings: not the definitions that RabbitMQ exports")
    dot = f"{path}."
    named = _vhost(definitions, vhost, path)
    here = {name: _of_vhost(definitions, name, dot, named) for name in ("exchanges", "queues", "bindings", "policies", "operator_policies", "parameters")}
    versions = (definitions.get(name) for name in ("rabbit_version", "rabbitmq_version", "product_version"))
    exported = next((version for version in versions if isinstance(version, str) and version), None)
    default, numbers = default_type(definitions, named), version_tuple(version or exported)
    queues = [_queue(item, where, default, numbers) for item, where in here["queues"]]
    exchanges = _once([_exchange(item, where) for item, where in here["exchanges"]], f"{dot}exchanges")
    bindings, dropped = _imported([read_binding(item, where) for item, where in here["bindings"]], exchanges, [queue for queue, _ in queues])
    return Contents(
        named or "/",
        exchanges,
        _once([queue for queue, _ in queues], f"{dot}queues"),
        bindings,
        tuple(read_policy(item, where) for item, where in here["policies"]),
        _operator_policies(here["operator_policies"], here["parameters"]),
        _rights(definitions, dot, named),
        exported,
        unchecked=True,
        type_uncertainties={queue.name: uncertainty for queue, uncertainty in queues if uncertainty},
        dropped=dropped,
        impersonators=_impersonators(definitions),
    )


def _operator_policies(listed: list[tuple[Mapping[str, Any], str]], parameters: list[tuple[Mapping[str, Any], str]]) -> tuple[Policy, ...]:
    """Those among the parameters, in the broker's order, then those listed beside them; each name once."""
    found: dict[str, Policy] = {}
    for item, where in parameters:
        if item.get("component") == "operator_policy":
            policy = read_policy({"name": item.get("name"), **exported_table(item, "value", f"{where}.")}, f"{where}.value")
            found.setdefault(policy.name, policy)
    for item, where in listed:
        policy = read_policy(item, where)
        found.setdefault(policy.name, policy)
    return tuple(found.values())


def _imported(bindings: list[Bound], exchanges: tuple[ExchangeDefinition, ...], queues: list[QueueDefinition]) -> tuple[tuple[Bound, ...], tuple[Bound, ...]]:
    """(bindings that exist after an import, each once; those that are dropped, as they name what does not exist)."""
    names = {"exchange": {one.name for one in exchanges} | OWN_EXCHANGES, "queue": {one.name for one in queues}}
    explicit = {identity(bound): bound for bound in bindings if bound.source}.values()
    kept = tuple(bound for bound in explicit if bound.source in names["exchange"] and bound.destination in names[bound.destination_type])
    there = {id(bound) for bound in kept}
    return kept, tuple(bound for bound in explicit if id(bound) not in there)


def _impersonators(definitions: Mapping[str, Any]) -> frozenset[str]:
    users = definitions.get("users")
    tagged = [(user.get("name"), user.get("tags")) for user in (users if isinstance(users, list) else ()) if isinstance(user, Mapping)]
    return frozenset(name for name, tags in tagged if isinstance(name, str) and IMPERSONATOR in (tags if isinstance(tags, list) else str(tags).split(",")))


def of_topology(topology: Topology, rights: tuple[Right, ...] | None = None, rights_unknown: str = NEEDS_ADMINISTRATOR) -> Contents:
    """The contents of a virtual host that was polled; its binding arguments came through the management API too."""
    bindings = tuple(
        _bound(item.source, item.destination, item.destination_type, item.routing_key, item.arguments, {}, "bindings")
        for item in topology.bindings
        if item.source
    )
    policies = [(item.operator, Policy(item.name, item.pattern, item.apply_to, item.priority, item.definition)) for item in topology.policies]
    user, operator = (tuple(policy for is_operator, policy in policies if is_operator is wanted) for wanted in (False, True))
    return Contents(
        topology.vhost,
        topology.exchanges,
        topology.queues,
        bindings,
        user,
        operator,
        rights,
        rights_unknown=rights_unknown,
        policies_ordered=False,
    )


def vhosts_of(definitions: Any) -> list[str]:
    """The names of all virtual hosts in the definitions, sorted; none in the export of one virtual host, where nothing needs to name it."""
    if not isinstance(definitions, Mapping):
        return []
    listed = definitions.get("vhosts")
    names = {item["name"] for item in (listed if isinstance(listed, list) else ()) if isinstance(item, Mapping) and isinstance(item.get("name"), str)}
    return sorted(names | _named_vhosts(definitions, "exchanges", "queues", "bindings", "policies", "parameters"))


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
    arguments = exported_table(item, "arguments", dot)
    alternate = arguments.get("alternate-exchange")
    if alternate is not None and not isinstance(alternate, str):
        raise InvalidQuestion(f"{where}.arguments.alternate-exchange", f"must be text, not {kind_of(alternate)}")
    durable, auto_delete, internal = item.get("durable") is not False, truth(item, "auto_delete", dot), truth(item, "internal", dot)
    return ExchangeDefinition(name, short_text(item, "type", dot), durable, auto_delete, internal, dict(arguments))


def _queue(item: Mapping[str, Any], where: str, default: DefaultType, version: tuple[int, ...]) -> tuple[QueueDefinition, str]:
    """(the queue, why its type is not certain or "")."""
    dot = f"{where}."
    arguments = dict(exported_table(item, "arguments", dot))
    kind, uncertainty = type_of(item, arguments, default, version)
    durable, auto_delete, exclusive = item.get("durable") is not False, truth(item, "auto_delete", dot), truth(item, "exclusive", dot)
    return QueueDefinition(short_text(item, "name", dot), kind or UNKNOWN_TYPE, durable, auto_delete, exclusive, arguments), uncertainty


def read_policy(item: Mapping[str, Any], where: str) -> Policy:
    """A policy as RabbitMQ exports it. Raises InvalidQuestion, as does `read_binding`."""
    dot = f"{where}."
    pattern = item.get("pattern")
    if not isinstance(pattern, str):
        raise InvalidQuestion(f"{where}.pattern", f"must be text, not {kind_of(pattern)}")
    apply_to = item.get("apply-to", item.get("apply_to", "all"))
    if not isinstance(apply_to, str):
        raise InvalidQuestion(f"{where}.apply-to", f"must be text, not {kind_of(apply_to)}")
    return Policy(short_text(item, "name", dot, ""), pattern, apply_to or "all", any_number(item, "priority", dot), exported_table(item, "definition", dot))


def read_binding(item: Mapping[str, Any], where: str) -> Bound:
    """A binding as RabbitMQ exports it; `arguments_amqp` overrides its `arguments`."""
    dot = f"{where}."
    kind = short_text(item, "destination_type", dot, "queue")
    if kind not in ("queue", "exchange"):
        raise InvalidQuestion(f"{where}.destination_type", f'must be "queue" or "exchange", not "{kind}"')
    arguments, exact = exported_table(item, "arguments", dot), table(item, "arguments_amqp", dot)
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
