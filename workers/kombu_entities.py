"""Terms of a question as kombu's entities, and back. With `dry_run` an edge: one of the importers of kombu. Nothing is bound to a channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kombu import entity as entities
from kombu.common import Broadcast

from workers.destinations.terms import Binding, Exchange, Queue


def entity(value: Any) -> Any:
    """The kombu entity of a term; anything else as it is."""
    if isinstance(value, Exchange):
        return entities.Exchange(
            value.name,
            value.type,
            durable=value.durable,
            auto_delete=value.auto_delete,
            arguments=value.arguments,
            delivery_mode=value.delivery_mode,
            no_declare=value.no_declare,
            passive=value.passive,
        )
    if isinstance(value, Binding):
        return entities.binding(entity(value.exchange), value.routing_key, value.arguments)
    if not isinstance(value, Queue):
        return value
    keywords = _keywords(value)
    exchange = None if value.exchange is None else entity(value.exchange)
    if not value.broadcast:
        return entities.Queue(value.name, exchange, value.routing_key, bindings=[entity(each) for each in value.bindings], **keywords)
    unique = value.name.endswith("<uuid>")
    own = value.name.removesuffix(".<uuid>") if unique else value.name
    return Broadcast("", own, unique, exchange=exchange, routing_key=value.routing_key, **keywords)


def built(value: Any) -> Any:
    """Every term in a value as its entity."""
    if isinstance(value, Mapping):
        return {name: built(inner) for name, inner in value.items()}
    return [built(inner) for inner in value] if isinstance(value, list) else entity(value)


def _keywords(queue: Queue) -> dict[str, Any]:
    left_out = ("name", "exchange", "routing_key", "bindings", "broadcast", "serial")
    return {name: getattr(queue, name) for name in queue.__struct_fields__ if name not in left_out}


def as_terms(answer: Any, name_of: Callable[[Any], str]) -> Any:
    """What a router of the user's code answered, as terms. `name_of` gives a broadcast queue the name to show."""
    if isinstance(answer, Mapping):
        return {name: as_terms(value, name_of) for name, value in answer.items()}
    if isinstance(answer, entities.Exchange):
        return Exchange(**{name: getattr(answer, name) for name in Exchange.__struct_fields__})
    if isinstance(answer, entities.Queue):
        plain = {name: getattr(answer, name) for name in _keywords(Queue()) if getattr(answer, name) is not None}
        exchange = None if answer.exchange is None else as_terms(answer.exchange, name_of)
        bindings = tuple(Binding(as_terms(each.exchange, name_of), each.routing_key, each.arguments) for each in answer.bindings)
        broadcast = isinstance(answer, Broadcast)
        name = name_of(answer) if broadcast else answer.name
        return Queue(name, exchange, answer.routing_key or "", bindings=bindings, broadcast=broadcast, **plain)
    return answer
