"""What a producer declares before it publishes, and the errors with which the broker refuses that and ends the publish.

Pure. The rules are RabbitMQ's (3.10 and 4.0): equivalence of redeclared objects, missing and internal exchanges, reserved names.
The routing itself is elsewhere (`brokers.routing`); `after` gives it the topology as it is once the producer has declared.
"""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.routing.queue_types import compared_arguments
from workers.destinations.terms import BadQuestion, Exchange, Queue, table

OWN_EXCHANGES = {
    **{"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic"},
    **{"amq.headers": "headers", "amq.match": "headers", "amq.rabbitmq.trace": "topic"},
}
TYPES = {"direct", "fanout", "topic", "headers"}
_NOT_FOR_QUORUM = ("x-max-priority", "x-queue-mode")
LONGEST_NAME_BYTES = 255
MOST_PREDECLARED = 100_000
"""Exchanges, queues, bindings: of each so many, as many as a virtual host may have that is explained."""


class DeclaredExchange(msgspec.Struct, frozen=True):
    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: dict[str, Any] = {}


class DeclaredQueue(msgspec.Struct, frozen=True):
    name: str
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    arguments: dict[str, Any] = {}


class DeclaredBinding(msgspec.Struct, frozen=True):
    source: str
    destination: str
    routing_key: str = ""
    arguments: dict[str, Any] = {}


Declared = DeclaredExchange | DeclaredQueue | DeclaredBinding


class Predeclared(msgspec.Struct, frozen=True):
    """What exists in the virtual host. `bindings` as RabbitMQ exports them, unread: only the broker's layer looks at them. `default_queue_type`: of
    durable, shared queues that are declared without a type; "" where it is unknown, and then taken as classic, which it nearly always is."""

    exchanges: dict[str, DeclaredExchange] = {}
    queues: dict[str, DeclaredQueue] = {}
    bindings: list[Any] = []
    default_queue_type: str = ""


def read_predeclared(data: dict[str, Any]) -> Predeclared:
    """Raises BadQuestion."""
    exchanges = _objects(data, "exchanges", DeclaredExchange)
    queues = _objects(data, "queues", DeclaredQueue)
    default = data.get("default_queue_type") or ""
    if not isinstance(default, str):
        raise BadQuestion("predeclare.default_queue_type", "must be the name of a type, such as quorum")
    return Predeclared(exchanges, queues, _entries(data, "bindings"), default)


def _entries(data: dict[str, Any], kind: str) -> list[Any]:
    entries = data.get(kind) or []
    if not isinstance(entries, list):
        raise BadQuestion(f"predeclare.{kind}", "must be a list")
    if len(entries) > MOST_PREDECLARED:
        raise BadQuestion(f"predeclare.{kind}", f"holds {len(entries):,}; {MOST_PREDECLARED:,} are the most that are read")
    return entries


