"""What reaches a queue: every exchange that a client may publish to, the condition for messages there, and an example tested by routing it.

Pure. `paths` finds the paths, `path_messages` the examples, `reach_text` describes them. Dead letters are listed by the queue that they come from;
what reaches that queue is a separate question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import msgspec

from brokers.routing.dead_lettering import dead_letter_of, in_flight
from brokers.routing.fields import InvalidQuestion
from brokers.routing.refusals import Message, all_keys
from brokers.routing.reverse_routing.common_keys import KeyPattern, key_fits
from brokers.routing.reverse_routing.path_messages import Messages, requires_key
from brokers.routing.reverse_routing.paths import ALTERNATE, BINDING, NAME, Chain, DeadLettering, Leg, ReverseIndex, catch_all_binding
from brokers.routing.route import KNOWN, ONE_OF, Hop, route
from brokers.routing.virtual_host import VirtualHostRouter

MOST_PATHS = 200
MOST_OF_ONE_CHAIN = 100
MOST_DEAD_LETTERS = 100
MOST_TRIED = 12
MOST_CHAINS_INTO_SOURCE = 12
MOST_MESSAGES_PER_CHAIN = 3


class Path(msgspec.Struct, frozen=True):
    """A path from the first leg's exchange. The first leg has a single condition (a key, a pattern, a headers binding); the others any of several bindings.

    `why`: without an example, the reason that none was found; with one, what makes its arrival uncertain, or ""."""

    legs: Chain
    example: Message | None
    why: str = ""


class DeadLetterPath(msgspec.Struct, frozen=True):
    """From a queue whose dead letters take these legs; `example` reaches that queue and, once dead-lettered, the target."""

    source: DeadLettering
    legs: Chain
    example: Message | None
    why: str = ""


class Reach(msgspec.Struct, frozen=True):
    """`paths_left_out` and `dead_letters_left_out`: how many more were found; `truncated`: the search stopped at a limit, there may be more."""

    queue: str
    paths: list[Path]
    dead_letters: list[DeadLetterPath]
    paths_left_out: int = 0
    dead_letters_left_out: int = 0
    truncated: bool = False


def reach(router: VirtualHostRouter, queue: str) -> Reach:
    """Everything that reaches the queue. Raises InvalidQuestion if there is none of that name.

    >>> found = reach(VirtualHostRouter.from_definitions({"queues": [{"name": "mail"}]}), "mail")
    >>> [(path.example.exchange, path.example.routing_key) for path in found.paths]
    [('', 'mail')]
    """
    if queue not in router.queues:
        raise InvalidQuestion("queue", f'names no queue: there is no "{queue}" in this virtual host')
    back = ReverseIndex.of(router)
    chains = back.chains(queue)
    paths: list[Chain] = []
    dead: list[tuple[DeadLettering, Chain]] = []
    more_paths = more_dead = 0
    for chain in chains:
        if _may_publish(router, chain[0].exchange):
            room = min(MOST_OF_ONE_CHAIN, MOST_PATHS - len(paths))
            rows = _rows(back, chain, room)
            paths += rows[0]
            more_paths += rows[1]
        for source, legs in _dead_lettering_into(back, chain, queue):
            if len(dead) < MOST_DEAD_LETTERS:
                dead.append((source, legs))
            else:
                more_dead += 1
    examples = _Examples(back, queue)
    return Reach(queue, [examples.path(legs) for legs in paths], [examples.dead_letter_path(*one) for one in dead], more_paths, more_dead, chains.truncated)


def _may_publish(router: VirtualHostRouter, exchange: str) -> bool:
    return exchange == "" or not router.exchanges[exchange].internal


def _rows(back: ReverseIndex, chain: Chain, most: int) -> tuple[list[Chain], int]:
    """(the chain once for each condition of its first exchange, at most `most`; how many more there are)."""
    first, rest = chain[0], chain[1:]
    if first.leads != BINDING or first.type not in ("direct", "topic", "headers"):
        return ([chain], 0) if most > 0 else ([], 1)
    by_condition: dict[str | int, list[int]] = defaultdict(list)
    for number, binding in zip(first.numbers, back.bindings(first), strict=True):
        by_condition[number if first.type == "headers" else binding.routing_key].append(number)
    rows = [(msgspec.structs.replace(first, numbers=tuple(numbers)), *rest) for numbers in islice(by_condition.values(), max(most, 0))]
    return rows, len(by_condition) - len(rows)


def _dead_lettering_into(back: ReverseIndex, chain: Chain, queue: str) -> Iterator[tuple[DeadLettering, Chain]]:
    """Queues whose dead letters enter the chain, with the bindings that match their key; without those that match none."""
    for source in back.dead_lettering.get(chain[0].exchange, ()):
        legs = chain if source.key is None else tuple(_taking(back, leg, source.key) for leg in chain)
        if source.queue != queue and all(leg.leads == ALTERNATE or leg.numbers or (leg.leads == NAME and source.key in (None, queue)) for leg in legs):
            yield source, legs


def _taking(back: ReverseIndex, leg: Leg, key: str) -> Leg:
    """The leg with only those bindings that match the key."""
    if leg.leads == NAME or not requires_key(leg):
        return leg
    wild = leg.type == "topic"
    taking = [number for number, binding in zip(leg.numbers, back.bindings(leg), strict=True) if key_fits(KeyPattern(binding.routing_key, wild), key)]
    return msgspec.structs.replace(leg, numbers=tuple(taking))


class _Examples:
    """Finds example messages for the paths to one queue."""

    def __init__(self, back: ReverseIndex, queue: str) -> None:
        self.back, self.queue = back, queue
        self.messages = Messages(back)

    def path(self, legs: Chain) -> Path:
        never = _never_reason(self.back, legs)
        if never:
            return Path(legs, None, never)
        tried = 0
        for message in islice(self.messages.along(legs), MOST_TRIED):
            tried += 1
            outcome = route(self.back.router, message)
            if self.queue in outcome.queues and _takes(outcome.hops, legs):
                return Path(legs, message, _uncertain(outcome.uncertainties, len(outcome.results)))
        return Path(legs, None, self._no_example_reason(tried))

    def dead_letter_path(self, source: DeadLettering, legs: Chain) -> DeadLetterPath:
        never = _never_reason(self.back, legs)
        if never:
            return DeadLetterPath(source, legs, None, never)
        router, tried = self.back.router, 0
        for message in islice(self._into_source(source, legs), MOST_TRIED * 2):
            tried += 1
            outcome = route(router, message)
            if source.queue not in outcome.queues:
                continue
            letter = dead_letter_of(router, in_flight(message, router.version), source.queue, source.reasons[0])
            if letter is not None and self.queue in letter.queues and _takes(letter.hops, legs):
                return DeadLetterPath(source, legs, message, _uncertain([*outcome.uncertainties, *letter.uncertainties], len(outcome.results)))
        return DeadLetterPath(source, legs, None, self._no_example_reason(tried))

    def _into_source(self, source: DeadLettering, legs: Chain) -> list[Message]:
        """Messages that reach the dead-lettering queue with a key that matches the legs after it; those with a single key first."""
        kept = legs if source.key is None else tuple(leg for leg in legs if not requires_key(leg))
        into = [chain for chain in islice(self.back.chains(source.queue), MOST_CHAINS_INTO_SOURCE) if _may_publish(self.back.router, chain[0].exchange)]
        found = [message for chain in into for message in islice(self.messages.along(chain, kept), MOST_MESSAGES_PER_CHAIN)]
        return sorted(found, key=lambda message: len(all_keys(message)))

    def _no_example_reason(self, tried: int) -> str:
        if self.messages.effort.left <= 0:
            return "the search for an example stopped: these patterns take too long"
        if not tried:
            return "no message was found that matches every binding on it"
        return f"{tried} {'message that matches' if tried == 1 else 'messages that match'} its bindings did not take this path when tested"


def _never_reason(back: ReverseIndex, legs: Chain) -> str:
    """Why this path can't be evaluated or can never be taken; "" otherwise."""
    for leg in legs:
        if leg.leads == BINDING and leg.type not in KNOWN and leg.type not in ONE_OF:
            return f"{leg.exchange} is of type {leg.type}, whose rules Hareline does not know"
        taker = catch_all_binding(back, leg.exchange) if leg.leads == ALTERNATE else None
        if taker is not None:
            target = f"{taker.destination_type} {taker.destination}"
            return f"never: the binding from {leg.exchange} to {target} matches every message, so the alternate exchange is never used"
    return ""


def _takes(hops: list[Hop], legs: Chain) -> bool:
    """Whether the message took these legs, rather than arriving only by others."""
    by_name = {hop.exchange: hop for hop in hops}
    for leg in legs:
        hop = by_name.get(leg.exchange)
        if hop is None or (leg.leads == ALTERNATE and hop.alternate is None) or (leg.leads == BINDING and hop.matched.isdisjoint(leg.numbers)):
            return False
    return True


def _uncertain(uncertainties: list[str], results: int) -> str:
    if results > 1:
        return f"the broker picks one of {results:,} possible results by hash or chance, and this is among them"
    return uncertainties[0] if uncertainties else ""
