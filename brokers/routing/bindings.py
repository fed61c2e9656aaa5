"""Which bindings of one exchange match: an index by exchange type, so that thousands of bindings cost microseconds.

Pure. An index returns positions in the exchange's tuple of bindings. Rules: the AMQP 0-9-1 exchange types as RabbitMQ 3.10.8 and 4.0.5
implement them. Why a binding matches or not is explained in `verdicts`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from brokers.routing.trie import TrieNode, grow, walk, words
from brokers.routing.values import Sameness, Table, Value, comparable, sameness


class Bound(msgspec.Struct, frozen=True):
    """A binding as routing sees it. `arguments` as they were exported, `pattern` the same as AMQP values."""

    source: str
    destination: str
    destination_type: str  # queue, exchange
    routing_key: str
    arguments: Mapping[str, Any] = {}
    pattern: Mapping[str, Value] = {}
    lossy: bool = False  # an argument came through the HTTP API as "undefined" and is read as void


class Question(msgspec.Struct):
    """What the exchanges match a message by: all its keys, and its headers without BCC, as they are and ready to compare."""

    keys: Sequence[str]
    headers: Table
    compared: Mapping[str, Hashable]

    @classmethod
    def of(cls, keys: Sequence[str], headers: Table, version: tuple[int, ...]) -> Question:
        """From all keys and all headers of a message."""
        kept = {name: value for name, value in headers.items() if name != "BCC"}
        return cls(keys, kept, {name: comparable(value, version, in_message=True) for name, value in kept.items()})


class Index(Protocol):
    def matching(self, question: Question) -> set[int]:
        """The numbers of the bindings that match."""

    def undecided(self, question: Question) -> set[int]:
        """The numbers of those that can't be decided, because types are lost."""


class _Certain:
    def undecided(self, question: Question) -> set[int]:
        return set()


class DirectIndex(_Certain):
    """Byte equality of keys."""

    def __init__(self, bindings: Sequence[Bound]) -> None:
        self.by_key: dict[str, list[int]] = defaultdict(list)
        for number, binding in enumerate(bindings):
            self.by_key[binding.routing_key].append(number)

    def matching(self, question: Question) -> set[int]:
        return {number for key in question.keys for number in self.by_key.get(key, ())}


class EveryIndex(_Certain):
    """fanout and recent-history: every binding."""

    def __init__(self, bindings: Sequence[Bound]) -> None:
        self.all = frozenset(range(len(bindings)))

    def matching(self, question: Question) -> set[int]:
        return set(self.all)


class TopicIndex(_Certain):
    """A trie of the patterns' words."""

    def __init__(self, bindings: Sequence[Bound]) -> None:
        self.root = TrieNode()
        for number, binding in enumerate(bindings):
            grow(self.root, words(binding.routing_key), number)

    def matching(self, question: Question) -> set[int]:
        found: set[int] = set()
        for key in question.keys:
            walk(self.root, words(key), found)
        return found


class Pattern(msgspec.Struct, frozen=True):
    """A headers binding, ready to compare. In `wanted` None stands for any value."""

    any_of: bool
    wanted: tuple[tuple[str, Hashable | None], ...]
    values: tuple[tuple[str, Value], ...]

    def matches(self, compared: Mapping[str, Hashable]) -> bool:
        """Whether a message with these headers matches, as far as types are known."""
        met = (name in compared and (value is None or compared[name] == value) for name, value in self.wanted)
        return any(met) if self.any_of else all(met)

    def is_undecided(self, headers: Table, version: tuple[int, ...]) -> bool:
        """Whether the answer depends on types that are lost."""
        found = [sameness(value, headers[name], version) if name in headers else Sameness.DIFFERENT for name, value in self.values]
        if Sameness.UNKNOWN not in found:
            return False
        return (Sameness.SAME not in found) if self.any_of else (Sameness.DIFFERENT not in found)


def x_match(pattern: Table) -> str:
    """all, any, all-with-x or any-with-x; `all` if the binding has none."""
    chosen = pattern.get("x-match")
    return chosen.value if chosen is not None and isinstance(chosen.value, str) else "all"


def compared_headers(pattern: Table) -> dict[str, Value]:
    """What a headers binding compares: `all` and `any` skip names that begin with `x-`, the `-with-x` forms only `x-match` itself."""
    with_x = x_match(pattern).endswith("-with-x")
    return {name: value for name, value in pattern.items() if name != "x-match" and (with_x or not name.startswith("x-"))}


def pattern_of(binding: Bound, version: tuple[int, ...]) -> Pattern:
    """The binding's arguments, ready to compare."""
    values = compared_headers(binding.pattern)
    wanted = tuple((name, None if value.type == "void" else comparable(value, version, in_message=False)) for name, value in values.items())
    return Pattern(x_match(binding.pattern).startswith("any"), wanted, tuple(values.items()))


class HeadersIndex:
    """Bindings by the rarest name and value they require (all) or by each (any); those that require nothing are kept separately."""

    def __init__(self, bindings: Sequence[Bound], version: tuple[int, ...]) -> None:
        self.version = version
        self.patterns = [pattern_of(binding, version) for binding in bindings]
        self.always: set[int] = set()
        self.by_pair: dict[tuple[str, Hashable | None], list[int]] = defaultdict(list)
        self.loose: dict[str, list[int]] = defaultdict(list)  # by name: patterns whose value may have lost its type
        frequency: dict[tuple[str, Hashable | None], int] = defaultdict(int)
        for pattern in self.patterns:
            for pair in pattern.wanted:
                frequency[pair] += 1
        for number, pattern in enumerate(self.patterns):
            if pattern.any_of:
                for pair in pattern.wanted:
                    self.by_pair[pair].append(number)
            elif pattern.wanted:
                self.by_pair[min(pattern.wanted, key=lambda pair: frequency[pair])].append(number)
            else:
                self.always.add(number)
            for name, value in pattern.values:
                if value.type in ("table", "array", "double", "float", "decimal"):
                    self.loose[name].append(number)

    def matching(self, question: Question) -> set[int]:
        found = set(self.always)
        for name, value in question.compared.items():
            for pair in ((name, value), (name, None)):
                found.update(number for number in self.by_pair.get(pair, ()) if self.patterns[number].matches(question.compared))
        return found

    def undecided(self, question: Question) -> set[int]:
        names = [name for name, value in question.headers.items() if value.type in ("table", "array", "decimal", "double")]
        numbers: Iterable[int] = {number for name in names for number in self.loose.get(name, ())}
        return {number for number in numbers if self.patterns[number].is_undecided(question.headers, self.version)}


def index_for(exchange_type: str, bindings: Sequence[Bound], version: tuple[int, ...]) -> Index:
    """The index for the exchange type; every binding for types that do not match by key or headers."""
    if exchange_type == "direct":
        return DirectIndex(bindings)
    if exchange_type == "topic":
        return TopicIndex(bindings)
    if exchange_type == "headers":
        return HeadersIndex(bindings, version)
    return EveryIndex(bindings)
