"""Finds the paths to a queue, backwards: through bindings, exchanges, alternate exchanges and dead-lettering.

Pure. `path_messages` builds messages that take a path.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

import msgspec

from brokers.routing.bindings import Bound, compared_headers, x_match
from brokers.routing.dead_lettering import InFlightMessage
from brokers.routing.queue_outcome import outcome_in_queue, reasons
from brokers.routing.route import KNOWN, ONE_OF
from brokers.routing.virtual_host import VirtualHostRouter

BINDING, ALTERNATE, NAME = "binding", "alternate", "name"
MOST_LEGS = 20
MOST_CHAINS = 20_000


class Leg(msgspec.Struct, frozen=True):
    """From one exchange to `target`: through any of the bindings with these numbers, as its alternate, or (default exchange) by the queue's name."""

    exchange: str
    type: str
    leads: str
    target: str
    numbers: tuple[int, ...] = ()
    shown_type: str = ""


Chain = tuple[Leg, ...]


class DeadLettering(msgspec.Struct, frozen=True):
    """A queue with a dead-letter exchange; `key` None: messages keep their keys."""

    queue: str
    key: str | None
    reasons: tuple[str, ...]


class ReverseIndex:
    """The bindings of a virtual host by destination; reusable for any number of queues."""

    def __init__(self, router: VirtualHostRouter) -> None:
        self.router = router
        self.into: dict[tuple[str, str], list[Leg]] = defaultdict(list)
        for exchange in router.exchanges.values():
            numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
            for number, binding in enumerate(exchange.bindings):
                numbers[binding.destination_type, binding.destination].append(number)
            for (kind, target), found in numbers.items():
                self.into[kind, target].append(Leg(exchange.name, exchange.rules, BINDING, target, tuple(found), exchange.type))
            alternate, _ = router.alternate(exchange.name)
            if alternate and (exchange.rules in KNOWN or exchange.rules in ONE_OF):
                self.into["exchange", alternate].append(Leg(exchange.name, exchange.rules, ALTERNATE, alternate, (), exchange.type))
        self.dead_lettering: dict[str, list[DeadLettering]] = defaultdict(list)
        for name, queue in router.queues.items():
            if queue.type != "stream":
                self._note_dead_lettering(name)

    @classmethod
    def of(cls, router: VirtualHostRouter) -> ReverseIndex:
        """The index of the router, built on first use."""
        found: ReverseIndex | None = router.made.get("reverse_index")
        if found is None:
            found = router.made["reverse_index"] = cls(router)
        return found

    def _note_dead_lettering(self, name: str) -> None:
        settings = self.router.queue_settings(name).settings
        exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
        if isinstance(exchange, str):
            held = outcome_in_queue(self.router, InFlightMessage("", (name,)), name, follow=False)
            self.dead_lettering[exchange].append(DeadLettering(name, key if isinstance(key, str) else None, reasons(held)))

    def bindings(self, leg: Leg) -> list[Bound]:
        """The bindings of the leg."""
        held = self.router.exchanges[leg.exchange].bindings if leg.numbers else ()
        return [held[number] for number in leg.numbers]

    def chains(self, queue: str) -> Chains:
        """All chains of exchanges that end in the queue."""
        return Chains(self, queue)


class Chains:
    """Chains that end in one queue, shortest first, no exchange twice in one (RabbitMQ visits each only once). Some begin with an internal exchange.

    `truncated`, after iteration: there are more or longer chains than the limits allow."""

    def __init__(self, back: ReverseIndex, queue: str) -> None:
        self.back, self.queue = back, queue
        self.truncated = False

    def __iter__(self) -> Iterator[Chain]:
        yield (Leg("", "direct", NAME, self.queue),)
        waiting: deque[Chain] = deque((leg,) for leg in self.back.into.get(("queue", self.queue), ()))
        for _ in range(MOST_CHAINS):
            if not waiting:
                return
            chain = waiting.popleft()
            yield chain
            legs = self.back.into.get(("exchange", chain[0].exchange), ())
            passed = {leg.exchange for leg in chain}
            onward = [leg for leg in legs if leg.exchange not in passed]
            self.truncated |= bool(onward) and len(chain) >= MOST_LEGS
            room = MOST_CHAINS - len(waiting) if len(chain) < MOST_LEGS else 0
            self.truncated |= len(onward) > room > 0
            waiting.extend((leg, *chain) for leg in onward[: max(room, 0)])
        self.truncated |= bool(waiting)


def catch_all_binding(back: ReverseIndex, exchange: str) -> Bound | None:
    """A binding that matches every message, so that the exchange's alternate is never used; None without one."""
    found = back.router.exchanges[exchange]
    return next((binding for binding in found.bindings if _matches_all(found.rules, binding)), None)


def _matches_all(kind: str, binding: Bound) -> bool:
    if kind == "topic":
        return bool(binding.routing_key) and set(binding.routing_key.split(".")) == {"#"}
    if kind == "headers":
        return not compared_headers(binding.pattern) and not x_match(binding.pattern).startswith("any")
    return kind != "direct"
