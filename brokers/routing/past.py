"""Where a message went by the bindings of its time, known only by its exchange, its routing key and perhaps its task's name.

Pure. `PastRouting` holds the part of a virtual host that can be reached from one exchange, with the time span of each object; the rules are those of
`brokers.routing.route`. Objects are read by polls, so a change may have happened some time before it was noticed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from brokers.routing.fields import InvalidQuestion
from brokers.routing.refusals import Message
from brokers.routing.route import ONE_OF, Outcome, route
from brokers.routing.values import Value
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

NOTICED_WITHIN_SECONDS = 60.0
"""A change is noticed when the topology is read next: after 30 s, or by a sign of change within two polls; and after a costly list, once its budget allows."""
MOST_MOMENTS = 3
MOST_ROUTERS = 8
MOST_QUEUES = 100
TASK_HEADER = "task"
_DELAYED = re.compile(r"(?:.+_)?celery_delayed_\d+")
DELAYED_DELIVERY = "celery_delayed_delivery"
"""The exchange after the levels of Celery's native delayed delivery: its bindings match the end of the same routing key."""

T = TypeVar("T")


def is_delay_level(name: str) -> bool:
    """Whether a queue or exchange is one of the 28 levels in which Celery's native delayed delivery holds tasks, with kombu's prefix or without.
    Nobody consumes such a queue.

    >>> is_delay_level("celery_delayed_27"), is_delay_level("celery_delayed_delivery")
    (True, False)
    """
    return _DELAYED.fullmatch(name) is not None


class Span(msgspec.Struct, Generic[T], frozen=True):
    """An object and when it existed: from `first` until before `gone` (None: it still exists), seconds since 1970."""

    item: T
    first: float
    gone: float | None = None

    def at(self, moment: float) -> bool:
        return self.first <= moment and (self.gone is None or moment < self.gone)


class Route(msgspec.Struct, frozen=True):
    """`queues`: those that received the message; empty if undecided, for the reason given. `possible`: the only queues that can have received it; None: any."""

    queues: frozenset[str] = frozenset()
    reason: str = ""
    possible: frozenset[str] | None = None


def undecided(reason: str, possible: frozenset[str] | None = None) -> Route:
    return Route(frozenset(), reason, possible)


class PastRouting:
    """The part of a virtual host that is reachable from one exchange. `since`: nothing is known before, seconds since 1970;
    `reaches_back`: earlier history could be read.

    `policies`: (since when, the policies in force), in order; the first also applies to all earlier times.
    """

    def __init__(
        self,
        vhost: str,
        version: str | None,
        since: float,
        exchanges: Sequence[Span[ExchangeDefinition]] = (),
        queues: Sequence[Span[QueueDefinition]] = (),
        bindings: Sequence[Span[BindingDefinition]] = (),
        policies: Sequence[tuple[float, Sequence[PolicyDefinition]]] = (),
        reaches_back: bool = False,
    ) -> None:
        self.vhost, self.version, self.since, self.reaches_back = vhost, version, since, reaches_back
        self.exchanges, self.queues, self.bindings, self.policies = exchanges, queues, bindings, policies
        self._moments = sorted({*_moments(exchanges), *_moments(queues), *_moments(bindings), *(at for at, _ in policies[1:])})
        self._routers: OrderedDict[int, VirtualHostRouter] = OrderedDict()

    def same_as(self, other: PastRouting) -> bool:
        """True if both have the same content, regardless of `since`."""
        return self._content == other._content

    @property
    def _content(self) -> tuple[object, ...]:
        return (self.version, self.exchanges, self.queues, self.bindings, self.policies)

    def epoch(self, at: float) -> tuple[int, int]:
        """The first and last topology state that may have been in force; equal for all moments with the same answer."""
        first = bisect_right(self._moments, at)
        return first, min(bisect_right(self._moments, at + NOTICED_WITHIN_SECONDS), first + MOST_MOMENTS)

    def route(self, exchange: str, key: str, task: str | None, at: float) -> Route:
        """Where a message that was published at that moment went."""
        if at < self.since:
            return undecided("the bindings of that time are not known")
        first, last = self.epoch(at)
        found = [self._route(number, exchange, key, task) for number in range(first, last + 1)]
        existing = [one for one, exists in found if exists]  # the broker refuses messages to an exchange that does not exist
        if not existing:
            return found[-1][0]
        if all(one == existing[0] for one in existing):
            return existing[0]
        possible = None if any(one.possible is None for one in existing) else self._ever_bound.union(*(one.possible or () for one in existing))
        return undecided("the bindings changed at about the time it was sent", possible)

    @property
    def _ever_bound(self) -> frozenset[str]:
        """The queues that any binding led to. Between two readings bindings may have changed more than once, so that neither shows where they led."""
        return frozenset(span.item.destination for span in self.bindings if span.item.destination_type == "queue")

    def _route(self, number: int, exchange: str, key: str, task: str | None) -> tuple[Route, bool]:
        """(route, whether the exchange existed)."""
        exchange = DELAYED_DELIVERY if _DELAYED.fullmatch(exchange) else exchange
        try:
            router = self._router(number)
        except InvalidQuestion as error:
            return undecided(f"the bindings can't be read: {error}"), True
        if exchange and exchange not in router.exchanges:
            return undecided(f"no exchange {exchange} was known then"), False
        headers = None if task is None else {TASK_HEADER: Value("longstr", task)}
        outcome = route(router, Message(exchange, key, headers))
        return _route_of(router, outcome, exchange, key, task), True

    def _router(self, number: int) -> VirtualHostRouter:
        router = self._routers.pop(number, None)
        if router is None:
            router = VirtualHostRouter.from_topology(self._topology(number), self.version)
        self._routers[number] = router
        while len(self._routers) > MOST_ROUTERS:
            self._routers.popitem(last=False)
        return router

    def _topology(self, number: int) -> Topology:
        at = self._moments[number - 1] if number else (self._moments[0] - 1 if self._moments else self.since)
        policies = self.policies[max(0, bisect_right([since for since, _ in self.policies], at) - 1)][1] if self.policies else ()
        return Topology(self.vhost, _at(self.exchanges, at), _at(self.queues, at), _at(self.bindings, at), tuple(policies))


