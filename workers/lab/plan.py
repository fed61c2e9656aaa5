"""What an experiment is made of: what is declared in its virtual host, its worker nodes, and what is published. Pure; travels as JSON to its processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

LOCAL = "127.0.0.1"
OUTSTANDING = 200
"""So many messages at most are published and not done: then the publisher waits."""


class Variant(msgspec.Struct, frozen=True):
    """A kind of message that is published in turn with the others. `label`: what it is called on the page."""

    routing_key: str
    headers: dict[str, Any] = {}
    priority: int | None = None
    label: str = ""


class NodePlan(msgspec.Struct, frozen=True):
    """A worker node. `prefetch`: Celery's multiplier of its processes. `tries`: how often it rejects a message before it acknowledges it. `address`: where it
    connects from. `generation`: another one where its queue was declared anew."""

    name: str
    queue: str
    processes: int = 1
    prefetch: int = 1
    work_ms: int = 40
    tries: int = 0
    address: str = LOCAL
    generation: int = 0

    @property
    def limit(self) -> int:
        """How many unacknowledged messages it has at most."""
        return self.processes * self.prefetch


class PublisherPlan(msgspec.Struct, frozen=True):
    """`reply_queue`: where it expects an answer to each message; "": none is expected."""

    exchange: str
    variants: tuple[Variant, ...]
    rate: float = 5.0  # messages a second
    address: str = LOCAL
    reply_queue: str = ""


class Plan(msgspec.Struct, frozen=True):
    """`definitions`: queues, exchanges and bindings, as RabbitMQ exports them."""

    definitions: dict[str, list[dict[str, Any]]]
    nodes: tuple[NodePlan, ...]
    publisher: PublisherPlan

    def changed_queues(self, before: Plan) -> list[str]:
        """Queues of the plan before that are gone, or have other arguments or bindings now: these are removed and declared anew."""
        now = _described(self.definitions)
        return [name for name, described in _described(before.definitions).items() if now.get(name) != described]


def _described(definitions: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        one["name"]: (one.get("arguments"), [binding for binding in definitions["bindings"] if binding["destination"] == one["name"]])
        for one in definitions["queues"]
    }


def queue(name: str, **arguments: Any) -> dict[str, Any]:
    """A durable classic queue; `x_max_priority=5` is the argument x-max-priority."""
    return {"name": name, "durable": True, "auto_delete": False, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}


def exchange(name: str, kind: str, **arguments: Any) -> dict[str, Any]:
    found = {key.replace("_", "-"): value for key, value in arguments.items()}
    return {"name": name, "type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": found}


def binding(source: str, destination: str, key: str = "", arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"source": source, "destination": destination, "destination_type": "queue", "routing_key": key, "arguments": arguments or {}}


def definitions(
    queues: Iterable[dict[str, Any]], exchanges: Iterable[dict[str, Any]] = (), bindings: Iterable[dict[str, Any]] = ()
) -> dict[str, list[dict[str, Any]]]:
    return {"queues": list(queues), "exchanges": list(exchanges), "bindings": list(bindings)}
