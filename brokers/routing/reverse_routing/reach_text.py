"""What reaches a queue, described: each condition as text, each example as a question for `explain`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.refusals import Message
from brokers.routing.reverse_routing.answer import DescribedDeadLetters, DescribedLeg, DescribedPath, Example, LegBinding, QueueReach
from brokers.routing.reverse_routing.paths import ALTERNATE, NAME, Leg
from brokers.routing.reverse_routing.reach import DeadLetterPath, Path, Reach
from brokers.routing.route import ONE_OF
from brokers.routing.text import exchange_name, names
from brokers.routing.values import as_json, plain_text
from brokers.routing.virtual_host import VirtualHostRouter

MOST_BINDINGS_LISTED = 10


def reach_answer(router: VirtualHostRouter, found: Reach) -> QueueReach:
    """The broker's part of the answer of `routing/reach`."""
    return QueueReach(
        queue=found.queue,
        ways=[DescribedPath(path.legs[0].exchange, *_described(router, path)) for path in found.paths],
        ways_left_out=found.paths_left_out,
        dead_letters=[
            DescribedDeadLetters(path.source.queue, list(path.source.reasons), path.source.key, *_described(router, path)) for path in found.dead_letters
        ],
        dead_letters_left_out=found.dead_letters_left_out,
        complete=not (found.paths_left_out or found.dead_letters_left_out or found.truncated),
        text=summary(found),
    )


def summary(found: Reach) -> str:
    """The exchanges and queues that lead to the queue, in a few sentences.

    >>> summary(Reach("mail", [], []))
    'Nothing that a client publishes reaches mail.'
    """
    exchanges = list(dict.fromkeys(path.legs[0].exchange for path in found.paths if path.example))
    named = [name for name in exchanges if name]
    if not exchanges:
        text = f"Nothing that a client publishes reaches {found.queue}."
    elif not named:
        text = f"Only the default exchange reaches {found.queue}, by the name of the queue as routing key."
    else:
        text = f"{names(named)} {'reaches' if len(named) == 1 else 'reach'} {found.queue}, as does the default exchange by the name of the queue."
    sources = list(dict.fromkeys(path.source.queue for path in found.dead_letters if path.example))
    if sources:
        text += f" Dead letters come from {names(sources)}."
    more = found.paths_left_out + found.dead_letters_left_out
    if more:
        text += f" {more:,} more are not listed."
    return text + (" There may be more: not every chain of exchanges was followed." if found.truncated else "")


def _described(router: VirtualHostRouter, path: Path | DeadLetterPath) -> tuple[list[DescribedLeg], Example | None, bool, str | None]:
    """(legs, example, whether its arrival is certain, why not)"""
    return [_leg(router, leg) for leg in path.legs], _example(path.example), path.example is not None and not path.why, path.why or None


def _example(message: Message | None) -> Example | None:
    if message is None:
        return None
    headers = {name: as_json(value) for name, value in (message.headers or {}).items()}
    return Example(message.exchange, message.routing_key, headers or None)


def _leg(router: VirtualHostRouter, leg: Leg) -> DescribedLeg:
    held = router.exchanges[leg.exchange].bindings if leg.numbers else ()
    listed = [held[number] for number in leg.numbers[:MOST_BINDINGS_LISTED]]
    left_out = len(leg.numbers) - len(listed)
    return DescribedLeg(
        exchange=leg.exchange,
        type=leg.shown_type or leg.type,
        leads=leg.leads,
        to=leg.target,
        condition=condition(leg, listed, left_out),
        bindings=[LegBinding(one.routing_key, dict(one.arguments)) for one in listed],
        bindings_left_out=left_out,
    )


def condition(leg: Leg, listed: Sequence[Bound], more: int = 0) -> str:
    """The condition for a message to take the leg, as a phrase; `listed` are its bindings, or the first of them.

    >>> condition(Leg("t", "topic", "binding", "mail", (0,)), [Bound("t", "mail", "queue", "order.#")])
    'with a routing key like `order.#`'
    """
    if leg.leads == NAME:
        return f"with the name of the queue as routing key, `{leg.target}`"
    if leg.leads == ALTERNATE:
        return f"when none of the bindings of {exchange_name(leg.exchange)} matches"
    if leg.type in ("direct", "topic"):
        return _key_condition(leg, listed, more)
    if leg.type == "headers":
        return " or ".join(dict.fromkeys(_headers_condition(one) for one in listed)) + _others(more)
    if leg.type in ("fanout", "x-recent-history"):
        return "every message"
    return "where the broker picks it by hash or chance" if leg.type in ONE_OF else f"by the rules of type {leg.type}, which are not known here"


def _key_condition(leg: Leg, listed: Sequence[Bound], more: int) -> str:
    keys = list(dict.fromkeys(one.routing_key for one in listed))
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
        return "no message (any of no headers)" if any_of else "with any headers or none"
    return f"with {'any of the headers' if any_of and len(wanted) > 1 else 'header' if len(wanted) == 1 else 'the headers'} {', '.join(wanted)}"
