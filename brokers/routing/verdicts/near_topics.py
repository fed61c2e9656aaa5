"""Topic bindings that miss a routing key by one word (changed, missing or added), by case, whitespace or a dot, and have something else in common with it.

Pure. Works on a trie of patterns with one word removed, so that 10,000 bindings take microseconds once it is built. Very long patterns, and
those beyond a limit, are left out: their misses are only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from brokers.routing.trie import TooCostly, TrieNode, grow, walk, words
from brokers.routing.verdicts.topic_alignment import cost
from brokers.routing.verdicts.verdict import folded, one_character_apart

MOST_WORDS = 16
MOST_SHORTENED = 300_000
MOST_TRIED = 200
SHORTEST_TYPO = 3
"""Shorter words that differ in one character share too little for a mistyped one."""


class NearIndex:
    """`patterns`: the binding keys by number. Large, as each word of a pattern adds a shortened copy, so it is built on first use."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = patterns
        self.whole, self.shorter, self.folded = TrieNode(), TrieNode(), TrieNode()
        self.by_folded: dict[str, list[int]] = defaultdict(list)
        self.with_many: set[int] = set()
        self.literals: dict[int, frozenset[str]] = {}
        room = MOST_SHORTENED
        for number, pattern in enumerate(patterns):
            parts = words(pattern)
            if len(parts) > MOST_WORDS or room <= 0:
                continue
            room -= len(parts)
            self._add(number, pattern, parts)

    def _add(self, number: int, pattern: str, parts: list[str]) -> None:
        grow(self.whole, parts, number)
        lowered = _lowered(parts)
        grow(self.folded, lowered, number)
        if "#" in parts:
            self.with_many.add(number)
        elif "*" not in parts:
            self.by_folded[folded(pattern)].append(number)
        self.literals[number] = frozenset(parts) - {"*", "#", ""}
        for place, word in enumerate(parts):
            if word != "#":
                grow(self.shorter, parts[:place] + parts[place + 1 :], (number, place))

    def near(self, key: str, most: int, but: frozenset[int]) -> list[int]:
        """Numbers of at most `most` near misses, the nearest kind first, without those in `but`."""
        parts = words(key)
        if len(parts) > MOST_WORDS:
            return []
        found: list[int] = []
        taken = set(but)
        try:
            for kind in (self._spelled_otherwise, self._one_other_word, self._one_missing, self._one_too_many):
                spelled = kind == self._spelled_otherwise
                tried = [number for number in kind(key, parts) if number not in taken]
                if not spelled:
                    tried = self._sharing(tried, parts)
                for number in tried[:MOST_TRIED]:
                    if len(found) >= most:
                        return found
                    if spelled or self._misses_by_one(number, parts):
                        found.append(number)
                    taken.add(number)
        except TooCostly:
            pass
        return found

    def _misses_by_one(self, number: int, parts: list[str]) -> bool:
        """With a `#` a pattern aligns with the key in several places; the cheapest must miss by one word."""
        return number not in self.with_many or cost(words(self.patterns[number]), parts) == 1

    def _sharing(self, numbers: list[int], parts: list[str]) -> list[int]:
        """Those that have a word in common with the key, or one that may be mistyped: `stock.#` is one word from `mail.sent`, yet nobody meant it."""
        long_ones = [part for part in parts if len(part) >= SHORTEST_TYPO] if len(numbers) <= MOST_TRIED else []
        return [number for number in numbers if not self.literals[number].isdisjoint(parts) or self._mistyped(number, long_ones)]

    def _mistyped(self, number: int, parts: list[str]) -> bool:
        wanted = (word for word in self.literals[number] if len(word) >= SHORTEST_TYPO)
        return any(one_character_apart(word, part) for word in wanted for part in parts)

    def _spelled_otherwise(self, key: str, parts: list[str]) -> list[int]:
        return sorted(self._ends(self.folded, _lowered(parts)) | set(self.by_folded.get(folded(key), ())))

    def _one_other_word(self, key: str, parts: list[str]) -> list[int]:
        found: dict[int, int] = {}
        for place in range(len(parts)):
            rest = parts[:place] + parts[place + 1 :]
            found |= {number: place for number, at in self._ends(self.shorter, rest) if at == place or number in self.with_many}
        if len(found) > MOST_TRIED:
            return sorted(found)
        return sorted(found, key=lambda number: (-self._alike(number, found[number], parts), number))

    def _alike(self, number: int, place: int, parts: list[str]) -> int:
        """How many leading letters the differing words have in common."""
        wanted = words(self.patterns[number])
        pairs = zip(wanted[place], parts[place], strict=False) if place < len(wanted) else ()
        return next((count for count, (a, b) in enumerate(pairs) if a != b), 99)

    def _one_missing(self, key: str, parts: list[str]) -> list[int]:
        return sorted({number for number, _ in self._ends(self.shorter, parts)})

    def _one_too_many(self, key: str, parts: list[str]) -> list[int]:
        found: set[int] = set()
        for place in range(len(parts)):
            found |= self._ends(self.whole, parts[:place] + parts[place + 1 :])
        return sorted(found)

    @staticmethod
    def _ends(root: TrieNode, parts: Sequence[str]) -> set[Any]:
        ends: set[Any] = set()
        walk(root, parts, ends)
        return ends


def _lowered(parts: Sequence[str]) -> list[str]:
    return [word.casefold().strip() for word in parts]
