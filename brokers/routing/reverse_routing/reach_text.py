"""What reaches a queue, in the JSON of docs/routing.md: each condition in words, each example as a question that `explain` takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.refusals import Message
from brokers.routing.reverse_routing.paths import ALTERNATE, NAME, Leg
from brokers.routing.reverse_routing.reach import DeadLetterWay, Reach, Way
from brokers.routing.route import ONE_OF
from brokers.routing.simulation import as_json
from brokers.routing.text import exchange_name, names
from brokers.routing.values import plain_text
from brokers.routing.virtual_host import VirtualHostRouter

MOST_BINDINGS_TOLD = 10

JSON = dict[str, Any]


def as_answer(router: VirtualHostRouter, found: Reach) -> JSON:
    """The answer of `routing/reach` as far as the broker goes."""
    return {
        "queue": found.queue,
        "ways": [_way(router, way) for way in found.ways],
        "ways_left_out": found.ways_left_out,
        "dead_letters": [_dead_letter_way(router, way) for way in found.dead_letters],
        "dead_letters_left_out": found.dead_letters_left_out,
        "complete": not (found.ways_left_out or found.dead_letters_left_out or found.stopped),
        "text": summary(found),
    }


def summary(found: Reach) -> str:
    """One sentence on how many ways there are.

    >>> summary(Reach("mail", [], []))
    'Nothing that a client publishes reaches mail.'
    """
    exchanges = list(dict.fromkeys(way.legs[0].exchange for way in found.ways if way.example))
    named = [name for name in exchanges if name]
    if not exchanges:
        told = f"Nothing that a client publishes reaches {found.queue}."
    elif not named:
        told = f"Only the default exchange reaches {found.queue}, by the name of the queue as routing key."
    else:
        told = f"{names(named)} {'reaches' if len(named) == 1 else 'reach'} {found.queue}, as does the default exchange by the name of the queue."
    sources = list(dict.fromkeys(way.source.queue for way in found.dead_letters if way.example))
    if sources:
        told += f" Dead letters come from {names(sources)}."
    more = found.ways_left_out + found.dead_letters_left_out
    if more:
        told += f" {more:,} more are not told one by one."
    return told + (" There may be still more: not every chain of exchanges was followed." if found.stopped else "")


def _way(router: VirtualHostRouter, way: Way) -> JSON:
    return {"exchange": way.legs[0].exchange, **_told(router, way)}


def _dead_letter_way(router: VirtualHostRouter, way: DeadLetterWay) -> JSON:
    return {"queue": way.source.queue, "reasons": list(way.source.reasons), "key": way.source.key, **_told(router, way)}


def _told(router: VirtualHostRouter, way: Way | DeadLetterWay) -> JSON:
    return {
        "legs": [_leg(router, leg) for leg in way.legs],
        "example": _example(way.example),
        "certain": way.example is not None and not way.why,
        "why": way.why or None,
    }


def _example(message: Message | None) -> JSON | None:
    if message is None:
        return None
    headers = {name: as_json(value) for name, value in (message.headers or {}).items()}
    return {"exchange": message.exchange, "routing_key": message.routing_key, "headers": headers or None}


def _leg(router: VirtualHostRouter, leg: Leg) -> JSON:
    held = router.exchanges[leg.exchange].bindings if leg.numbers else ()
    told = [held[number] for number in leg.numbers[:MOST_BINDINGS_TOLD]]
    return {
        "exchange": leg.exchange,
        "type": leg.type,
        "leads": leg.leads,
        "to": leg.target,
        "condition": condition(leg, told, len(leg.numbers) - len(told)),
        "bindings": [{"routing_key": one.routing_key, "arguments": dict(one.arguments)} for one in told],
        "bindings_left_out": len(leg.numbers) - len(told),
    }


def condition(leg: Leg, told: Sequence[Bound], more: int = 0) -> str:
    """What a message must be like to take the leg, without its end; `told` are its bindings, or the first of them.

    >>> condition(Leg("t", "topic", "binding", "mail", (0,)), [Bound("t", "mail", "queue", "order.#")])
    'with a routing key like `order.#`'
    """
    if leg.leads == NAME:
        return f"with the name of the queue as routing key, `{leg.target}`"
    if leg.leads == ALTERNATE:
        return f"when none of the bindings of {exchange_name(leg.exchange)} matches"
    if leg.type in ("direct", "topic"):
        return _key_condition(leg, told, more)
    if leg.type == "headers":
        return " or ".join(dict.fromkeys(_headers_condition(one) for one in told)) + _others(more)
    if leg.type in ("fanout", "x-recent-history"):
        return "every message"
    return "where the broker picks it by hash or chance" if leg.type in ONE_OF else f"by the rules of type {leg.type}, which are not known here"


def _key_condition(leg: Leg, told: Sequence[Bound], more: int) -> str:
    keys = list(dict.fromkeys(one.routing_key for one in told))
    if leg.type == "topic" and any(key and set(key.split(".")) == {"#"} for key in keys):
        return "with any routing key"
    quoted = " or ".join(f"`{key}`" if key else "empty" for key in keys)
    return f"with {'a routing key like' if leg.type == 'topic' and keys != [''] else 'the routing key'} {quoted}{_others(more)}"


def _others(more: int) -> str:
    return f" or one of {more:,} more" if more else ""


def _headers_condition(binding: Bound) -> str:
    wanted = [f"`{name}` {'present' if value.type == 'void' else '= ' + plain_text(value)}" for name, value in compared_headers(binding.pattern).items()]
    any_of = x_match(binding.pattern).startswith("any")
    if not wanted:
        return "no message (any of no headers)" if any_of else "with any headers, or none"
    return f"with {'any of the headers' if any_of and len(wanted) > 1 else 'header' if len(wanted) == 1 else 'the headers'} {', '.join(wanted)}"
