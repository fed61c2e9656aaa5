"""Reads who publishes to and who consumes the queues of each virtual host, and from where, as far as the person may view it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Connection, Exchange, Queue
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.arrangements.declared import Declared
from dashboard.arrangements.flows import Flow, QueueClients, flows
from dashboard.arrangements.machines import Client, Machines
from dashboard.arrangements.publishing import Publishing, Reach, publishing, sources
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.virtual_hosts import virtual_hosts
from dashboard.live.hub import LOOK_CLOSELY
from workers import queries as worker_queries

MOST_VHOSTS = 12
"""Of a broker, unless one is chosen."""
SENT_WITHIN = timedelta(hours=1)
_NO_INTERNAL = Condition("celery_own", "=", False)


class Loaded(msgspec.Struct):
    """The flows of a virtual host. `more`: how many queues were not read. `whole`: nothing of it is hidden from the person. `unread`: exchanges that take
    messages, and whose publishers are to be read next."""

    broker: Broker
    vhost: str
    flows: Sequence[Flow]
    more: int = 0
    whole: bool = True
    unread: Sequence[Exchange] = ()


def declared_of(broker: str) -> Declared:
    """As HARELINE_MACHINES declares the machines of that broker's clients."""
    found: Declared = settings.MACHINES.get(broker, Declared())
    return found


def loaded(scope: Scope, brokers: Sequence[Broker], vhost: str | None, now: datetime) -> tuple[list[Loaded], int]:
    """(the virtual hosts that have a queue, by broker and name; how many more there are)."""
    found, left_out = [], 0
    for broker in brokers:
        names = [one.name for one in virtual_hosts(scope, broker) if vhost in (None, one.name)]
        left_out += max(0, len(names) - MOST_VHOSTS)
        if names:
            place = _Place(scope, broker, queries.connections(scope, broker.pk), now)
            found += [one for name in names[:MOST_VHOSTS] if (one := place.of_vhost(name)) is not None]
    return found, left_out


class _Place:
    """Of one broker."""

    def __init__(self, scope: Scope, broker: Broker, connections: Sequence[Connection], now: datetime) -> None:
        self._scope, self._broker, self._now = scope, broker, now
        self._connections = {(one.vhost, one.name): one for one in connections}
        self._declared = declared_of(broker.name)

    def of_vhost(self, vhost: str) -> Loaded | None:
        where: dict[str, Any] = {"broker": self._broker.pk, "vhost": vhost}
        read = queries.queues(self._scope, **where, conditions=(_NO_INTERNAL,), page_size=queries.LARGEST_PAGE, brokers=[self._broker])
        if not read.items:
            return None
        whole = self._scope.covers(self._broker.name, vhost)
        consumers = self._consumers(vhost, read.items)
        exchanges = queries.exchanges(self._scope, **where, page_size=queries.LARGEST_PAGE, delay_levels=False).items if whole else []
        machinery = worker_queries.names_of(self._broker.pk, vhost).machinery
        open_here = [one for (there, _), one in self._connections.items() if there == vhost and not one.is_machinery]
        known = publishing(exchanges, open_here, machinery, self._now) if whole else Publishing()
        reach = sources(queries.visible_topology(self._scope, self._broker, vhost, kept.state_of([self._broker]))) if whole else {}
        sent = worker_queries.senders_of_queues(self._broker.pk, vhost, {queue.name for queue in read.items}, self._now - SENT_WITHIN) if whole else {}
        clients = [self._clients(queue, consumers, known, reach, sent, whole) for queue in read.items]
        everyone = [*self._all_clients(consumers), *(client for one in clients for client in (*one.producers, *one.possible))]
        found = flows(clients, Machines(everyone, self._declared))
        return Loaded(self._broker, vhost, found, read.total - len(read.items), whole, _next(exchanges, machinery))

    def _consumers(self, vhost: str, queues: Sequence[Queue]) -> dict[str, tuple[Client, ...]]:
        """By queue."""
        consuming = consumers_by_queue(self._broker.pk, vhost, self._broker)
        found = {}
        for queue in queues:
            mine = {}
            for one in consuming.get((vhost, queue.name), ()):
                connection = self._connections.get((vhost, one.connection_name))
                if connection is None or not connection.is_machinery:
                    peer = one.consumer.peer_host or (connection.peer_host if connection else "")
                    mine[one.connection_name] = Client(one.connection_name, peer, connection.node if connection else "", one.hostname or "")
            found[queue.name] = tuple(mine.values())
        return found

    def _all_clients(self, consumers: Mapping[str, Collection[Client]]) -> list[Client]:
        known = {client.connection: client for clients in consumers.values() for client in clients}
        return [*known.values(), *(_client(one) for one in self._connections.values() if one.name not in known)]

    def _clients(
        self,
        queue: Queue,
        consumers: Mapping[str, tuple[Client, ...]],
        known: Publishing,
        reach: Mapping[str, Reach],
        sent: Mapping[str, Collection[str]],
        whole: bool,
    ) -> QueueClients:
        takes = queue.publish_per_second is None or queue.publish_per_second > 0
        certain, possible = known.of_queue(reach.get(queue.name, Reach()), takes)
        node = queue.leader or queue.node
        senders = [Client("", "", node, name) for name in sorted(sent.get(queue.name, ()))]
        by_connection = [_client(self._connections[queue.vhost, name]) for name in sorted(certain)]
        if not by_connection and senders:
            possible = set()  # the senders say themselves where they are
        maybe = tuple(_client(self._connections[queue.vhost, name]) for name in sorted(possible))
        return QueueClients(queue.pk, queue.name, node, consumers[queue.name], tuple(by_connection or senders), maybe, not whole)


def _client(connection: Connection) -> Client:
    return Client(connection.name, connection.peer_host, connection.node)


def _next(exchanges: Sequence[Exchange], machinery: Collection[str]) -> list[Exchange]:
    """Those whose publishers were read longest ago, or never: as many as are read while somebody looks."""
    taking = [one for one in exchanges if one.name not in machinery and (one.publish_in_per_second or 0) > 0]
    taking.sort(key=lambda one: (one.publishers_at is not None, one.publishers_at.timestamp() if one.publishers_at else 0.0, one.name))
    return taking[:LOOK_CLOSELY]
