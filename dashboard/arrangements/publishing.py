"""Which connections publish to a queue: by the exchanges from where messages may reach it, and by who publishes to these. Pure.

RabbitMQ counts for each connection to which exchanges it publishes, never to which queues; and that is read of a few exchanges at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from brokers.models import Connection, Exchange
from brokers.topology import Topology

PUBLISHERS_COUNT_FOR = timedelta(hours=1)
"""What was read of an exchange counts for so long, as far as the connections are still open."""
DEFAULT_EXCHANGE = ""


def sources(topology: Topology) -> dict[str, frozenset[str]]:
    """{queue: the exchanges from where a message may reach it}, without the default exchange, which reaches each."""
    above: dict[str, set[str]] = defaultdict(set)
    direct: dict[str, set[str]] = defaultdict(set)
    for binding in topology.bindings:
        if binding.source:
            (direct if binding.destination_type == "queue" else above)[binding.destination].add(binding.source)
    known: dict[frozenset[str], frozenset[str]] = {}
    found = {}
    for queue, exchanges in direct.items():
        key = frozenset(exchanges)
        if key not in known:
            known[key] = _with_above(key, above)
        found[queue] = known[key]
    return found


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

    def of_queue(self, exchanges: Collection[str], takes: bool) -> tuple[set[str], set[str]]:
        """(connections that publish to the queue, those that may) by the exchanges from where messages reach it; `takes`: something is published to it,
        as far as that is known. By the default exchange a connection may publish to any queue, and one of an exchange to queues behind it."""
        certain = {name for exchange in exchanges for name in self.connections.get(exchange, ())}
        possible = set(self.connections.get(DEFAULT_EXCHANGE, ())) if takes and not certain else set()
        if takes and (not self.unread.isdisjoint(exchanges) or (not certain and DEFAULT_EXCHANGE in self.unread)):
            possible |= self.elsewhere
        return certain, possible - certain


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
