"""Builds messages for a path to a queue: a key and headers in plain JSON that match every leg.

Pure. They are candidates: `reach` tests them by routing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.refusals import Message
from brokers.routing.reverse_routing.common_keys import ANY, Effort, KeyPattern, common_keys, key_fits
from brokers.routing.reverse_routing.paths import ALTERNATE, BINDING, NAME, Chain, Leg, ReverseIndex
from brokers.routing.values import InvalidValue, as_json, table_from_json

MOST_EXAMINED = 500
MOST_CHOICES = 8
MOST_KEYS = 4
UNMATCHED = "unmatched"
"""A free word for paths through an alternate exchange, which no binding should match."""

Headers = dict[str, Any]


class Messages:
    """Builds messages for paths; all of them share one Effort."""

    def __init__(self, back: ReverseIndex) -> None:
        self.back = back
        self.effort = Effort()

    def along(self, chain: Chain, also: Chain = ()) -> Iterator[Message]:
        """Messages for the chain's first exchange that match every leg of it, and those of `also` with the same key and headers."""
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
        """The patterns for the key and the required headers, for one binding of each leg."""
        if not legs:
            yield patterns, headers
            return
        leg, rest = legs[0], legs[1:]
        if requires_key(leg):
            for pattern in self._patterns(leg, patterns):
                if not patterns or self._key([*patterns, pattern]) is not None:
                    yield from self._choices(rest, [*patterns, pattern], headers)
        elif leg.leads == BINDING and leg.type == "headers":
            for binding in islice(self.back.bindings(leg), MOST_CHOICES):
                for wanted in _required_headers(binding):
                    if all(headers.get(name, value) == value for name, value in wanted.items()):
                        yield from self._choices(rest, patterns, headers | wanted)
        else:
            yield from self._choices(rest, patterns, headers)

    def _patterns(self, leg: Leg, patterns: Sequence[KeyPattern]) -> list[KeyPattern]:
        """Some patterns of a leg; first those that match a key for the legs before."""
        if leg.leads == NAME:
            return [KeyPattern(leg.target, wild=False)]
        wild = leg.type == "topic"
        found = list(dict.fromkeys(KeyPattern(binding.routing_key, wild) for binding in islice(self.back.bindings(leg), MOST_EXAMINED)))
        key = self._key(patterns) if patterns else None
        if key is not None:
            found.sort(key=lambda pattern: not key_fits(pattern, key))
        return found[:MOST_CHOICES]

    def _key(self, patterns: Sequence[KeyPattern]) -> str | None:
        return next(common_keys(patterns, effort=self.effort), None)

    def _with_copies(self, exchange: str, legs: Sequence[Leg]) -> Iterator[Message]:
        """Messages with several keys if no single one matches: each for as many legs as possible, all but the first in the header CC."""
        groups: list[list[KeyPattern]] = []
        for leg in legs:
            if requires_key(leg):
                self._join(leg, groups)
        keys = list(dict.fromkeys(self._key(group) or "" for group in groups))
        others = [leg for leg in legs if leg.leads == BINDING and leg.type == "headers"]
        for _, headers in islice(self._choices(others, [], {}), MOST_CHOICES):
            if len(keys) > 1:
                yield from _message(exchange, keys[0], headers | {"CC": keys[1:]})

    def _join(self, leg: Leg, groups: list[list[KeyPattern]]) -> None:
        """Adds a pattern of the leg to a group that one key can still match, or creates a new group."""
        for group in groups:
            for pattern in self._patterns(leg, group):
                if self._key([*group, pattern]) is not None:
                    group.append(pattern)
                    return
        groups.append(self._patterns(leg, [])[:1])


def requires_key(leg: Leg) -> bool:
    """Whether the leg matches by routing key."""
    return leg.leads == NAME or (leg.leads == BINDING and leg.type in ("direct", "topic"))


def _required_headers(binding: Bound) -> list[Headers]:
    """The headers that a binding requires; one alternative for each if any is enough."""
    wanted = {name: ANY if value.type == "void" else as_json(value) for name, value in compared_headers(binding.pattern).items()}
    if x_match(binding.pattern).startswith("any"):
        return [{name: value} for name, value in wanted.items()]
    return [wanted]


def _message(exchange: str, key: str, headers: Headers) -> Iterator[Message]:
    """The message with its headers given as JSON; none if JSON can't represent them."""
    try:
        yield Message(exchange, key, table_from_json(headers, "headers") if headers else None)
    except InvalidValue:
        return
