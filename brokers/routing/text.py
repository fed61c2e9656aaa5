"""The explanation in a few sentences for readers who are not AMQP experts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.routing.durations import lasting
from brokers.routing.queue_outcome import MISSING_EXCHANGE, QueueOutcome
from brokers.routing.refusals import Message, all_keys
from brokers.routing.route import Outcome

MOST_NAMES = 5


def names(found: Sequence[str]) -> str:
    """A few names in a sentence.

    >>> names(["a", "b", "c"])
    'a, b and c'
    """
    if len(found) > MOST_NAMES:
        return f"{', '.join(found[:MOST_NAMES])} and {len(found) - MOST_NAMES} more"
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else list(found))


def exchange_name(name: str) -> str:
    return f"exchange {name}" if name else "the default exchange"


def key_name(key: str) -> str:
    return f"`{key}`" if key else "the empty key"


def summary(message: Message, outcome: Outcome, delays: Sequence[str] = ()) -> str:
    """One sentence: the outcome and what decided it. `delays`: when exchanges of type x-delayed-message on the path route it."""
    if outcome.refusal:
        return outcome.refusal.reason
    start = f"{exchange_name(message.exchange)} with {_keys(all_keys(message))}"
    later = f", {' and '.join(dict.fromkeys(delays))}" if delays else ""
    if outcome.uncertainties and not outcome.queues:
        return f"Its destination from {start} is unknown: {outcome.uncertainties[0]}."
    if not outcome.queues:
        return f"No queue receives it from {start}{later}: {_why_nowhere(outcome)}."
    reached = f"It reaches {_queues(outcome.queues)} from {start}"
    if len(outcome.results) > 1:
        reached = f"The broker picks one of {len(outcome.results)} possible results from {start}, among them {_queues(outcome.queues)}"
    through = [hop for hop in outcome.hops if hop.via == "alternate"]
    if through:
        reached += f", through the alternate {exchange_name(through[0].exchange)}"
    reached += later
    if outcome.unknown:
        return f"{reached}; whether it reaches others too is unknown: {outcome.uncertainties[0]}."
    return reached + (f"; but this is not certain: {outcome.uncertainties[0]}." if outcome.uncertainties else ".")


def _keys(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 1} more {'key' if len(keys) == 2 else 'keys'} (CC, BCC)" if len(keys) > 1 else ""
    return key_name(keys[0]) + more


def _queues(found: Sequence[str]) -> str:
    return f"queue {found[0]}" if len(found) == 1 else f"{len(found)} queues ({names(found)})"


def _why_nowhere(outcome: Outcome) -> str:
    if not outcome.hops:
        return "the exchange does not exist"
    first = outcome.hops[0]
    if first.exchange == "":
        return "the default exchange routes to the queue named by the routing key, and no queue has that name"
    if not first.matched and first.alternate is None:
        return "no binding matches and the exchange has no alternate"
    if not first.matched:
        return f"no binding matches, and the alternate {exchange_name(first.alternate or '')} leads to no queue"
    return "bindings match, but none of them leads to a queue (and the alternate exchange is used only if no binding matches)"


def story(message: Message, outcome: Outcome, after: Sequence[QueueOutcome], near: Sequence[tuple[str, str]], delays: Sequence[str] = ()) -> str:
    """The outcome, near misses as (destination, why) if no queue was reached, and the outcome in each queue."""
    sentences = [summary(message, outcome, delays)]
    if outcome.refusal:
        sentences.append("The broker closes the channel, and nothing is routed.")
    elif not outcome.queues and not outcome.uncertainties:
        sentences += [f"Near miss, {destination}: {why}." for destination, why in near[:2]]
        sentences.append("The broker drops it without an error; with the mandatory flag it is returned to its publisher (NO_ROUTE).")
    if outcome.possible:
        sentences.append(f"Its bindings may lead it to {_queues(outcome.possible)}.")
    sentences += [sentence for one in after[:3] for sentence in _queue_outcome_sentences(one)]
    return " ".join(sentences)


def _queue_outcome_sentences(one: QueueOutcome) -> list[str]:
    sentences = []
    if one.ttl_ms is not None:
        sentences.append(f"In {one.queue} it expires after {lasting(one.ttl_ms)}.")
    if one.max_length == 0:
        sentences.append(f"{one.queue} holds no message at all: its length limit is 0.")
    if one.expires_ms is not None:
        sentences.append(f"{one.queue} itself is deleted, with its messages, after {lasting(one.expires_ms)} without consumers, gets and declarations.")
    sentences += [f"Not certain: {sentence}." for sentence in one.uncertainties]
    sentences += [f"In {one.queue}: {note}." for note in one.notes if not note.startswith(MISSING_EXCHANGE)]
    dead = one.dead_letter
    if dead is None:
        if one.ttl_ms is not None:
            sentences.append("It is then discarded: the queue has no dead-letter exchange.")
        return sentences
    when = {
        "expired": f"When it expires in {one.queue}",
        "maxlen": f"When {one.queue} drops it at its length limit",
        "delivery_limit": f"When it exceeds the delivery limit of {one.queue}",
    }.get(dead.reasons[0], f"When it is rejected in {one.queue}")
    if not dead.exchange_exists:
        return [*sentences, f"{when}, it is discarded: the dead-letter {exchange_name(dead.exchange)} does not exist."]
    through = f"{when}, it is dead-lettered to {exchange_name(dead.exchange)} with {_keys(dead.keys)}"
    sentences.append(f"{through}, which routes it to {_queues(dead.queues)}." if dead.queues else f"{through}, which routes it to no queue: it is discarded.")
    if dead.cycle:
        sentences.append("That path returns to a queue that dead-lettered it before: RabbitMQ discards it there, unless a consumer rejected it in between.")
    return sentences
