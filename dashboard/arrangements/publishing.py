"""Which connections publish to a queue: by the exchanges from where messages may reach it, and by who publishes to these. Pure.

RabbitMQ counts for each connection to which exchanges it publishes, never to which queues; and that is read of a few exchanges at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from brokers.models import Connection, Exchange
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import Topology

PUBLISHERS_COUNT_FOR = timedelta(hours=1)
"""What was read of an exchange counts for so long, as far as the connections are still open."""
DEFAULT_EXCHANGE = ""


class Reach(msgspec.Struct, frozen=True):
    """The exchanges from where a message may reach a queue, without the default exchange, which reaches each: `bound` by bindings alone, `unmatched` only by
    an alternate exchange on its path, for messages that match nothing before it."""

    bound: frozenset[str] = frozenset()
    unmatched: frozenset[str] = frozenset()


def sources(topology: Topology) -> dict[str, Reach]:
    """By queue, for those that have a binding of their own."""
    above: dict[str, set[str]] = defaultdict(set)
    direct: dict[str, set[str]] = defaultdict(set)
    for binding in topology.bindings:
        if binding.source:
            (direct if binding.destination_type == "queue" else above)[binding.destination].add(binding.source)
    with_alternates = {name: set(exchanges) for name, exchanges in above.items()}
    for name, alternate in _alternates(topology):
        with_alternates.setdefault(alternate, set()).add(name)
    known: dict[frozenset[str], Reach] = {}
    found = {}
    for queue, exchanges in direct.items():
        key = frozenset(exchanges)
        if key not in known:
            bound = _with_above(key, above)
            known[key] = Reach(bound, _with_above(bound, with_alternates) - bound)
        found[queue] = known[key]
    return found


def _alternates(topology: Topology) -> list[tuple[str, str]]:
    """(exchange, its alternate exchange) by argument or policy, without the default exchange."""
    settings = (*(one.arguments for one in topology.exchanges), *(one.definition for one in topology.policies))
    if not any("alternate-exchange" in each for each in settings):
        return []
    router = VirtualHostRouter.from_topology(topology)
    named = ((name, router.alternate(name)[0]) for name in router.exchanges if name)
    return [(name, alternate) for name, alternate in named if alternate]


def _with_above(exchanges: Iterable[str], above: Mapping[str, Collection[str]]) -> frozenset[str]:
    found, waiting = set(exchanges), list(exchanges)
    while waiting:
        new = set(above.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return frozenset(found)


class Publishing(msgspec.Struct, frozen=True):
    """By exchange the connections that publish to it; `unread`: exchanges that take messages, or may, and of which it is not known who publishes to them.
    `elsewhere`: connections that publish and of which it is not known to which exchange."""

    connections: Mapping[str, Collection[str]] = {}
    unread: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def of_queue(self, reach: Reach, takes: bool) -> tuple[set[str], set[str]]:
        """(connections that publish to the queue, those that may) by the exchanges from where messages reach it; `takes`: something is published to it,
        as far as that is known. By the default exchange a connection may publish to any queue, and one of an exchange to queues behind it."""
        certain = self._to(reach.bound)
        if not takes:
            return certain, set()
        others: frozenset[str] = frozenset() if certain else reach.unmatched | {DEFAULT_EXCHANGE}
        possible = self._to(others)
        if not self.unread.isdisjoint(reach.bound | others):
            possible |= self.elsewhere
        return certain, possible - certain

    def _to(self, exchanges: Collection[str]) -> set[str]:
        return {name for exchange in exchanges for name in self.connections.get(exchange, ())}


def publishing(exchanges: Iterable[Exchange], connections: Collection[Connection], machinery: Collection[str], now: datetime) -> Publishing:
    """Who publishes where. `machinery`: the exchanges of Celery's events and remote control, which say nothing of where tasks come from."""
    there = {connection.name for connection in connections}
    found: dict[str, set[str]] = defaultdict(set)
    unread = set()
    for exchange in exchanges:
        if exchange.name in machinery:
            continue
        at = exchange.publishers_at
        if exchange.publishers is not None and at is not None and now - at < PUBLISHERS_COUNT_FOR:
            found[exchange.name] |= {name for one in exchange.publishers if (name := str(one.get("connection") or "")) in there}
        elif exchange.publish_in_per_second is None or exchange.publish_in_per_second > 0:
            unread.add(exchange.name)
    elsewhere = set()
    for connection in connections:
        named = [str(one.get("exchange") or "") for one in connection.publishes or ()]
        for name in named:
            if name not in machinery:
                found[name].add(connection.name)
        if not named and (connection.publish_per_second or 0) > 0:
            elsewhere.add(connection.name)
    known = {name for names in found.values() for name in names}
    return Publishing(dict(found), frozenset(unread), frozenset(elsewhere - known))
