"""Words of routing keys, and a trie of topic patterns that finds all matches of a key without trying each pattern.

Pure. Rules: RabbitMQ 3.10.8 and 4.0.5: the empty key has no words, words may be empty, `*` is one word and `#` any number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_STEPS = 1_000_000


class TooCostly(Exception):
    """A key and patterns (many `#`, hundreds of words) that take too long to compare."""


def words(key: str) -> list[str]:
    """The words of a key or pattern: none in "", else one more than its dots.

    >>> words("a."), words("")
    (['a', ''], [])
    """
    return key.split(".") if key else []


class TrieNode:
    """Patterns that share their first words. `count`: how many end here or below; `many`: its own word is `#`."""

    __slots__ = ("children", "count", "ends", "many")

    def __init__(self, many: bool = False) -> None:
        self.children: dict[str, TrieNode] = {}
        self.ends: list[Any] = []
        self.count = 0
        self.many = many


def grow(root: TrieNode, parts: Sequence[str], end: Any) -> None:
    """Adds one pattern's words to a trie; `#.#` is `#`."""
    node = root
    node.count += 1
    for word in parts:
        if word == "#" and node.many:
            continue
        child = node.children.get(word)
        if child is None:
            child = node.children[word] = TrieNode(word == "#")
        node = child
        node.count += 1
    node.ends.append(end)


def walk(root: TrieNode, parts: Sequence[str], found: set[Any]) -> None:
    """Adds the `ends` of every matching pattern to `found`. Raises TooCostly.

    Each (node, position) is visited once, so that several `#` do no work twice. In a message's key `#` and `*` are
    ordinary words, which no pattern can match literally.
    """
    seen: set[tuple[int, int]] = set()
    stack = [(root, 0)]
    last = len(parts)
    while stack:
        node, position = stack.pop()
        if node.many:
            if (id(node), position) in seen:
                continue
            seen.add((id(node), position))
            if len(seen) > MOST_STEPS:
                raise TooCostly
            if position < last:
                stack.append((node, position + 1))
        children = node.children
        many = children.get("#")
        if many is not None:
            stack.append((many, position))
        if position == last:
            if node.ends:
                found.update(node.ends)
            continue
        word = parts[position]
        exact = children.get(word)
        if exact is not None and word != "#" and word != "*":
            stack.append((exact, position + 1))
        one = children.get("*")
        if one is not None:
            stack.append((one, position + 1))
