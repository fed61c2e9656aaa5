"""The whole explanation in a few plain sentences, for someone who doesn't know AMQP by heart. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.routing.queue_outcome import Afterwards
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


def summary(message: Message, outcome: Outcome) -> str:
    """One sentence: what comes of it, and what decided."""
    if outcome.refusal:
        return outcome.refusal.reason
    start = f"{exchange_name(message.exchange)} with {_keys(all_keys(message))}"
    if outcome.doubts and not outcome.queues:
        return f"Unknown where it goes from {start}: {outcome.doubts[0]}."
    if not outcome.queues:
        return f"No queue gets it from {start}: {_why_nowhere(outcome)}."
    reached = f"It reaches {_queues(outcome.queues)} from {start}"
    if len(outcome.results) > 1:
        reached = f"The broker picks one of {len(outcome.results)} possible results from {start}: among them {_queues(outcome.queues)}"
    through = [hop for hop in outcome.hops if hop.via == "alternate"]
    if through:
        reached += f", by way of the alternate {exchange_name(through[0].exchange)}"
    return reached + (f"; but this is not certain: {outcome.doubts[0]}." if outcome.doubts else ".")


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
        return "the default exchange takes the routing key for a queue's name, and there is no queue of that name"
    if not first.matched and first.alternate is None:
        return "no binding matches and the exchange has no alternate"
    if not first.matched:
        return f"no binding matches, and the alternate {exchange_name(first.alternate or '')} leads to no queue"
    return "bindings match, but what they lead to ends without a queue (and a matched binding keeps the alternate away)"


def story(message: Message, outcome: Outcome, after: Sequence[Afterwards], near: Sequence[tuple[str, str]]) -> str:
    """The outcome, the nearest misses as (destination, why) where nothing was reached, and what becomes of it in its queues."""
    told = [summary(message, outcome)]
    if outcome.refusal:
        told.append("The broker closes the channel, and nothing is routed.")
    elif not outcome.queues and not outcome.doubts:
        told += [f"Nearest miss, {destination}: {why}." for destination, why in near[:2]]
        told.append("The broker drops it without an error; a producer that publishes with mandatory gets it back (NO_ROUTE).")
    told += [sentence for one in after[:3] for sentence in _afterwards(one)]
    return " ".join(told)


def lasting(milliseconds: int) -> str:
    """A length of time as exactly as it was given, in the largest unit that fits.

    >>> lasting(21_600_000), lasting(90_000), lasting(1500)
    ('6 h', '90 s', '1,500 ms')
    """
    sizes = (("h", 3_600_000), ("min", 60_000), ("s", 1000))
    unit, size = next(((unit, size) for unit, size in sizes if milliseconds and milliseconds % size == 0), ("ms", 1))
    return f"{milliseconds // size:,} {unit}"


def _afterwards(one: Afterwards) -> list[str]:
    told = []
    if one.ttl_ms is not None:
        told.append(f"In {one.queue} it expires after {lasting(one.ttl_ms)}.")
    if one.max_length == 0:
        told.append(f"{one.queue} holds no message at all: its length limit is 0.")
    dead = one.dead_letter
    if dead is None:
        if one.ttl_ms is not None:
            told.append("It is then gone, for the queue has no dead-letter exchange.")
        return told
    when = {"expired": "When it expires", "maxlen": "When it has to give way", "delivery_limit": "When it came back too often"}.get(
        dead.reasons[0], "When it is rejected"
    )
    if not dead.exchange_exists:
        return [*told, f"{when} in {one.queue}, it is dropped: its dead-letter {exchange_name(dead.exchange)} does not exist."]
    through = f"{when} in {one.queue}, it goes to {exchange_name(dead.exchange)} with {_keys(dead.keys)}"
    told.append(f"{through} and so on to {_queues(dead.queues)}." if dead.queues else f"{through}, which leads it to no queue: it is dropped.")
    if dead.cycle:
        told.append("Its way leads back to a queue it died in: there RabbitMQ drops it, unless a consumer rejected it meanwhile.")
    return told
