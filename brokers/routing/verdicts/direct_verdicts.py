"""Why a direct binding matches a key or not, and which are near misses: case, whitespace, a dot, one character, or wildcards in a direct binding. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from brokers.routing.trie import TooCostly, TrieNode, grow, walk, words
from brokers.routing.verdicts.verdict import Verdict, difference, folded, one_character_apart

MOST_TRIED = 300


class NearKeys:
    """Keys by their folded form, and by their halves: two keys one character apart have one half in common."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.by_folded: dict[str, list[int]] = defaultdict(list)
        self.by_half: dict[tuple[bool, int, str], list[int]] = defaultdict(list)
        self.wildcards = TrieNode()
        for number, key in enumerate(keys):
            self.by_folded[folded(key)].append(number)
            half = len(key) // 2
            self.by_half[(False, len(key), key[:half])].append(number)
            self.by_half[(True, len(key), key[half:])].append(number)
            if _has_wildcards(key):
                grow(self.wildcards, words(key), number)

    def near(self, key: str, most: int, but: frozenset[int]) -> list[int]:
        """Numbers of at most `most` keys, the nearest kind first, without those in `but`."""
        fitting: set[int] = set()
        try:
            walk(self.wildcards, words(key), fitting)
        except TooCostly:
            fitting = set()
        found = dict.fromkeys(self.by_folded.get(folded(key), ())) | dict.fromkeys(self._one_character_apart(key)) | dict.fromkeys(sorted(fitting))
        return [number for number in found if number not in but][:most]

    def _one_character_apart(self, key: str) -> list[int]:
        if len(key) < 3:
            return []
        found: list[int] = []
        for length in (len(key), len(key) - 1, len(key) + 1):
            half = length // 2
            ends = (self.by_half.get((False, length, key[:half]), ()), self.by_half.get((True, length, key[len(key) - (length - half) :]), ()))
            found += [number for numbers in ends for number in numbers[:MOST_TRIED] if one_character_apart(key, self.keys[number])]
        return sorted(set(found))


def _has_wildcards(key: str) -> bool:
    return ("*" in key or "#" in key) and not {"*", "#"}.isdisjoint(key.split("."))


def direct(wanted: str, keys: Sequence[str], near: bool = False, what: str = "key") -> Verdict:
    """The verdict on one binding; `what`: "queue" for the default exchange, whose queues' names are the keys.

    >>> direct("order.new", ["Order.new"], near=True).why
    'the key is `Order.new`, wanted `order.new`: only upper and lower case differ'
    """
    group = "has another name" if what == "queue" else "requires another key"
    if wanted in keys:
        return Verdict(True, False, f"the key is exactly `{wanted}`" if wanted else "the key and the binding's are both empty")
    closest = next((key for key in keys if folded(key) == folded(wanted)), None)
    if closest is not None:
        return Verdict(False, near, f"the key is `{closest}`, wanted `{wanted}`: {difference(closest, wanted)}", group)
    closest = next((key for key in keys if one_character_apart(key, wanted)), None)
    if closest is not None:
        return Verdict(False, near, f"the key is `{closest}`, wanted `{wanted}`: one character differs", group)
    wildcards = "; `*` and `#` are ordinary characters in a direct exchange" if _has_wildcards(wanted) else ""
    return Verdict(False, near, f"the key is `{keys[0]}`, wanted exactly `{wanted}`{wildcards}", group)