def _objects(data: dict[str, Any], kind: str, struct: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index, entry in enumerate(_entries(data, kind)):
        path = f"predeclare.{kind}[{index}]"
        kept = {name: value for name, value in table(entry, path).items() if name in struct.__struct_fields__ and value is not None}
        try:
            one = msgspec.convert({"type": "direct", **kept} if kind == "exchanges" else kept, struct)
        except msgspec.ValidationError as error:
            raise BadQuestion(path, f"can't be read: {error}") from None
        if found.setdefault(one.name, one) != one:
            raise BadQuestion(f"{path}.name", f"{one.name!r} is there twice, with other settings")
    return found


def declared_by(entities: list[Queue | Exchange] | None) -> list[Declared]:
    """The declarations of a publish, in order (kombu/entity.py Queue.declare, Exchange.declare; a name once only: kombu/common.py maybe_declare)."""
    found: list[Declared] = []
    cached: set[tuple[bool, str]] = set()
    for entity in entities or ():
        own = (isinstance(entity, Exchange), entity.name)
        if not entity.auto_delete and not (isinstance(entity, Queue) and "x-expires" in (entity.queue_arguments or {})):
            if own in cached:
                continue
            cached.add(own)
        if isinstance(entity, Exchange):
            found += _exchange(entity)
        elif not entity.no_declare:
            found += _queue(entity)
    return found


def _exchange(exchange: Exchange | None) -> list[Declared]:
    if exchange is None or exchange.no_declare or not exchange.name or exchange.name.startswith("amq."):
        return []
    return [DeclaredExchange(exchange.name, exchange.type, exchange.durable, exchange.auto_delete, arguments=exchange.arguments or {})]


def _queue(queue: Queue) -> list[Declared]:
    extra = {
        "x-expires": None if queue.expires is None else int(queue.expires * 1000),
        "x-message-ttl": None if queue.message_ttl is None else int(queue.message_ttl * 1000),
        "x-max-length": queue.max_length,
        "x-max-length-bytes": queue.max_length_bytes,
        "x-max-priority": queue.max_priority,
    }
    arguments = {**(queue.queue_arguments or {}), **{name: value for name, value in extra.items() if value is not None}}
    found = _exchange(queue.exchange)
    found.append(DeclaredQueue(queue.name, queue.durable, queue.exclusive, queue.auto_delete, arguments))
    if queue.exchange is not None and queue.exchange.name:
        found.append(DeclaredBinding(queue.exchange.name, queue.name, queue.routing_key, queue.binding_arguments or {}))
    for binding in queue.bindings:
        found += _exchange(binding.exchange)
        found.append(DeclaredBinding(binding.exchange.name, queue.name, binding.routing_key, binding.arguments or {}))
    return found


class Broker(msgspec.Struct, frozen=True):
    """What the publish met: `error` begins with the exception's name, `exchange_type` is None where the exchange is missing."""

    error: str | None
    exchange_type: str | None
    existing: Predeclared


def publish(predeclared: Predeclared, declared: list[Declared], exchange: str, routing_key: str) -> Broker:
    """Declares, then publishes; the first refusal ends it."""
    exchanges, queues, bindings = dict(predeclared.exchanges), dict(predeclared.queues), list(predeclared.bindings)
    error = next(filter(None, (_too_long(name) for name in (exchange, routing_key))), None)
    for each in declared:
        if error is None:
            error = _declare(typed(each, predeclared.default_queue_type), exchanges, queues, bindings)
    found = exchanges.get(exchange)
    exchange_type = found.type if found is not None else OWN_EXCHANGES.get(exchange)
    if error is None and exchange_type is None:
        error = f"NotFound: Basic.publish: (404) NOT_FOUND - no exchange '{exchange}'"
    if error is None and (exchange == "amq.rabbitmq.trace" or (found is not None and found.internal)):
        error = f"AccessRefused: Basic.publish: (403) ACCESS_REFUSED - cannot publish to internal exchange '{exchange}'"
    return Broker(error, exchange_type, Predeclared(exchanges, queues, bindings, predeclared.default_queue_type))


def typed(one: Declared, default: str) -> Declared:
    """What the broker makes of a declaration: a durable, shared queue without a type gets the default one as an argument, before anything is compared
    (RabbitMQ 3.10.8 and 4.0.5, read off both).

    >>> typed(DeclaredQueue("jobs"), "quorum").arguments, typed(DeclaredQueue("jobs", auto_delete=True), "quorum").arguments
    ({'x-queue-type': 'quorum'}, {})
    """
    if not default or not isinstance(one, DeclaredQueue) or not takes_default_type(one):
        return one
    return msgspec.structs.replace(one, arguments={**one.arguments, "x-queue-type": default})


def takes_default_type(queue: DeclaredQueue) -> bool:
    return "x-queue-type" not in queue.arguments and queue.durable and not queue.exclusive and not queue.auto_delete


def _declare(one: Declared, exchanges: dict[str, DeclaredExchange], queues: dict[str, DeclaredQueue], bindings: list[Any]) -> str | None:
    if isinstance(one, DeclaredBinding):
        if one.source not in exchanges and one.source not in OWN_EXCHANGES:
            return f"NotFound: Queue.bind: (404) NOT_FOUND - no exchange '{one.source}'"
        if one.source == "":
            return "AccessRefused: Queue.bind: (403) ACCESS_REFUSED - operation not permitted on the default exchange"
        bindings.append({**msgspec.structs.asdict(one), "destination_type": "queue"})
        return _too_long(one.routing_key)
    if isinstance(one, DeclaredExchange):
        refused = _too_long(one.name) or _exchange_refused(one, exchanges.get(one.name))
        exchanges.setdefault(one.name, one)
        return refused
    refused = _too_long(one.name) or _queue_refused(one, queues.get(one.name))
    queues.setdefault(one.name, one)
    return refused


def _exchange_refused(new: DeclaredExchange, old: DeclaredExchange | None) -> str | None:
    if old is None:
        if new.type in TYPES or new.type.startswith("x-"):
            return None
        return f"PreconditionFailed: Exchange.declare: (406) PRECONDITION_FAILED - unknown exchange type '{new.type}'"
    for name in ("type", "durable", "auto_delete", "internal"):
        if getattr(new, name) != getattr(old, name):
            return _inequivalent("Exchange", name, new.name, getattr(new, name), getattr(old, name))
    wanted, found = new.arguments.get("alternate-exchange"), old.arguments.get("alternate-exchange")
    return _inequivalent("Exchange", "alternate-exchange", new.name, wanted, found) if wanted != found else None


def _queue_refused(new: DeclaredQueue, old: DeclaredQueue | None) -> str | None:
    if old is not None:
        return _redeclaration_refused(new, old)
    quorum = new.arguments.get("x-queue-type") == "quorum"
    if new.name.startswith("amq."):
        return f"AccessRefused: Queue.declare: (403) ACCESS_REFUSED - queue name '{new.name}' contains reserved prefix 'amq.*'"
    for bad in (*_NOT_FOR_QUORUM,) if quorum else ():
        if bad in new.arguments:
            return f"PreconditionFailed: Queue.declare: (406) PRECONDITION_FAILED - invalid arg '{bad}' for queue '{new.name}' of type quorum"
    if quorum and (not new.durable or new.exclusive):
        which = "exclusive" if new.durable else "non-durable"
        return f"PreconditionFailed: Queue.declare: (406) PRECONDITION_FAILED - invalid property '{which}' for queue '{new.name}'"
    if "x-dead-letter-routing-key" in new.arguments and "x-dead-letter-exchange" not in new.arguments:
        return f"PreconditionFailed: Queue.declare: (406) PRECONDITION_FAILED - routing_key but no exchange for dead letters in queue '{new.name}'"
    return None


def _redeclaration_refused(new: DeclaredQueue, old: DeclaredQueue) -> str | None:
    """Only what the type of the existing queue has is compared (rabbit_amqqueue:assert_args_equivalence)."""
    if old.exclusive:
        return f"ResourceLocked: Queue.declare: (405) RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{new.name}'"
    for name in ("durable", "exclusive", "auto_delete"):
        if getattr(new, name) != getattr(old, name):
            return _inequivalent("Queue", name, new.name, getattr(new, name), getattr(old, name))
    for name in sorted(compared_arguments(str(old.arguments.get("x-queue-type", "classic")))):
        default = "classic" if name == "x-queue-type" else None
        wanted, found = new.arguments.get(name, default), old.arguments.get(name, default)
        if wanted != found:
            return _inequivalent("Queue", name, new.name, wanted, found)
    return None


def _inequivalent(kind: str, argument: str, name: str, wanted: Any, found: Any) -> str:
    return (
        f"PreconditionFailed: {kind}.declare: (406) PRECONDITION_FAILED - inequivalent arg '{argument}' for {kind.lower()} '{name}': "
        f"received {_amqp_text(wanted)} but current is {_amqp_text(found)}"
    )


def _amqp_text(value: Any) -> str:
    return "none" if value is None else f"'{str(value).lower() if isinstance(value, bool) else value}'"


def _too_long(name: str) -> str | None:
    length = len(name.encode("utf-8", "surrogatepass"))
    if length <= LONGEST_NAME_BYTES:
        return None
    return f"error: ubyte format requires 0 <= number <= 255 (a name or key of {length} bytes, AMQP takes 255)"
