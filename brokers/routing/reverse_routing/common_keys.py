"""Finds routing keys that match several patterns at once, the shortest first, for examples.

Pure. Rules of words and wildcards as in `trie`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from brokers.routing.fields import SHORT_BYTES
from brokers.routing.trie import words

ANY = "any"
MOST_STATES = 2_000
MOST_PLACES = 1_000_000
"""Limit for all searches that share an Effort: a few seconds."""
VISITS = 3
"""How often the same state may be visited, so that a `#` yields more than the shortest key."""


class KeyPattern(msgspec.Struct, frozen=True):
    """A topic pattern, or a key to be matched literally (`wild` False)."""

    text: str
    wild: bool = True


class Effort:
    """The remaining budget that several searches share."""

    def __init__(self) -> None:
        self.left = MOST_PLACES


def common_keys(patterns: Sequence[KeyPattern], free: str = ANY, effort: Effort | None = None) -> Iterator[str]:
    """Keys that match every pattern; those with at least one word come first. Empty if no single key does, or none was found within limits.
    `free`: the word used where no pattern requires a particular one.

    >>> next(common_keys([KeyPattern("order.#"), KeyPattern("*.*.eu")]))
    'order.any.eu'
    """
    wanted = [(words(pattern.text), pattern.wild) for pattern in patterns]
    literals = sorted({word for parts, wild in wanted for word in parts if not (wild and word in ("*", "#"))})
    start = tuple(_entered(parts, wild, {0}) for parts, wild in wanted)
    waiting: deque[tuple[tuple[frozenset[int], ...], tuple[str, ...]]] = deque([(start, ())])
    visits: dict[tuple[frozenset[int], ...], int] = {}
    empty_fits = _accepted(start, wanted)
    effort = effort or Effort()
    for _ in range(MOST_STATES):
        if not waiting or effort.left <= 0:
            break
        state, key = waiting.popleft()
        if key and key != ("",) and _accepted(state, wanted) and _is_short(key):
            yield ".".join(key)
        effort.left -= sum(map(len, state))
        for word in _words_from(state, wanted, literals, free):
            following = tuple(_after(parts, wild, places, word) for (parts, wild), places in zip(wanted, state, strict=True))
            if all(following) and visits.get(following, 0) < VISITS:
                visits[following] = visits.get(following, 0) + 1
                waiting.append((following, (*key, word)))
    if empty_fits:
        yield ""


def key_fits(pattern: KeyPattern, key: str) -> bool:
    """Whether the key matches the pattern.

    >>> key_fits(KeyPattern("a.#"), "a"), key_fits(KeyPattern("a.#", wild=False), "a")
    (True, False)
    """
    parts = words(pattern.text)
    places = _entered(parts, pattern.wild, {0})
    for word in words(key):
        places = _after(parts, pattern.wild, places, word)
    return len(parts) in places


def _words_from(state: Sequence[frozenset[int]], wanted: Sequence[tuple[list[str], bool]], literals: Sequence[str], free: str) -> list[str]:
    """The words to try: those that a pattern requires next, and the free one."""
    sought = {parts[place] for (parts, wild), places in zip(wanted, state, strict=True) for place in places if place < len(parts)}
    return [word for word in literals if word in sought] + [free] * (free not in sought)


def _after(parts: Sequence[str], wild: bool, places: frozenset[int], word: str) -> frozenset[int]:
    """The positions in the pattern after one more word; empty if it no longer matches."""
    found = set()
    for place in places:
        if place == len(parts):
            continue
        if wild and parts[place] == "#":
            found.add(place)
        elif (wild and parts[place] == "*") or (parts[place] == word and not (wild and word == "#")):
            found.add(place + 1)
    return _entered(parts, wild, found)


def _entered(parts: Sequence[str], wild: bool, places: set[int]) -> frozenset[int]:
    """The positions, and those behind every `#` that may cover no word."""
    found = set(places)
    for place in sorted(places):
        while wild and place < len(parts) and parts[place] == "#":
            place += 1
            found.add(place)
    return frozenset(found)


def _accepted(state: Sequence[frozenset[int]], wanted: Sequence[tuple[list[str], bool]]) -> bool:
    return all(len(parts) in places for (parts, _), places in zip(wanted, state, strict=True))


def _is_short(key: Sequence[str]) -> bool:
    return len(".".join(key).encode("utf-8", "surrogatepass")) <= SHORT_BYTES
