"""The graph that the map shows a part of: nodes, edges, and which edges touch a node. Pure.

Figures are not in it: it changes only where objects or clients come and go, so that it is made once for all viewers. Nodes and edges
are in no cycle of references, so the garbage collector need not track tens of thousands of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

BINDING, EXCHANGE_BINDING, ALTERNATE, DEAD_LETTER = "binding", "exchange", "alternate", "dead_letter"
PUBLISH, CONSUME, FEDERATION, SHOVEL = "publish", "consume", "federation", "shovel"
UNCOUNTED = (EXCHANGE_BINDING, ALTERNATE, DEAD_LETTER)
"""How messages get to an exchange that the broker does not count there: it counts one at the exchange that it was published to, and no dead letters."""
CONTROL, EVENTS, DELAYED, HARELINE, UNUSED = "control", "events", "delayed", "hareline", "unused"
"""Whose machinery a node is, in `Node.own`."""


class Node(msgspec.Struct, frozen=True, gc=False):
    """`own` names whose machinery it is, "" for what people declared. `facts` is what a client's node was made from; None of queues and exchanges.
    `change` since a past moment is came, gone or changed, as in `dashboard.map.since`, and `changed` names what of its definition."""

    id: str
    kind: str
    name: str
    vhost: str
    broker_id: int
    type: str | None = None
    own: str = ""
    facts: Any = None
    change: str = ""
    changed: tuple[str, ...] = ()


class Key(msgspec.Struct, frozen=True, gc=False):
    """A binding's routing key, and its arguments where it has any."""

    routing_key: str
    arguments: Any = None


EdgeKey = tuple[str, str, str]
"""(id of the node that it leaves, id of that where it ends, kind)."""


class Edge(msgspec.Struct, gc=False):
    """Everything of one kind from one node to another: `keys` are the bindings, each once. `note` is what else is known of it, `rate` what passes a second,
    `change` as of a node."""

    source: str
    target: str
    kind: str
    keys: list[Key] = []
    note: str = ""
    level: str = "ok"
    rate: float | None = None
    change: str = ""

    @property
    def key(self) -> EdgeKey:
        return (self.source, self.target, self.kind)


class Graph:
    """Nodes by id, edges by key, and the edges that touch each node. One that was handed out is not changed any more: `extended` makes another one."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[EdgeKey, Edge] = {}
        self.touching: dict[str, list[Edge]] = {}

    def add(self, node: Node) -> None:
        self.nodes[node.id] = node

    def connect(self, edge: Edge) -> Edge:
        """The edge, or the one of its kind that is there already between these nodes. Ends that are no nodes are the caller's mistake."""
        known = self.edges.get(edge.key)
        if known is not None:
            return known
        self.edges[edge.key] = edge
        self.touching.setdefault(edge.source, []).append(edge)
        if edge.target != edge.source:
            self.touching.setdefault(edge.target, []).append(edge)
        return edge

    @classmethod
    def of_edges(cls, nodes: dict[str, Node], edges: dict[EdgeKey, Edge]) -> Graph:
        """A graph of these, all of whose ends are nodes: tens of thousands of edges at once."""
        found = cls()
        found.nodes, found.edges = nodes, edges
        touching: defaultdict[str, list[Edge]] = defaultdict(list)
        for (source, target, _), edge in edges.items():
            touching[source].append(edge)
            if target != source:
                touching[target].append(edge)
        found.touching = dict(touching)
        return found

    def without(self, ids: Collection[str]) -> Graph:
        """The graph without these nodes and their edges; the less there is of them, or of what is left, the sooner it is made."""
        found = Graph()
        found.nodes = {one: node for one, node in self.nodes.items() if one not in ids}
        if 2 * sum(len(self.of(one)) for one in ids) > len(self.edges):
            return Graph.of_edges(found.nodes, {key: edge for key, edge in self.edges.items() if key[0] not in ids and key[1] not in ids})
        lost = {edge.key: edge for one in ids for edge in self.of(one)}
        if not lost:
            found.edges, found.touching = self.edges, self.touching
            return found
        found.edges, found.touching = dict(self.edges), dict(self.touching)
        for key in lost:
            del found.edges[key]
        for end in {end for source, target, _ in lost for end in (source, target)}:
            left = [] if end in ids else [edge for edge in self.touching[end] if edge.source not in ids and edge.target not in ids]
            if left:
                found.touching[end] = left
            else:
                del found.touching[end]
        return found

    def of(self, node_id: str) -> list[Edge]:
        """The edges that begin or end there."""
        return self.touching.get(node_id, [])

    def neighbours(self, node_id: str) -> Iterable[str]:
        """The nodes at the other ends; one with a loop has itself."""
        return (edge.target if edge.source == node_id else edge.source for edge in self.of(node_id))

    def above(self, node_id: str) -> set[str]:
        """The ids of the exchanges from which messages get to this one over bindings of exchanges and as to an alternate exchange."""
        found, waiting = set[str](), [node_id]
        while waiting:
            here = waiting.pop()
            more = {edge.source for edge in self.of(here) if edge.target == here and edge.kind in (EXCHANGE_BINDING, ALTERNATE)} - found
            found |= more
            waiting += more
        return found

    def extended(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
        """This graph and more; this one stays as it is. An edge without a node at both ends is left out."""
        found = Graph()
        found.nodes, found.edges, found.touching = dict(self.nodes), dict(self.edges), dict(self.touching)
        for node in nodes:
            found.nodes[node.id] = node
        own: set[str] = set()
        for edge in edges:
            if edge.key in found.edges or edge.source not in found.nodes or edge.target not in found.nodes:
                continue
            for end in {edge.source, edge.target} - own:
                found.touching[end] = list(found.touching.get(end, ()))
                own.add(end)
            found.connect(edge)
        return found


def joined(graphs: Iterable[Graph]) -> Graph:
    """One graph of several that share no node; the graph itself where it is the only one."""
    graphs = list(graphs)
    if len(graphs) == 1:
        return graphs[0]
    found = Graph()
    for one in graphs:
        found.nodes.update(one.nodes)
        found.edges.update(one.edges)
        found.touching.update(one.touching)
    return found
