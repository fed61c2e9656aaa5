"""The shape of a virtual host: exchanges, queues, bindings and policies, as data that can be hashed, stored and compared.

Pure. Where a message goes is decided in `brokers.routing`. Definitions are not tracked by the garbage collector: they refer to no other, and while tens of
thousands are read it would search them again and again.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


class ExchangeDefinition(msgspec.Struct, frozen=True, order=True, gc=False):
    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: dict[str, Any] = {}
    policy: str = ""


class QueueDefinition(msgspec.Struct, frozen=True, order=True, gc=False):
    name: str
    type: str = ""
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: dict[str, Any] = {}


class BindingDefinition(msgspec.Struct, frozen=True, order=True, gc=False):
    source: str
    destination: str
    destination_type: str  # queue, exchange
    routing_key: str
    arguments: dict[str, Any] = {}
    properties_key: str = ""


class PolicyDefinition(msgspec.Struct, frozen=True, order=True):
    name: str
    pattern: str
    apply_to: str
    priority: int | float  # as `whole_if_possible` has it
    definition: dict[str, Any]
    operator: bool = False


def whole_if_possible(priority: float) -> int | float:
    """The priority of a policy, which RabbitMQ also takes as a fraction; whole ones as int, as the broker reports them.

    >>> whole_if_possible(1.5), whole_if_possible(2.0)
    (1.5, 2)
    """
    return int(priority) if float(priority).is_integer() else priority


class WritePermission(msgspec.Struct, frozen=True, order=True):
    """What a user may write to in a virtual host, as a regular expression: of exchange names if `exchange` is None, or else of routing keys of that
    (topic) exchange; and beside it what they may configure and read. Not part of the topology: it belongs to users."""

    vhost: str
    user: str
    write: str
    exchange: str | None = None
    configure: str | None = None
    read: str | None = None


class Topology(msgspec.Struct, frozen=True, weakref=True):
    """One virtual host. Each tuple is sorted by name (bindings by source, destination, key), so equal topologies are equal bytes."""

    vhost: str
    exchanges: tuple[ExchangeDefinition, ...] = ()
    queues: tuple[QueueDefinition, ...] = ()
    bindings: tuple[BindingDefinition, ...] = ()
    policies: tuple[PolicyDefinition, ...] = ()

    def lasting(self) -> Topology:
        """The same without exclusive and auto-delete objects and the bindings to them, which reconnecting clients recreate."""
        exchanges = tuple(exchange for exchange in self.exchanges if not exchange.auto_delete)
        queues = tuple(queue for queue in self.queues if not (queue.exclusive or queue.auto_delete))
        names = {("exchange", exchange.name) for exchange in exchanges} | {("queue", queue.name) for queue in queues}
        bindings = tuple(
            binding for binding in self.bindings if ("exchange", binding.source) in names and (binding.destination_type, binding.destination) in names
        )
        return msgspec.structs.replace(self, exchanges=exchanges, queues=queues, bindings=bindings)

    def content_hash(self) -> str:
        """SHA-256 of the content: equal if and only if the topologies are equal."""
        return hashlib.sha256(encode(self)).hexdigest()


_encoder = msgspec.json.Encoder(order="deterministic")


def encode(topology: Topology) -> bytes:
    return _encoder.encode(topology)


def decode(data: bytes) -> Topology:
    return msgspec.json.decode(data, type=Topology)
