"""Who publishes and who consumes, as nodes and edges beside the definitions: worker nodes, and other programs by name, host and user. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from brokers.models import Connection
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.map_links import CONSUMERS, EXCHANGE, PUBLISHER, QUEUE, WORKER, node_id
from dashboard.map.graph import CONSUME, HARELINE, PUBLISH, Edge, EdgeKey, Node
from workers.models import Worker

REPORTED = "reports to consume it, but the broker shows no consumer"
AS_REPORTED = "as it reported"
PROBABLY = "probably"


class Program(msgspec.Struct):
    """Connections of one program: of the same name, host and user, by their names. `rate` is what they publish a second; None unknown."""

    name: str
    host: str
    user: str
    connections: dict[str, Connection] = {}
    rate: float | None = None


class Clients(msgspec.Struct):
    """Of one virtual host. `consuming`: by queue; None where the broker's consumers are not known, as at a past moment. `publishers`: by exchange what the
    broker last listed of them, of those exchanges of which that is known."""

    broker_id: int
    vhost: str
    workers: Sequence[Worker] = ()
    consuming: Mapping[str, Sequence[Consuming]] | None = None
    connections: Sequence[Connection] = ()
    publishers: Mapping[str, Sequence[Mapping[str, Any]]] = {}

    def parts(self) -> tuple[list[Node], list[Edge]]:
        """The nodes and edges. Edges may name queues and exchanges that are not there any more."""
        made = _Making(self)
        made.workers()
        made.consumers()
        made.publishers()
        return list(made.nodes.values()), list(made.edges.values())


class _Making:
    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.nodes: dict[str, Node] = {}
        self.edges: dict[EdgeKey, Edge] = {}
        self.by_name = {one.name: one for one in clients.connections}
        self.node_of_worker: dict[str, str] = {}
        self.consuming = clients.consuming or {}
        self.worker_of_connection = {
            one.connection_name: one.hostname for found in self.consuming.values() for one in found if one.hostname and one.connection_name
        }

    def id(self, kind: str, name: str) -> str:
        return node_id(kind, self.clients.broker_id, self.clients.vhost, name)

    def edge(self, source: str, target: str, kind: str, **found: Any) -> Edge:
        return self.edges.setdefault((source, target, kind), Edge(source, target, kind, **found))

    def workers(self) -> None:
        for worker in self.clients.workers:
            found = self.node_of_worker[worker.hostname] = self.id(WORKER, worker.hostname)
            self.nodes[found] = Node(found, WORKER, worker.hostname, self.clients.vhost, self.clients.broker_id, facts=worker)

    def consumers(self) -> None:
        for queue, consuming in self.consuming.items():
            source = self.id(QUEUE, queue)
            for one in consuming:
                node = self.node_of_worker.get(one.hostname or "")
                edge = self.edge(source, node or self.program(CONSUMERS, one.connection_name), CONSUME, note=PROBABLY if node else "")
                if one.exact:
                    edge.note = ""
        for worker in self.clients.workers:
            if worker.state == Worker.GONE:
                continue
            for queue in {str(one.get("name", "")) for one in worker.queues or ()}:
                source, target = self.id(QUEUE, queue), self.node_of_worker[worker.hostname]
                if self.clients.consuming is None:
                    self.edge(source, target, CONSUME, note=AS_REPORTED)
                elif (source, target, CONSUME) not in self.edges:
                    self.edge(source, target, CONSUME, note=REPORTED, level="warning" if worker.state == Worker.ONLINE else "unknown")

    def publishers(self) -> None:
        """Those of each exchange as the broker listed them, and of connections what they publish to; where neither is known, what publishes at all."""
        known: set[str] = set()
        for exchange, sample in self.clients.publishers.items():
            for one in sample:
                known.add(name := str(one.get("connection") or ""))
                self.publishes(name, exchange, one.get("per_second"), str(one.get("host") or ""), str(one.get("user") or ""))
        for connection in self.clients.connections:
            for one in connection.publishes or ():
                if connection.name not in known and one.get("exchange") is not None:
                    self.publishes(connection.name, str(one["exchange"]), one.get("per_second"))
            if connection.publish_per_second and connection.name not in known and not connection.publishes:
                self.publisher(connection.name)

    def publishes(self, connection: str, exchange: str, rate: Any, host: str = "", user: str = "") -> None:
        edge = self.edge(self.publisher(connection, host, user), self.id(EXCHANGE, exchange), PUBLISH)
        if rate is not None:
            edge.rate = (edge.rate or 0.0) + float(rate)

    def publisher(self, connection: str, host: str = "", user: str = "") -> str:
        """The node of whoever publishes by a connection: the worker node that it belongs to, else the program."""
        worker = self.node_of_worker.get(self.worker_of_connection.get(connection) or "")
        return worker or self.program(PUBLISHER, connection, host, user)

    def program(self, kind: str, connection: str, host: str = "", user: str = "") -> str:
        found = self.by_name.get(connection)
        if found is not None:
            name, host, user = found.client or found.product or found.name, found.peer_host, found.user
        else:
            name = host or "unknown program"
        own = HARELINE if found is not None and found.is_machinery else ""
        node = self.id(kind, "\x1e".join((name, host, user)))
        known = self.nodes.get(node)
        if known is None:
            known = self.nodes[node] = Node(node, kind, name, self.clients.vhost, self.clients.broker_id, own=own, facts=Program(name, host, user))
        program: Program = known.facts
        if found is not None and found.name not in program.connections:
            program.connections[found.name] = found
            if kind == PUBLISHER and found.publish_per_second is not None:
                program.rate = (program.rate or 0.0) + found.publish_per_second
        return node
