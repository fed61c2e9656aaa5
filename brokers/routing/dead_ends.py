"""Exchanges from where no message can reach a queue, alternates and dead-letter exchanges that lead nowhere, and dead letters that go round. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from brokers.routing.bindings import Question
from brokers.routing.past import is_delay_level
from brokers.routing.trie import TooCostly
from brokers.routing.virtual_host import VirtualHostRouter

LoopKind = Literal["expires", "rejected"]
CERTAIN_TYPES = ("direct", "topic", "fanout")


class Nowhere(msgspec.Struct, frozen=True):
    """`name` of the exchange or queue, and the exchange to which it sends what it can't route or keep; `missing`: that does not exist, else nothing behind it
    takes these messages. `key`: the routing key of dead letters, None: that of each message."""

    name: str
    target: str
    missing: bool
    key: str | None = None


class Loop(msgspec.Struct, frozen=True):
    """Queues, each of which dead-letters into the next and the last into the first. "expires": each lets messages expire, so that they come round without a
    consumer, where RabbitMQ drops them; "rejected": none does, so that a rejected message is back at once."""

    queues: tuple[str, ...]
    kind: LoopKind


def without_way_out(router: VirtualHostRouter) -> set[str]:
    """The exchanges, without the default one, from where no queue can be reached over bindings and alternates, whatever a message is like."""
    above: dict[str, set[str]] = {}
    waiting = []
    for name, exchange in router.exchanges.items():
        alternate = router.alternate(name)[0]
        targets = [bound.destination for bound in exchange.bindings if bound.destination_type == "exchange"] + ([alternate] if alternate else [])
        for target in targets:
            above.setdefault(target, set()).add(name)
        if not name or any(bound.destination_type == "queue" for bound in exchange.bindings):
            waiting.append(name)
    reaching = set(waiting)
    while waiting:
        new = above.get(waiting.pop(), set()) - reaching
        reaching |= new
        waiting += new
    return router.exchanges.keys() - reaching


def alternates_to_nowhere(router: VirtualHostRouter, dead: Iterable[str]) -> list[Nowhere]:
    """Exchanges whose alternate does not exist, or is among those without a way out."""
    ends = set(dead)
    found = []
    for name in sorted(router.exchanges):
        alternate = router.alternate(name)[0]
        if alternate is not None and (alternate not in router.exchanges or alternate in ends):
            found.append(Nowhere(name, alternate, alternate not in router.exchanges))
    return found


def dead_letters_to_nowhere(router: VirtualHostRouter, dead: Iterable[str]) -> list[Nowhere]:
    """Queues whose dead letters are dropped: their exchange does not exist, has no way out, or nothing takes their routing key."""
    ends, found = set(dead), []
    for queue in sorted(router.queues):
        target = _target(router, queue)
        if target is None:
            continue
        exchange, key = target
        if exchange not in router.exchanges and exchange:
            found.append(Nowhere(queue, exchange, True, key))
        elif exchange in ends or (key is not None and _reached(router, exchange, key) == set()):
            found.append(Nowhere(queue, exchange, False, key))
    return found


def dead_letter_loops(router: VirtualHostRouter) -> list[Loop]:
    """Cycles of queues that dead letters certainly go round, each once, without those that delay: in them messages expire at one queue and are taken at
    another."""
    after: dict[str, set[str]] = {}
    for queue in router.queues:
        target = _target(router, queue)
        if target is not None and not is_delay_level(queue):
            exchange, key = target
            after[queue] = (_reached(router, exchange, key) or set()) if key is not None else _always(router, exchange)
    found = []
    for cycle in _cycles(after):
        expiring = [_expires(router, queue) for queue in cycle]
        if all(expiring):
            found.append(Loop(cycle, "expires"))
        elif not any(expiring):
            found.append(Loop(cycle, "rejected"))
    return found


def _target(router: VirtualHostRouter, queue: str) -> tuple[str, str | None] | None:
    """(exchange, routing key, None: that of each message) of a queue's dead letters; None if it keeps none."""
    settings = router.queue_settings(queue).settings
    exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
    return (exchange, key if isinstance(key, str) else None) if isinstance(exchange, str) else None


def _reached(router: VirtualHostRouter, exchange: str, key: str) -> set[str] | None:
    """The queues that a message with this key reaches from there; None where that also depends on something else."""
    if not exchange:
        return {key} & router.queues.keys()
    found: set[str] = set()
    waiting, seen = [exchange], {exchange}
    while waiting:
        name = waiting.pop()
        here = router.exchanges.get(name)
        if here is None:
            continue
        if here.rules not in CERTAIN_TYPES:
            return None
        try:
            matching = here.index.matching(Question([key], {}, {}))
        except TooCostly:
            return None
        bound = [here.bindings[number] for number in matching]
        alternate = router.alternate(name)[0]
        targets = [("exchange", alternate)] if not bound and alternate else [(one.destination_type, one.destination) for one in bound]
        for kind, target in targets:
            if kind == "queue":
                found.add(target)
            elif target not in seen:
                seen.add(target)
                waiting.append(target)
    return found & router.queues.keys()


def _always(router: VirtualHostRouter, exchange: str) -> set[str]:
    """The queues that every message reaches from there, by fanout exchanges."""
    found: set[str] = set()
    waiting, seen = [exchange], {exchange}
    while waiting:
        here = router.exchanges.get(waiting.pop())
        for bound in here.bindings if here is not None and here.name else ():
            if here is None or (here.rules != "fanout" and not (here.rules == "topic" and bound.routing_key == "#")):
                continue
            if bound.destination_type == "queue":
                found.add(bound.destination)
            elif bound.destination not in seen:
                seen.add(bound.destination)
                waiting.append(bound.destination)
    return found


def _expires(router: VirtualHostRouter, queue: str) -> bool:
    return "message-ttl" in router.queue_settings(queue).settings


def _cycles(after: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """A cycle through each queue that is in one, the shortest; each cycle once, from the queue with the first name on."""
    found: set[tuple[str, ...]] = set()
    for start in after:
        if cycle := _shortest_cycle(start, after):
            first = cycle.index(min(cycle))
            found.add((*cycle[first:], *cycle[:first]))
    return sorted(found)


def _shortest_cycle(start: str, after: Mapping[str, set[str]]) -> list[str]:
    """The queues from `start` on until it comes round; [] if it does not."""
    before: dict[str, str] = {}
    waiting = [start]
    for name in waiting:
        for target in sorted(after.get(name, ())):
            if target == start:
                cycle = [name]
                while cycle[-1] != start:
                    cycle.append(before[cycle[-1]])
                return cycle[::-1]
            if target not in before and target in after:
                before[target] = name
                waiting.append(target)
    return []
