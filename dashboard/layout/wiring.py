"""Which other queues get a copy of what reaches a queue or is published to an exchange, by the bindings of a virtual host. Pure.

Two bindings of an exchange overlap where one message can match both. Whether such messages are published is not known here.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from brokers.topology import BindingDefinition, Topology

MOST_COMPARED = 2000
"""Of an exchange with more bindings beside one, the rest is not compared."""
MOST_HOPS = 8
_KEPT = 4
_kept: list[tuple[weakref.ref[Topology], Wiring]] = []


class Wiring:
    """The bindings of a topology by their ends, without those of the default exchange."""

    def __init__(self, topology: Topology) -> None:
        self.types = {exchange.name: _rules(exchange.type, exchange.arguments) for exchange in topology.exchanges}
        self.stream_queues = {queue.name for queue in topology.queues if queue.type == "stream"}
        self.leaving: dict[str, list[BindingDefinition]] = defaultdict(list)
        self.entering: dict[tuple[str, str], list[BindingDefinition]] = defaultdict(list)
        for binding in topology.bindings:
            if binding.source:
                self.leaving[binding.source].append(binding)
                self.entering[binding.destination_type, binding.destination].append(binding)

    def copies(self, queue: str) -> dict[str, set[str]]:
        """{exchange: other queues that may get a copy of a message which reaches this queue by it}."""
        found: dict[str, set[str]] = {}
        waiting, seen = [(binding, 0) for binding in self.entering.get(("queue", queue), ())], set[int]()
        while waiting:
            binding, hops = waiting.pop()
            if id(binding) in seen:
                continue
            seen.add(id(binding))
            others = self._beside(binding) - {queue}
            if others:
                found.setdefault(binding.source, set()).update(others)
            if hops < MOST_HOPS:
                waiting += [(above, hops + 1) for above in self.entering.get(("exchange", binding.source), ())]
        return found

    def _beside(self, binding: BindingDefinition) -> set[str]:
        """The queues behind other bindings of the same exchange that overlap this one."""
        kind = self.types.get(binding.source, "")
        own = (binding.destination_type, binding.destination)
        others = (other for other in self.leaving[binding.source][:MOST_COMPARED] if (other.destination_type, other.destination) != own)
        return {queue for other in others if overlap(kind, binding, other) for queue in self.queues_behind([other])}

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

    def first_overlap(self, exchange: str) -> tuple[set[str], bool]:
        """(queues that one message may reach together from there, whether all bindings were compared); at most two thousand pairs are."""
        bindings, kind, compared = self.leaving.get(exchange, []), self.types.get(exchange, ""), 0
        for place, binding in enumerate(bindings):
            behind = self.queues_behind([binding])
            if len(behind) > 1 and binding.destination_type == "exchange" and self.first_overlap_below(binding.destination, 0):
                return behind, True
            for other in bindings[:place]:
                compared += 1
                if compared > MOST_COMPARED:
                    return set(), False
                if overlap(kind, binding, other) and (together := behind | self.queues_behind([other])) and len(together) > 1:
                    return together, True
        return set(), True

    def first_overlap_below(self, exchange: str, hops: int) -> bool:
        """Whether an exchange behind another one copies messages."""
        bindings = self.leaving.get(exchange, [])[:40]
        kind = self.types.get(exchange, "")
        if any(overlap(kind, one, other) for place, one in enumerate(bindings) for other in bindings[:place]):
            return True
        below = [one.destination for one in bindings if one.destination_type == "exchange"]
        return hops < MOST_HOPS and any(self.first_overlap_below(name, hops + 1) for name in below)


def wiring(topology: Topology) -> Wiring:
    """That of a topology, kept while the same object is in use."""
    for known, made in _kept:
        if known() is topology:
            return made
    made = Wiring(topology)
    _kept.insert(0, (weakref.ref(topology), made))
    del _kept[_KEPT:]
    return made


def _rules(kind: str, arguments: dict[str, Any]) -> str:
    named = arguments.get("x-delayed-type") if kind == "x-delayed-message" else None
    return named if isinstance(named, str) else kind


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


def _words(key: str) -> list[str]:
    return key.split(".") if key else []


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a key exists that both topic patterns match."""
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
