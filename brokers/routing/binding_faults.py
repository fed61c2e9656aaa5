"""Bindings of one exchange that can never match, or that add nothing to another one. Pure.

A queue gets a message once, however many bindings of an exchange match it: a binding to the same destination that matches less is without effect. Rules: the
exchange types as `brokers.routing.bindings` has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from brokers.routing.bindings import Bound, compared_headers, pattern_of, x_match
from brokers.routing.trie import TooCostly, TrieNode, grow, walk, words
from brokers.routing.virtual_host import Exchange

What = Literal["impossible", "literal", "duplicate", "shadowed"]
MOST_COMPARED = 200
"""Of more patterns with wildcards, or bindings by headers, to one destination only the first ones are compared with each other."""
TYPES = frozenset({"direct", "topic", "fanout", "headers"})


class BindingFault(msgspec.Struct, frozen=True):
    """`by`: the binding without which it would matter, None of one that is wrong by itself. "literal": its key has wildcards that this exchange compares
    literally."""

    binding: Bound
    what: What
    by: Bound | None = None


def binding_faults(exchange: Exchange) -> list[BindingFault]:
    """The faults of the bindings that leave an exchange, in their order; none of an exchange of another type, whose rules are its own."""
    if exchange.rules not in TYPES or not exchange.name:
        return []
    found: dict[int, BindingFault] = {}
    for number, binding in enumerate(exchange.bindings):
        if (what := _by_itself(binding, exchange.rules)) is not None:
            found[number] = BindingFault(binding, what)
    there = {(binding.destination_type, binding.destination) for binding in exchange.bindings}
    if len(there) < len(exchange.bindings):
        by_destination: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, binding in enumerate(exchange.bindings):
            by_destination[binding.destination_type, binding.destination].append(number)
        for numbers in by_destination.values():
            if len(numbers) > 1:
                for number, what, by in _among(exchange, numbers):
                    found.setdefault(number, BindingFault(exchange.bindings[number], what, exchange.bindings[by]))
    return [found[number] for number in sorted(found)]


def _by_itself(binding: Bound, rules: str) -> What | None:
    """
    >>> _by_itself(Bound("e", "q", "queue", "order.*new"), "topic"), _by_itself(Bound("e", "q", "queue", "order.*"), "topic")
    ('literal', None)
    """
    if rules == "topic":
        return "literal" if any(word not in ("*", "#") and ("*" in word or "#" in word) for word in words(binding.routing_key)) else None
    if rules == "direct":
        return "literal" if {"*", "#"} & set(words(binding.routing_key)) else None
    if rules == "headers":
        compared = compared_headers(binding.pattern)
        needs_any = x_match(binding.pattern).startswith("any")
        if (needs_any and compared.keys() <= {"BCC"}) or (not needs_any and "BCC" in compared):
            return "impossible"
    return None


Found = Iterable[tuple[int, What, int]]
"""(a binding, what is wrong with it, by which other), by number."""


def _among(exchange: Exchange, numbers: Sequence[int]) -> Found:
    """Among bindings to the same destination."""
    if exchange.rules == "fanout":  # neither key nor arguments count
        return [(number, "duplicate", numbers[0]) for number in numbers[1:]]
    if exchange.rules == "headers":
        return _among_headers(exchange, numbers)
    first: dict[str, int] = {}
    found: list[tuple[int, What, int]] = []
    for number in numbers:  # arguments do not count
        key = exchange.bindings[number].routing_key
        if key in first:
            found.append((number, "duplicate", first[key]))
        else:
            first[key] = number
    return found if exchange.rules == "direct" else [*found, *_among_topics(first)]


def _among_topics(first: dict[str, int]) -> Found:
    split = {key: words(key) for key in first}
    wild = {key: parts for key, parts in split.items() if not {"*", "#"}.isdisjoint(parts)}
    if not wild:
        return
    root = TrieNode()
    for key, parts in wild.items():
        grow(root, parts, key)
    compared = list(wild.items())[:MOST_COMPARED]
    for key, number in first.items():
        parts = split[key]
        if key not in wild:
            reached: set[str] = set()
            try:
                walk(root, parts, reached)
            except TooCostly:
                continue
            if reached:
                yield number, "shadowed", first[min(reached)]
            continue
        wider = next((other for other, those in compared if other != key and covers(those, parts)), None)
        if wider is not None and not (covers(parts, wild[wider]) and first[wider] > number):  # of two that match the same, the first counts
            yield number, "shadowed", first[wider]


def covers(wider: Sequence[str], narrower: Sequence[str]) -> bool:
    """Whether every key that the narrower topic pattern matches is matched by the wider one; False also where that is not certain.

    >>> covers(["order", "#"], ["order", "*", "eu"]), covers(["order", "*"], ["order", "#"]), covers(["#"], [])
    (True, False, True)
    """
    reach = {0}  # how many words of `wider` may be used up
    reach |= _skipped(wider, reach)
    for word in narrower:
        after = set()
        for at in reach:
            if at == len(wider):
                continue
            if wider[at] == "#":
                after.add(at)
            elif word != "#" and wider[at] in ("*", word):
                after.add(at + 1)
        reach = after | _skipped(wider, after)
    return len(wider) in reach


def _skipped(wider: Sequence[str], reach: set[int]) -> set[int]:
    """Further places, since a `#` may stand for no word."""
    found = set()
    for place in reach:
        at = place
        while at < len(wider) and wider[at] == "#":
            at += 1
            found.add(at)
    return found


def _among_headers(exchange: Exchange, numbers: Sequence[int]) -> Found:
    """Equal ones, and one that requires all that another does and more."""
    patterns = {number: pattern_of(exchange.bindings[number], exchange.version) for number in numbers[:MOST_COMPARED]}
    sets = {number: frozenset(pattern.wanted) for number, pattern in patterns.items()}
    for number, pattern in patterns.items():
        for other, wider in patterns.items():
            if other == number:
                continue
            same = sets[other] == sets[number] and (pattern.any_of == wider.any_of or len(sets[number]) == 1)
            if same and other < number:
                yield number, "duplicate", other
                break
            if not same and not pattern.any_of and not wider.any_of and sets[other] < sets[number]:
                yield number, "shadowed", other
                break
            if not same and wider.any_of and not pattern.any_of and sets[other] & sets[number]:
                yield number, "shadowed", other
                break
