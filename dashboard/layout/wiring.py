"""Which other queues get a copy of what reaches a queue or is published to an exchange, by the bindings of a virtual host. Pure.

Two bindings of an exchange overlap where one message can match both. Whether such messages are published is not known here.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

from brokers.routing.trie import words
from brokers.topology import BindingDefinition, Topology

MOST_COMPARED = 2000
"""Pairs of bindings of an exchange, and of those behind it."""
MOST_BESIDE = 20_000
"""Bindings beside those of a queue."""
MOST_BRIEFLY = 200
"""Bindings beside those of a queue, or pairs of an exchange, where many objects are shown at once."""
MOST_HOPS = 8
_kept: dict[int, tuple[weakref.ref[Topology], Wiring]] = {}


class Wiring:
    """The bindings of a topology by their ends, without those of the default exchange."""

    def __init__(self, topology: Topology) -> None:
        self.types = {exchange.name: _rules(exchange.type, exchange.arguments) for exchange in topology.exchanges}
        self.leaving: dict[str, list[BindingDefinition]] = defaultdict(list)
        self.entering: dict[tuple[str, str], list[BindingDefinition]] = defaultdict(list)
        for binding in topology.bindings:
            if binding.source:
                self.leaving[binding.source].append(binding)
                self.entering[binding.destination_type, binding.destination].append(binding)
        self._known: dict[tuple[str, str], bool | None] = {}

    @cached_property
    def _by_key(self) -> dict[str, dict[str, list[BindingDefinition]]]:
        """The bindings of each direct or topic exchange by their key, those with wildcards left out: no others without any can match the same message."""
        found: dict[str, dict[str, list[BindingDefinition]]] = {}
        for source, bindings in self.leaving.items():
            if self.types.get(source) in ("direct", "topic"):
                keys = found[source] = defaultdict(list)
                for binding in bindings:
                    if not self._is_wild(binding):
                        keys[binding.routing_key].append(binding)
        return found

    @cached_property
    def _wild(self) -> dict[str, list[BindingDefinition]]:
        """Those with wildcards, of each topic exchange."""
        topics = (source for source in self.leaving if self.types.get(source) == "topic")
        return {source: [binding for binding in self.leaving[source] if self._is_wild(binding)] for source in topics}

    def _is_wild(self, binding: BindingDefinition) -> bool:
        return ("*" in binding.routing_key or "#" in binding.routing_key) and self.types.get(binding.source) == "topic"

    def _beside(self, binding: BindingDefinition) -> Sequence[BindingDefinition]:
        """Those of its exchange that may match what it matches, itself among them."""
        keys = self._by_key.get(binding.source)
        if keys is None or self._is_wild(binding):
            return self.leaving[binding.source]
        return keys[binding.routing_key] + self._wild.get(binding.source, [])

    def _pairs(self, exchange: str) -> Iterator[tuple[BindingDefinition, BindingDefinition]]:
        """Any two bindings of an exchange that may match one message."""
        keys = self._by_key.get(exchange)
        for group in [self.leaving.get(exchange, [])] if keys is None else keys.values():
            yield from _two(group)
        if wild := self._wild.get(exchange):
            yield from _two(wild)
            for group in (keys or {}).values():
                yield from product(wild, group)

    def is_copied(self, queue: str) -> bool | None:
        """Whether another queue may get a copy of what reaches this one; None where that takes more than MOST_BRIEFLY comparisons. Kept."""
        return self._once("queue", queue, self._is_copied)

    def _is_copied(self, queue: str) -> bool | None:
        compared = 0
        for binding in self._leading_to(queue):
            kind, place = self.types.get(binding.source, ""), (binding.destination_type, binding.destination)
            for other in self._beside(binding):
                compared += 1
                if (other.destination_type, other.destination) != place and overlap(kind, binding, other) and self.queues_behind([other]) - {queue}:
                    return True
                if compared > MOST_BRIEFLY:
                    return None
        return False

    def makes_copies(self, exchange: str) -> bool | None:
        """Whether one message may reach several queues from there; None as for `is_copied`. Kept."""
        return self._once("exchange", exchange, self._makes_copies)

    def _makes_copies(self, exchange: str) -> bool | None:
        together, compared = self.first_overlap(exchange, MOST_BRIEFLY)
        return True if together else False if compared else None

    def _once(self, kind: str, name: str, decide: Callable[[str], bool | None]) -> bool | None:
        if (kind, name) not in self._known:
            self._known[kind, name] = decide(name)
        return self._known[kind, name]

    def copies(self, queue: str) -> tuple[dict[str, set[str]], bool]:
        """({exchange: other queues that may get a copy of a message which reaches this queue by it}, whether all bindings beside its own were compared)."""
        found: dict[str, set[str]] = {}
        compared = 0
        for binding in self._leading_to(queue):
            beside, kind = self._beside(binding), self.types.get(binding.source, "")
            compared += len(beside)
            if compared > MOST_BESIDE:
                return found, False
            others = self.queues_behind(other for other in beside if copied(kind, binding, other)) - {queue}
            if others:
                found.setdefault(binding.source, set()).update(others)
        return found, True

    def _leading_to(self, queue: str) -> Iterator[BindingDefinition]:
        """The bindings of a queue, then those to their exchanges and so on over MOST_HOPS of these, each once."""
        near, seen = self.entering.get(("queue", queue), []), set[str]()
        for _ in range(1 + MOST_HOPS):
            yield from near
            sources = dict.fromkeys(binding.source for binding in near if binding.source not in seen)
            seen.update(sources)
            near = [above for source in sources for above in self.entering.get(("exchange", source), ())]

    def queues_behind(self, bindings: Iterable[BindingDefinition]) -> set[str]:
        """The queues that these bindings lead to, over other exchanges too."""
        found, seen, waiting = set[str](), set[str](), list(bindings)
        while waiting:
            binding = waiting.pop()
            if binding.destination_type == "queue":
                found.add(binding.destination)
            elif binding.destination not in seen:
                seen.add(binding.destination)
                waiting += self.leaving.get(binding.destination, ())
        return found

    def leads_to_a_queue(self, exchange: str) -> bool:
        bindings = self.leaving.get(exchange, ())
        return any(one.destination_type == "queue" for one in bindings) or bool(self.queues_behind(bindings))

    def first_overlap(self, exchange: str, most: int = MOST_COMPARED) -> tuple[set[str], bool]:
        """(queues that one message may reach together from there, whether all bindings were compared, also those of the exchanges behind it): of more than
        `most` pairs they were not."""
        waiting, compared = [exchange], 0
        for name in waiting:
            kind = self.types.get(name, "")
            for binding, other in self._pairs(name):
                compared += 1
                if compared > most:
                    return set(), False
                if copied(kind, binding, other) and len(together := self.queues_behind([binding, other])) > 1:
                    return together, True
            waiting += {one.destination for one in self.leaving.get(name, ()) if one.destination_type == "exchange"}.difference(waiting)
        return set(), True


def wiring(topology: Topology) -> Wiring:
    """That of a topology, kept as long as the topology is."""
    known = _kept.get(id(topology))
    if known is not None and known[0]() is topology:
        return known[1]
    made, place = Wiring(topology), id(topology)

    def forget(gone: weakref.ref[Topology]) -> None:
        if place in _kept and _kept[place][0] is gone:
            del _kept[place]

    _kept[place] = (weakref.ref(topology, forget), made)
    return made


def _two(bindings: Sequence[BindingDefinition]) -> Iterator[tuple[BindingDefinition, BindingDefinition]]:
    for place, binding in enumerate(bindings):
        for other in bindings[:place]:
            yield binding, other


def _rules(kind: str, arguments: dict[str, Any]) -> str:
    named = arguments.get("x-delayed-type") if kind == "x-delayed-message" else None
    return named if isinstance(named, str) else kind


def copied(kind: str, one: BindingDefinition, other: BindingDefinition) -> bool:
    """Whether a message can go by both bindings of an exchange of that type: to one destination it goes once, however many match."""
    return (one.destination_type, one.destination) != (other.destination_type, other.destination) and overlap(kind, one, other)


def overlap(kind: str, one: BindingDefinition, other: BindingDefinition) -> bool:
    """Whether a message can match both bindings of an exchange of that type; False for types that choose one of their bindings.

    >>> overlap("topic", BindingDefinition("e", "a", "queue", "order.#"), BindingDefinition("e", "b", "queue", "*.new"))
    True
    """
    if kind == "fanout":
        return True
    if kind == "direct":
        return one.routing_key == other.routing_key
    if kind == "topic":
        return _meet(_words(one.routing_key), _words(other.routing_key))
    if kind == "headers":
        if not all(str(binding.arguments.get("x-match", "all")).startswith("all") for binding in (one, other)):
            return True
        shared = {name for name in one.arguments.keys() & other.arguments.keys() if not name.startswith("x-")}
        return all(one.arguments[name] is None or other.arguments[name] is None or one.arguments[name] == other.arguments[name] for name in shared)
    return False


_words = lru_cache(4096)(words)


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a key exists that both topic patterns match."""
    if "#" not in one and "#" not in other:
        if len(one) != len(other):
            return False
        for word, another in zip(one, other, strict=True):  # noqa: SIM110  (which would take three times as long)
            if word != another and word != "*" and another != "*":
                return False
        return True
    reach = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if i == len(one) and j == len(other):
            return True
        steps = []
        if i < len(one) and one[i] == "#":
            steps += [(i + 1, j)] + ([(i, j + 1)] if j < len(other) else [])
        if j < len(other) and other[j] == "#":
            steps += [(i, j + 1)] + ([(i + 1, j)] if i < len(one) else [])
        if i < len(one) and j < len(other) and "#" not in (one[i], other[j]) and ("*" in (one[i], other[j]) or one[i] == other[j]):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in reach:
                reach.add(step)
                waiting.append(step)
    return False