def _moments(spans: Iterable[Span[T]]) -> set[float]:
    return {moment for span in spans for moment in (span.first, span.gone) if moment is not None}


def _at(spans: Iterable[Span[T]], at: float) -> tuple[T, ...]:
    return tuple(span.item for span in spans if span.at(at))


def _route_of(router: VirtualHostRouter, outcome: Outcome, exchange: str, key: str, task: str | None) -> Route:
    if not exchange:
        reached = frozenset(outcome.queues)
        return Route(reached, "", reached) if reached else undecided(f"no queue {key} was known then", frozenset({key}))
    by_headers = [hop.exchange for hop in outcome.hops if hop.rules == "headers" and not _decided_by_task(router, hop.exchange, task)]
    if by_headers:
        return undecided(f"{by_headers[0]} routes by headers, which no event holds", _within_reach(router, exchange))
    if outcome.refusal:
        return undecided(outcome.refusal.reason)
    if outcome.uncertainties:
        return undecided(outcome.uncertainties[0], _within_reach(router, exchange))
    reached = frozenset(outcome.queues)
    if len(outcome.results) > 1:
        picking = next((hop.exchange for hop in outcome.hops if hop.rules in ONE_OF), exchange)
        return undecided(f"{picking} picks one of several queues", reached)
    if not reached:
        return undecided("the bindings of that time led it to no queue", frozenset())
    if len(reached) > MOST_QUEUES:
        return undecided(f"it reached {len(reached):,} queues", reached)
    return Route(reached, "", reached)


def _decided_by_task(router: VirtualHostRouter, exchange: str, task: str | None) -> bool:
    """True if the bindings of a headers exchange require nothing but the name of the task, which is known."""
    known = {TASK_HEADER} if task is not None else set()
    return all(bound.arguments.keys() - {"x-match"} <= known for bound in router.exchanges[exchange].bindings)


def _within_reach(router: VirtualHostRouter, exchange: str) -> frozenset[str]:
    """The queues that any message published there may reach."""
    queues: set[str] = set()
    frontier, seen = [exchange], {exchange}
    while frontier:
        name = frontier.pop()
        alternate, _ = router.alternate(name)
        targets = [(bound.destination_type, bound.destination) for bound in router.exchanges[name].bindings]
        for kind, target in [*targets, *([("exchange", alternate)] if alternate else [])]:
            if kind == "queue" and target in router.queues:
                queues.add(target)
            elif kind == "exchange" and target in router.exchanges and target not in seen:
                seen.add(target)
                frontier.append(target)
    return frozenset(queues)
