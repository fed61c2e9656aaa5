"""Messages that take a way to a queue: what each leg wants, brought together into a key and headers that plain JSON can carry.

Pure. They are guesses: whether one arrives is found out by routing it (`reach`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.refusals import Message
from brokers.routing.reverse_routing.common_keys import ANY, Effort, KeyPattern, common_keys, key_fits
from brokers.routing.reverse_routing.paths import ALTERNATE, BINDING, NAME, Chain, Leg, WaysBack
from brokers.routing.simulation import as_json
from brokers.routing.values import InvalidValue, table_from_json

MOST_LOOKED_AT = 500
MOST_CHOICES = 8
MOST_KEYS = 4
UNMATCHED = "unmatched"
"""A free word for ways by an alternate, which must not be what a binding wants."""

Headers = dict[str, Any]


class Messages:
    """Makes messages for ways; all of them together cost no more than one Effort."""

    def __init__(self, back: WaysBack) -> None:
        self.back = back
        self.effort = Effort()

    def along(self, chain: Chain, also: Chain = ()) -> Iterator[Message]:
        """Messages for the chain's first exchange that fit every leg of it, and those of `also` with the same key and headers."""
        legs = [*chain, *also]
        free = UNMATCHED if any(leg.leads == ALTERNATE for leg in legs) else ANY
        found = False
        for patterns, headers in self._choices(legs, [], {}):
            for key in islice(common_keys(patterns, free, self.effort), MOST_KEYS):
                found = True
                yield from _message(chain[0].exchange, key, headers)
        if not found:
            yield from self._with_copies(chain[0].exchange, legs)

    def _choices(self, legs: Sequence[Leg], patterns: list[KeyPattern], headers: Headers) -> Iterator[tuple[list[KeyPattern], Headers]]:
        """What the key must fit and which headers there must be, for one binding of each leg."""
        if not legs:
            yield patterns, headers
            return
        leg, rest = legs[0], legs[1:]
        if wants_key(leg):
            for pattern in self._patterns(leg, patterns):
                if not patterns or self._key([*patterns, pattern]) is not None:
                    yield from self._choices(rest, [*patterns, pattern], headers)
        elif leg.leads == BINDING and leg.type == "headers":
            for binding in islice(self.back.bindings(leg), MOST_CHOICES):
                for wanted in _wanted(binding):
                    if all(headers.get(name, value) == value for name, value in wanted.items()):
                        yield from self._choices(rest, patterns, headers | wanted)
        else:
            yield from self._choices(rest, patterns, headers)

    def _patterns(self, leg: Leg, patterns: Sequence[KeyPattern]) -> list[KeyPattern]:
        """Some of those that a leg takes; first those that take a key which the legs before let through."""
        if leg.leads == NAME:
            return [KeyPattern(leg.target, wild=False)]
        wild = leg.type == "topic"
        found = list(dict.fromkeys(KeyPattern(binding.routing_key, wild) for binding in islice(self.back.bindings(leg), MOST_LOOKED_AT)))
        key = self._key(patterns) if patterns else None
        if key is not None:
            found.sort(key=lambda pattern: not key_fits(pattern, key))
        return found[:MOST_CHOICES]

    def _key(self, patterns: Sequence[KeyPattern]) -> str | None:
        return next(common_keys(patterns, effort=self.effort), None)

    def _with_copies(self, exchange: str, legs: Sequence[Leg]) -> Iterator[Message]:
        """Where no single key does: several, each for as many legs as it fits, all but the first in the header CC."""
        groups: list[list[KeyPattern]] = []
        for leg in legs:
            if wants_key(leg):
                self._join(leg, groups)
        keys = list(dict.fromkeys(self._key(group) or "" for group in groups))
        others = [leg for leg in legs if leg.leads == BINDING and leg.type == "headers"]
        for _, headers in islice(self._choices(others, [], {}), MOST_CHOICES):
            if len(keys) > 1:
                yield from _message(exchange, keys[0], headers | {"CC": keys[1:]})

    def _join(self, leg: Leg, groups: list[list[KeyPattern]]) -> None:
        """Adds a pattern of the leg to a group that one key can still fit, or makes a new group."""
        for group in groups:
            for pattern in self._patterns(leg, group):
                if self._key([*group, pattern]) is not None:
                    group.append(pattern)
                    return
        groups.append(self._patterns(leg, [])[:1])


def wants_key(leg: Leg) -> bool:
    """Whether the leg asks for a routing key."""
    return leg.leads == NAME or (leg.leads == BINDING and leg.type in ("direct", "topic"))


def _wanted(binding: Bound) -> list[Headers]:
    """The headers that a binding wants; one choice each where any of them is enough."""
    wanted = {name: ANY if value.type == "void" else as_json(value) for name, value in compared_headers(binding.pattern).items()}
    if x_match(binding.pattern).startswith("any"):
        return [{name: value} for name, value in wanted.items()]
    return [wanted]


def _message(exchange: str, key: str, headers: Headers) -> Iterator[Message]:
    """The message as it would be if its headers were given as JSON; none where JSON can't carry them."""
    try:
        yield Message(exchange, key, table_from_json(headers, "headers") if headers else None)
    except InvalidValue:
        return
