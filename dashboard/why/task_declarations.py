"""Adds what the sender of a task declares to a virtual host. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.routing.answer import AfterQueue, Explanation
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explanations import LoadedVhost
from workers.destinations.declarations import DeclaredQueue, Predeclared


def predeclared(topology: Topology, default_type: str = "") -> dict[str, Any]:
    """The existing objects, in the form of a question about a task. `default_type`: of new queues without one, "" unknown."""
    exchanges = [msgspec.structs.asdict(one) for one in topology.exchanges if one.name and not one.name.startswith("amq.")]
    return {"exchanges": exchanges, "queues": [msgspec.structs.asdict(one) for one in topology.queues], "default_queue_type": default_type}


def with_declared(topology: Topology, existing: Predeclared) -> Topology:
    """The topology once the sender has declared what it declares; the same object if all of that exists."""
    exchanges, queues = {one.name for one in topology.exchanges}, {one.name for one in topology.queues}
    new_exchanges = [ExchangeDefinition(one.name, one.type, arguments=one.arguments) for one in existing.exchanges.values() if one.name not in exchanges]
    new_queues = [
        QueueDefinition(one.name, _type(one), one.durable, one.auto_delete, one.exclusive, one.arguments)
        for one in existing.queues.values()
        if one.name not in queues
    ]
    known = {(one.source, one.destination, one.destination_type, one.routing_key) for one in topology.bindings}
    new_bindings = [
        BindingDefinition(one["source"], one["destination"], "queue", one["routing_key"], one.get("arguments") or {})
        for one in existing.bindings
        if one.get("arguments") or (one["source"], one["destination"], "queue", one["routing_key"]) not in known
    ]
    if not (new_exchanges or new_queues or new_bindings):
        return topology
    return msgspec.structs.replace(
        topology,
        exchanges=(*topology.exchanges, *new_exchanges),
        queues=(*topology.queues, *new_queues),
        bindings=(*topology.bindings, *new_bindings),
    )


def _type(queue: DeclaredQueue) -> str:
    """The type that the broker gives a new queue: its arguments have the virtual host's default where that is known; else it is nearly always classic."""
    named = queue.arguments.get("x-queue-type")
    return named if isinstance(named, str) else "classic"


def router_with(declared: Topology, loaded: LoadedVhost) -> VirtualHostRouter:
    """A router for the virtual host once the sender has declared; the broker has reported no policies yet for the new queues."""
    existing = {queue.name for queue in loaded.topology.queues}
    new = {queue.name for queue in declared.queues} - existing
    return VirtualHostRouter.from_topology(declared, loaded.version, loaded.rights, loaded.rights_unknown, loaded.reported, new | loaded.unreported)


def with_declared_queues(answer: Explanation, loaded: LoadedVhost) -> Explanation:
    """The answer with a note on queues that exist only after the sender has declared them; those have no consumers yet."""
    existing = {queue.name for queue in loaded.topology.queues}
    return msgspec.structs.replace(answer, after=[one if one.queue in existing else _declared(one, loaded) for one in answer.after])


def _declared(one: AfterQueue, loaded: LoadedVhost) -> AfterQueue:
    note = "does not exist in the broker yet: Celery declares it when sending, unless the sender’s settings prevent it."
    return msgspec.structs.replace(one, uncertainties=(*one.uncertainties, note), consumers=None if loaded.unknown else 0)
