"""Which nodes of the graph are shown: neighbours of a focus, what contains a text, and of too many the most important. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest

from dashboard.map.graph import Edge, EdgeKey, Graph

MOST_NODES = 150
MOST_HOPS = 6


def hidden(graph: Graph, own: Collection[str]) -> set[str]:
    """The ids of the nodes of this machinery."""
    return {node.id for node in graph.nodes.values() if node.own in own}


def distances(graph: Graph, starts: Iterable[str], hops: int, not_through: Collection[str] = ()) -> dict[str, int]:
    """How many edges each node is away, whichever their direction, up to `hops`; the starts 0. What lies behind `not_through` is reached by other paths alone.

    >>> from dashboard.map.graph import Edge, Node
    >>> chain = Graph()
    >>> for name in "abc": chain.add(Node(name, "queue", name, "/", 1))
    >>> _ = chain.connect(Edge("a", "b", "binding")), chain.connect(Edge("b", "c", "binding"))
    >>> distances(chain, ["a"], 1)
    {'a': 0, 'b': 1}
    """
    found = {start: 0 for start in starts if start in graph.nodes}
    edge, touching = list(found), graph.touching
    for distance in range(1, hops + 1):
        after = []
        for here in edge:
            if here in not_through and found[here]:
                continue
            for one in touching.get(here, ()):
                other = one.target if one.source == here else one.source
                if other not in found:
                    found[other] = distance
                    after.append(other)
        edge = after
    return found


def containing(graph: Graph, text: str) -> list[str]:
    """The nodes whose name contains it, in any case."""
    wanted = text.casefold()
    return [node.id for node in graph.nodes.values() if wanted in node.name.casefold()]


def part_of(graph: Graph, ids: Collection[str]) -> Graph:
    """These nodes, and the edges between them."""
    if 2 * len(ids) > len(graph.nodes):
        return graph.without(graph.nodes.keys() - set(ids))
    nodes = {one: graph.nodes[one] for one in ids}
    edges: dict[EdgeKey, Edge] = {}
    for one in nodes:
        for edge in graph.of(one):
            if edge.source == one and edge.target in nodes:  # else it comes with its other end
                edges[edge.source, edge.target, edge.kind] = edge
    return Graph.of_edges(nodes, edges)


def most_important(graph: Graph, order: Sequence[str], first: Sequence[str] = (), most: int = MOST_NODES, together: bool = True) -> list[str]:
    """At most so many nodes: `first`, then the most important ones, of which `order` has all, the most important first; `together`: each followed by what it is
    connected with, so that what is shown hangs together."""
    if len(graph.nodes) <= most:
        return list(graph.nodes)
    chosen: dict[str, None] = dict.fromkeys(one for one in first if one in graph.nodes)
    rank = {one: place for place, one in enumerate(order)}
    for one in order:
        if len(chosen) >= most:
            break
        chosen[one] = None
        if together:
            beside = nsmallest(MOST_BESIDE, set(graph.neighbours(one)), key=rank.__getitem__)
            chosen.update(dict.fromkeys(beside))
    return list(chosen)[:most]


MOST_BESIDE = 6
"""How many neighbours an important node brings along."""
