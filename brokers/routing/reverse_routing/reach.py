"""What reaches a queue: every exchange that a client may publish to, what a message must be like there, and an example that was routed to see it arrive.

Pure. `ways_back` finds the ways, `way_messages` the examples, `reach_words` tells them. Dead letters count by the queue that they come from: what
reaches that one is a question of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import msgspec

from brokers.routing.dead_lettering import departing, die
from brokers.routing.fields import InvalidQuestion
from brokers.routing.refusals import Message, all_keys
from brokers.routing.reverse_routing.common_keys import KeyPattern, key_fits
from brokers.routing.reverse_routing.path_messages import Messages, wants_key
from brokers.routing.reverse_routing.paths import ALTERNATE, BINDING, NAME, Chain, DeadLettering, Leg, WaysBack, takes_everything
from brokers.routing.route import KNOWN, ONE_OF, Hop, route
from brokers.routing.virtual_host import VirtualHostRouter

MOST_WAYS = 200
MOST_OF_ONE_CHAIN = 100
MOST_DEAD_LETTERS = 100
MOST_TRIED = 12
MOST_CHAINS_INTO_A_DYING_QUEUE = 12
MOST_INTO_A_DYING_QUEUE = 3


class Way(msgspec.Struct, frozen=True):
    """A way from the first leg's exchange. The first leg has one condition only (a key, a pattern, a headers binding); the others any of several bindings.

    `example` None: `why` says why none was found. With an example, `why` is what makes its arrival uncertain, or ""."""

    legs: Chain
    example: Message | None
    why: str = ""


class DeadLetterWay(msgspec.Struct, frozen=True):
    """From a queue whose dead letters take these legs; `example` gets into that queue and, if it dies there, on to the end."""

    source: DeadLettering
    legs: Chain
    example: Message | None
    why: str = ""


class Reach(msgspec.Struct, frozen=True):
    """`ways_left_out` and `dead_letters_left_out`: how many more were found; `stopped`: there may be more that nobody looked for."""

    queue: str
    ways: list[Way]
    dead_letters: list[DeadLetterWay]
    ways_left_out: int = 0
    dead_letters_left_out: int = 0
    stopped: bool = False


def reach(router: VirtualHostRouter, queue: str) -> Reach:
    """Everything that reaches the queue. Raises InvalidQuestion if there is none of that name.

    >>> found = reach(VirtualHostRouter.from_definitions({"queues": [{"name": "mail"}]}), "mail")
    >>> [(way.example.exchange, way.example.routing_key) for way in found.ways]
    [('', 'mail')]
    """
    if queue not in router.queues:
        raise InvalidQuestion("queue", f'names no queue: there is no "{queue}" in this virtual host')
    back = WaysBack.of(router)
    chains = back.chains(queue)
    ways: list[Chain] = []
    dead: list[tuple[DeadLettering, Chain]] = []
    more_ways = more_dead = 0
    for chain in chains:
        if _may_publish(router, chain[0].exchange):
            room = min(MOST_OF_ONE_CHAIN, MOST_WAYS - len(ways))
            rows = _rows(back, chain, room)
            ways += rows[0]
            more_ways += rows[1]
        for source, legs in _dying_into(back, chain, queue):
            if len(dead) < MOST_DEAD_LETTERS:
                dead.append((source, legs))
            else:
                more_dead += 1
    examples = _Examples(back, queue)
    return Reach(queue, [examples.way(legs) for legs in ways], [examples.dead_letter_way(*one) for one in dead], more_ways, more_dead, chains.stopped)


def _may_publish(router: VirtualHostRouter, exchange: str) -> bool:
    return exchange == "" or not router.exchanges[exchange].internal


def _rows(back: WaysBack, chain: Chain, most: int) -> tuple[list[Chain], int]:
    """The chain once for each condition that its first exchange has, at most so many, and how many more there are."""
    first, rest = chain[0], chain[1:]
    if first.leads != BINDING or first.type not in ("direct", "topic", "headers"):
        return ([chain], 0) if most > 0 else ([], 1)
    by_condition: dict[str | int, list[int]] = defaultdict(list)
    for number, binding in zip(first.numbers, back.bindings(first), strict=True):
        by_condition[number if first.type == "headers" else binding.routing_key].append(number)
    rows = [(msgspec.structs.replace(first, numbers=tuple(numbers)), *rest) for numbers in islice(by_condition.values(), max(most, 0))]
    return rows, len(by_condition) - len(rows)


def _dying_into(back: WaysBack, chain: Chain, queue: str) -> Iterator[tuple[DeadLettering, Chain]]:
    """Queues whose dead letters enter the chain, with the legs as far as their key fits them; those are left out that no leg takes."""
    for source in back.dead_lettering.get(chain[0].exchange, ()):
        legs = chain if source.key is None else tuple(_taking(back, leg, source.key) for leg in chain)
        if source.queue != queue and all(leg.leads == ALTERNATE or leg.numbers or (leg.leads == NAME and source.key in (None, queue)) for leg in legs):
            yield source, legs


def _taking(back: WaysBack, leg: Leg, key: str) -> Leg:
    """The leg with those of its bindings alone that take the key."""
    if leg.leads == NAME or not wants_key(leg):
        return leg
    wild = leg.type == "topic"
    taking = [number for number, binding in zip(leg.numbers, back.bindings(leg), strict=True) if key_fits(KeyPattern(binding.routing_key, wild), key)]
    return msgspec.structs.replace(leg, numbers=tuple(taking))


class _Examples:
    """Tries messages for ways into one queue."""

    def __init__(self, back: WaysBack, queue: str) -> None:
        self.back, self.queue = back, queue
        self.messages = Messages(back)

    def way(self, legs: Chain) -> Way:
        never = _never(self.back, legs)
        if never:
            return Way(legs, None, never)
        tried = 0
        for message in islice(self.messages.along(legs), MOST_TRIED):
            tried += 1
            outcome = route(self.back.router, message)
            if self.queue in outcome.queues and _takes(outcome.hops, legs):
                return Way(legs, message, _uncertain(outcome.doubts, len(outcome.results)))
        return Way(legs, None, self._none_arrives(tried))

    def dead_letter_way(self, source: DeadLettering, legs: Chain) -> DeadLetterWay:
        never = _never(self.back, legs)
        if never:
            return DeadLetterWay(source, legs, None, never)
        router, tried = self.back.router, 0
        for message in islice(self._into_dying(source, legs), MOST_TRIED * 2):
            tried += 1
            outcome = route(router, message)
            if source.queue not in outcome.queues:
                continue
            letter = die(router, departing(message, router.version), source.queue, source.reasons[0])
            if letter is not None and self.queue in letter.queues and _takes(letter.hops, legs):
                return DeadLetterWay(source, legs, message, _uncertain([*outcome.doubts, *letter.doubts], len(outcome.results)))
        return DeadLetterWay(source, legs, None, self._none_arrives(tried))

    def _into_dying(self, source: DeadLettering, legs: Chain) -> list[Message]:
        """Messages that get into the dying queue and keep, or are given, a key that the legs after it take; those with a single key first."""
        kept = legs if source.key is None else tuple(leg for leg in legs if not wants_key(leg))
        into = [chain for chain in islice(self.back.chains(source.queue), MOST_CHAINS_INTO_A_DYING_QUEUE) if _may_publish(self.back.router, chain[0].exchange)]
        found = [message for chain in into for message in islice(self.messages.along(chain, kept), MOST_INTO_A_DYING_QUEUE)]
        return sorted(found, key=lambda message: len(all_keys(message)))

    def _none_arrives(self, tried: int) -> str:
        if self.messages.effort.left <= 0:
            return "no example was looked for any longer: these patterns take too long"
        if not tried:
            return "no message was found that fits every binding on it"
        return f"{tried} {'message that fits' if tried == 1 else 'messages that fit'} its bindings did not take this way when tried"


def _never(back: WaysBack, legs: Chain) -> str:
    """Why nothing can be known of this way, or nothing can ever take it; "" for neither."""
    for leg in legs:
        if leg.leads == BINDING and leg.type not in KNOWN and leg.type not in ONE_OF:
            return f"{leg.exchange} is of type {leg.type}, whose rules Hareline does not know"
        taker = takes_everything(back, leg.exchange) if leg.leads == ALTERNATE else None
        if taker is not None:
            return f"never: the binding from {leg.exchange} to {taker.destination_type} {taker.destination} takes every message, so its alternate is not asked"
    return ""


def _takes(hops: list[Hop], legs: Chain) -> bool:
    """Whether the message really took these legs, and did not arrive by others alone."""
    by_name = {hop.exchange: hop for hop in hops}
    for leg in legs:
        hop = by_name.get(leg.exchange)
        if hop is None or (leg.leads == ALTERNATE and hop.alternate is None) or (leg.leads == BINDING and hop.matched.isdisjoint(leg.numbers)):
            return False
    return True


def _uncertain(doubts: list[str], results: int) -> str:
    if results > 1:
        return f"the broker picks one of {results:,} possible results by hash or chance, and this is among them"
    return doubts[0] if doubts else ""
