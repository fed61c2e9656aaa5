"""Groups of nodes drawn as one: machinery of Celery and Hareline, objects that look alike, whole applications and virtual hosts. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

import msgspec

from dashboard.layout.map_links import CONSUMERS, EXCHANGE, PUBLISHER, QUEUE, WORKER, node_id
from dashboard.map.graph import (
    ALTERNATE,
    BINDING,
    CONSUME,
    CONTROL,
    DEAD_LETTER,
    DELAYED,
    EVENTS,
    EXCHANGE_BINDING,
    FEDERATION,
    HARELINE,
    PUBLISH,
    SHOVEL,
    Edge,
    EdgeKey,
    Graph,
    Node,
)
from dashboard.map.selection import part_of
from dashboard.map.since import CHANGED
from workers.name_patterns import pattern_of

FOLD, APPLICATION, VHOST = "fold", "application", "vhost"
LEAST_ALIKE, LEAST_OF_WORDS = 4, 10
FOLDED_KINDS = frozenset({QUEUE, EXCHANGE, WORKER, CONSUMERS, PUBLISHER})
OWN_NAMES: Mapping[str, str] = {
    CONTROL: "Celery’s remote control",
    EVENTS: "Celery’s events",
    DELAYED: "Celery’s delayed delivery",
    HARELINE: "Hareline’s own",
}
_EDGE_KINDS = (BINDING, EXCHANGE_BINDING, ALTERNATE, DEAD_LETTER, PUBLISH, CONSUME, FEDERATION, SHOVEL)
_OUT, _INTO = ({kind: 2 * number + direction for number, kind in enumerate(_EDGE_KINDS)} for direction in (0, 1))
_DIRECTIONS = 2 * len(_EDGE_KINDS)
_WORD_AND_NUMBER = re.compile(r"\A([^-._@:\d]+)\d+(?![^-._@:])")
_FIRST_PART, _LAST_PART = re.compile(r"[^._:/@-]+"), re.compile(r"(.+[._:/@-])[^._:/@-]+", re.DOTALL)


class Group(msgspec.Struct, frozen=True):
    """The facts of a node that stands for others."""

    members: tuple[str, ...]


def machinery(node: Node) -> Node | None:
    """The node that stands for the machinery that this one is a part of; None of others."""
    name = OWN_NAMES.get(node.own)
    if name is None:
        return None
    return Node(node_id(FOLD, node.broker_id, node.vhost, f"own:{node.own}"), FOLD, name, node.vhost, node.broker_id, own=node.own)


def application(node: Node) -> Node | None:
    """By the first part of the names of queues and exchanges: `orders` of orders.eu and orders-audit."""
    if node.own:
        return machinery(node)
    part = _FIRST_PART.match(node.name)
    if node.kind not in (QUEUE, EXCHANGE) or part is None:
        return None
    name = part[0] if node.name != "amq" else node.name
    return Node(node_id(APPLICATION, node.broker_id, node.vhost, name), APPLICATION, name, node.vhost, node.broker_id)


def virtual_host(node: Node) -> Node | None:
    """Everything of a virtual host but the clients."""
    if node.kind in (WORKER, CONSUMERS, PUBLISHER) and not node.own:
        return None
    return Node(node_id(VHOST, node.broker_id, node.vhost, ""), VHOST, node.vhost, node.vhost, node.broker_id)


def alike(graph: Graph, but: Collection[str] = ()) -> dict[str, Node]:
    """{node: the fold that stands for it} of objects whose names follow one pattern and that are connected alike: at least LEAST_ALIKE where only a number or
    another made-up part differs, LEAST_OF_WORDS where the last word does. `but`: nodes and folds that a person opened or looks for."""
    found: dict[str, Node] = {}
    taken: set[str] = set()
    for pattern, least in ((_numbered, LEAST_ALIKE), (_last_word, LEAST_OF_WORDS)):
        patterns = {one: pattern(node.name) for one, node in graph.nodes.items()}
        left = {
            one: node
            for one, node in graph.nodes.items()
            if "*" in patterns[one] and one not in but and one not in found and node.kind in FOLDED_KINDS and not node.own
        }
        around = _around(graph, left, patterns) if len(left) >= least else {}
        groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for one, node in left.items():
            groups[node.broker_id, node.vhost, node.kind, node.type, patterns[one], frozenset(around.get(one, ()))].append(one)
        for members in sorted(groups.values(), key=lambda members: (-len(members), members[0])):
            if len(members) < least:
                continue
            fold = _fold(graph.nodes[members[0]], patterns[members[0]], taken, min(members))
            if fold.id not in but:
                found |= dict.fromkeys(members, fold)
    return found


def _around(graph: Graph, left: Collection[str], patterns: Mapping[str, str]) -> Mapping[str, Collection[int]]:
    """{node: what its edges look like: direction, kind, and kind and pattern of the other end}, each as a number, of which tens of thousands are soon made."""
    numbers: dict[tuple[str, str], int] = {}
    looks = {one: _DIRECTIONS * numbers.setdefault((node.kind, patterns[one]), len(numbers)) for one, node in graph.nodes.items()}
    found: dict[str, Collection[int]] = {}
    for one in left:
        seen = found[one] = set()
        for edge in graph.of(one):
            if edge.source == one:
                seen.add(looks[edge.target] + _OUT[edge.kind])
            if edge.target == one:
                seen.add(looks[edge.source] + _INTO[edge.kind])
    return found


@lru_cache(50_000)
def _numbered(name: str) -> str:
    """
    >>> _numbered("orders-17"), _numbered("q17"), _numbered("customers2024.eu"), _numbered("3f2a9c1b7d4e"), _numbered("mail")
    ('orders-*', 'q*', 'customers*.eu', '*', 'mail')
    """
    return pattern_of(_WORD_AND_NUMBER.sub(r"\1*", name, count=1))


@lru_cache(50_000)
def _last_word(name: str) -> str:
    """
    >>> _last_word("orders.eu"), _last_word("mail")
    ('orders.*', 'mail')
    """
    found = _LAST_PART.fullmatch(_numbered(name))
    return f"{found[1]}*" if found else name


def _fold(first: Node, pattern: str, taken: set[str], smallest: str) -> Node:
    """The largest group of a pattern keeps its id whoever comes and goes; a second one of the same pattern is known by its first member."""
    name = f"{first.kind}:{pattern}"
    found = node_id(FOLD, first.broker_id, first.vhost, name)
    if found in taken:
        found = node_id(FOLD, first.broker_id, first.vhost, f"{name}:{smallest}")
    taken.add(found)
    return Node(found, FOLD, pattern, first.vhost, first.broker_id, first.type)


def contracted(graph: Graph, stands_for: Mapping[str, Node]) -> Graph:
    """The graph with each group as one node, whose `facts` are a Group, and the edges of its members as one edge for each end and kind."""
    if not stands_for:
        return graph
    members: dict[str, list[str]] = defaultdict(list)
    for one, fold in stands_for.items():
        members[fold.id].append(one)
    folds = {fold.id: fold for fold in stands_for.values()}
    groups = [msgspec.structs.replace(fold, facts=Group(tuple(members[one]))) for one, fold in folds.items()]
    return part_of(graph, [one for one in graph.nodes if one not in stands_for]).extended(groups, _edges(graph, stands_for))


def _edges(graph: Graph, stands_for: Mapping[str, Node]) -> Iterable[Edge]:
    """Those of the groups, without what is within one, and without who consumes Celery's machinery, which each worker node does."""
    ids = {one: fold.id for one, fold in stands_for.items()}
    busy = {one for one, fold in stands_for.items() if fold.own in (CONTROL, EVENTS)}
    merged: dict[EdgeKey, Edge] = {}
    for member in stands_for:
        for edge in graph.of(member):
            start, end = edge.source, edge.target
            if start != member and start in ids:
                continue  # it comes with its other end
            source, target = ids.get(start, start), ids.get(end, end)
            if source == target or (edge.kind == CONSUME and start in busy):
                continue
            known = merged.get((source, target, edge.kind))
            if known is None:
                merged[source, target, edge.kind] = Edge(source, target, edge.kind, list(edge.keys), edge.note, edge.level, edge.rate, edge.change)
            else:
                known.keys += edge.keys
                known.change = known.change if known.change == edge.change else CHANGED
                known.rate = known.rate if edge.rate is None else (known.rate or 0.0) + edge.rate
    return merged.values()


def stands_for(graph: Graph, group: Callable[[Node], Node | None], but: Collection[str] = ()) -> dict[str, Node]:
    """{node: the node that stands for it} by a rule for each node by itself."""
    found: dict[str, Node] = {}
    for node in graph.nodes.values():
        fold = group(node) if node.id not in but else None
        if fold is not None and fold.id not in but:
            found[node.id] = fold
    return found
