"""Objects of a topology in the form in which RabbitMQ exports definitions, and a whole export that RabbitMQ imports.

Pure. The form of RabbitMQ 3.10 to 4.2: https://www.rabbitmq.com/docs/definitions. Users, passwords and permissions are never in it, nor parameters other than
operator policies, whose addresses may hold passwords.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from brokers.routing.queue_types import CLASSIC, UNKNOWN_TYPE, type_named
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

Definition = dict[str, Any]
OWN_PREFIX = "hareline."
PREDECLARED_PREFIX = "amq."
QUEUE_TYPE = "x-queue-type"
LEFT_OUT = (
    "users, passwords and permissions",
    "runtime parameters (shovels, federation upstreams, limits) and global parameters",
    "exclusive and auto-delete queues and exchanges, and their bindings",
    "Hareline’s own queues, and the exchanges that every virtual host has",
)
"""What an export of a recorded moment does not contain."""
PARTLY_VISIBLE = "what you may not view"


def is_own(name: str) -> bool:
    """True for Hareline's own queues."""
    return name.startswith(OWN_PREFIX)


def is_predeclared(exchange: str) -> bool:
    """True for the default exchange and those that RabbitMQ itself makes."""
    return not exchange or exchange.startswith(PREDECLARED_PREFIX)


def without_own(topology: Topology) -> Topology:
    """What lasts of a topology, without Hareline's objects, exchanges that every virtual host has, and the bindings of the default exchange."""
    lasting = topology.lasting()
    source_exists = {one.name for one in lasting.exchanges}
    kept = lasting if source_exists >= {one.source for one in topology.bindings} else _with_bindings_of_predeclared(topology, lasting)
    return msgspec.structs.replace(
        kept,
        exchanges=tuple(one for one in kept.exchanges if not (is_predeclared(one.name) or is_own(one.name))),
        queues=tuple(one for one in kept.queues if not is_own(one.name)),
        bindings=tuple(one for one in kept.bindings if one.source and not (is_own(one.destination) or is_own(one.source))),
    )


def _with_bindings_of_predeclared(topology: Topology, lasting: Topology) -> Topology:
    """The same with the bindings of exchanges that an export leaves out, since every virtual host has them."""
    names = {("exchange", one.name) for one in lasting.exchanges} | {("queue", one.name) for one in lasting.queues}

    def exists(kind: str, name: str) -> bool:
        return (kind, name) in names or (kind == "exchange" and is_predeclared(name))

    bindings = tuple(one for one in topology.bindings if exists("exchange", one.source) and exists(one.destination_type, one.destination))
    return msgspec.structs.replace(lasting, bindings=bindings)


def type_of(queue: QueueDefinition) -> str:
    """The type of a queue; "" if it is not known."""
    return type_named(queue.arguments.get(QUEUE_TYPE)) or queue.type


def exchange_definition(one: ExchangeDefinition) -> Definition:
    """
    >>> exchange_definition(ExchangeDefinition("shop", "topic"))
    {'name': 'shop', 'type': 'topic', 'durable': True, 'auto_delete': False, 'internal': False, 'arguments': {}}
    """
    return {
        "name": one.name, "type": one.type, "durable": one.durable, "auto_delete": one.auto_delete, "internal": one.internal, "arguments": one.arguments,
    }  # fmt: skip


def queue_definition(one: QueueDefinition) -> Definition:
    """As RabbitMQ 4 exports it: with `type` where that is known; other types than classic are also among the arguments, from which older versions read them."""
    kind = type_of(one)
    arguments = one.arguments if kind in (CLASSIC, UNKNOWN_TYPE) or QUEUE_TYPE in one.arguments else {**one.arguments, QUEUE_TYPE: kind}
    known = {"type": kind} if kind else {}
    return {"name": one.name, **known, "durable": one.durable, "auto_delete": one.auto_delete, "arguments": arguments}


def binding_definition(one: BindingDefinition) -> Definition:
    return {
        "source": one.source, "destination": one.destination, "destination_type": one.destination_type, "routing_key": one.routing_key,
        "arguments": one.arguments,
    }  # fmt: skip


def policy_definition(one: PolicyDefinition) -> Definition:
    """An operator policy likewise, as the management API lists it."""
    return {"name": one.name, "pattern": one.pattern, "apply-to": one.apply_to, "priority": one.priority, "definition": one.definition}


def exported(topologies: Sequence[Topology], version: str, at: datetime, *, whole_broker: bool, left_out: Iterable[str] = LEFT_OUT) -> Definition:
    """Definitions that RabbitMQ imports: of one virtual host (`POST /api/definitions/{vhost}`, into any virtual host), or of a whole broker with its virtual
    hosts (`POST /api/definitions`).

    `hareline` says of what moment they are and what is left out; RabbitMQ ignores it. `version`: the broker's, "" if unknown.
    """
    kept = [without_own(topology) for topology in topologies]

    def placed(topology: Topology, definition: Definition) -> Definition:
        return {"vhost": topology.vhost, **definition} if whole_broker else definition

    versions = {"rabbit_version": version, "rabbitmq_version": version} if version else {}
    vhosts: Definition = {"vhosts": [{"name": topology.vhost} for topology in kept]} if whole_broker else {}
    return {
        **versions,
        "hareline": {"at": f"{at:%Y-%m-%dT%H:%M:%S}Z", "left_out": list(left_out)},
        **vhosts,
        "parameters": [_operator_policy(topology.vhost, one) for topology in kept for one in topology.policies if one.operator],
        "policies": [{"vhost": topology.vhost, **policy_definition(one)} for topology in kept for one in topology.policies if not one.operator],
        "exchanges": [placed(topology, exchange_definition(one)) for topology in kept for one in topology.exchanges],
        "queues": [placed(topology, queue_definition(one)) for topology in kept for one in topology.queues],
        "bindings": [placed(topology, binding_definition(one)) for topology in kept for one in topology.bindings],
    }


def _operator_policy(vhost: str, one: PolicyDefinition) -> Definition:
    """RabbitMQ exports operator policies among the parameters."""
    value = {name: value for name, value in policy_definition(one).items() if name != "name"}
    return {"vhost": vhost, "component": "operator_policy", "name": one.name, "value": value}
