"""What of a map came, went or changed between a past moment and now: both graphs as one, each node and edge with its mark. Pure.

Both are made from what is recorded, so that what no record keeps (exclusive queues, connections) is not taken for a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from brokers.topology import ExchangeDefinition, QueueDefinition, Topology
from dashboard.layout import formatting
from dashboard.layout.map_links import EXCHANGE, QUEUE
from dashboard.map.graph import Edge, EdgeKey, Graph, Node

CAME, GONE, CHANGED = "came", "gone", "changed"
SIGNS: Mapping[str, str] = {CAME: "+", GONE: "−", CHANGED: "~"}
TEXTS: Mapping[str, str] = {CAME: "new since then", GONE: "gone since then", CHANGED: "changed since then"}
_Definition = ExchangeDefinition | QueueDefinition


def compared(before: Graph, after: Graph, then: Topology, now: Topology) -> Graph:
    """Everything that is in one of the two, marked where it is not in both, or not the same.

    >>> mail = Node("q", "queue", "mail", "/", 1)
    >>> one, other = Graph.of_edges({"q": mail}, {}), Graph.of_edges({}, {})
    >>> compared(one, other, Topology("/"), Topology("/")).nodes["q"].change
    'gone'
    """
    changed = _changed(then, now)
    nodes = {one: _marked(node, GONE if one not in after.nodes else "", changed) for one, node in before.nodes.items()}
    nodes |= {one: _marked(node, CAME, {}) for one, node in after.nodes.items() if one not in before.nodes}
    edges: dict[EdgeKey, Edge] = {key: _edge(edge, after.edges.get(key)) for key, edge in before.edges.items()}
    edges |= {key: msgspec.structs.replace(edge, change=CAME) for key, edge in after.edges.items() if key not in before.edges}
    return Graph.of_edges(nodes, edges)


def _changed(then: Topology, now: Topology) -> dict[tuple[str, str], tuple[str, ...]]:
    """{(kind, name): what of its definition is another one} of the objects that are in both."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    sides: list[tuple[str, Iterable[_Definition], Iterable[_Definition]]] = [(EXCHANGE, then.exchanges, now.exchanges), (QUEUE, then.queues, now.queues)]
    for kind, before, after in sides:
        known = {one.name: one for one in before}
        for one in after:
            earlier = known.get(one.name)
            if earlier is not None and earlier != one:
                fields = [field for field in one.__struct_fields__ if getattr(earlier, field) != getattr(one, field)]
                found[kind, one.name] = tuple(field.replace("_", "-") for field in fields)
    return found


def _marked(node: Node, change: str, changed: Mapping[tuple[str, str], tuple[str, ...]]) -> Node:
    fields = changed.get((node.kind, node.name), ()) if not change else ()
    return msgspec.structs.replace(node, change=change or (CHANGED if fields else ""), changed=fields) if change or fields else node


def _edge(before: Edge, after: Edge | None) -> Edge:
    if after is None:
        return msgspec.structs.replace(before, change=GONE)
    if before.keys == after.keys or sorted(map(repr, before.keys)) == sorted(map(repr, after.keys)):
        return before
    return msgspec.structs.replace(after, change=CHANGED)


def change_text(node: Node) -> str:
    """
    >>> change_text(Node("q", "queue", "mail", "/", 1, change="changed", changed=("arguments",)))
    'changed since then: arguments'
    """
    fields = f": {', '.join(node.changed)}" if node.changed else ""
    return f"{TEXTS[node.change]}{fields}" if node.change else ""


def counts_since(graph: Graph) -> str:
    """What is marked, in words; "" where nothing is.

    >>> counts_since(Graph.of_edges({"q": Node("q", "queue", "mail", "/", 1, change="came")}, {}))
    '1 object is new'
    """
    parts = []
    for things, (one, many) in ((graph.nodes.values(), ("object", "objects")), (graph.edges.values(), ("edge", "edges"))):
        found = Counter(each.change for each in things if each.change)
        for change, text in ((CAME, "new"), (GONE, "gone"), (CHANGED, "changed")):
            if found[change]:
                parts.append(f"{formatting.count(found[change], one, many)} {'is' if found[change] == 1 else 'are'} {text}")
    return formatting.listed(parts, len(parts)) if parts else ""
