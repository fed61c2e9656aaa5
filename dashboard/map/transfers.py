"""Shovels and federation as nodes and edges of the map: arrows between objects, and to and from what is elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from brokers.models import Broker, Transfer
from brokers.topology import Topology
from dashboard.layout.levels import rank
from dashboard.layout.map_links import CONSUMERS, EXCHANGE, PUBLISHER, QUEUE, node_id
from dashboard.layout.transfers import Arrow, Place, arrows
from dashboard.map.graph import FEDERATION, SHOVEL, Edge, EdgeKey, Graph, Node
from dashboard.map.structure import Settings

ELSEWHERE = "elsewhere"
"""The kind of what is not in this virtual host, under that of publishers or of consumers where it is drawn."""


def transfer_parts(broker: Broker, topology: Topology, settings: Settings, transfers: Iterable[Transfer], graph: Graph) -> tuple[list[Node], list[Edge]]:
    """The nodes of other ends, and the edges. [] and [] of a virtual host without any, which nearly all are."""
    transfers = list(transfers)
    nodes: dict[str, Node] = {}
    passing: dict[EdgeKey, dict[str, str]] = {}  # the level of each, by its note
    hosts = {host for address in broker.addresses if (host := urlsplit(address).hostname)}
    for kind, name in sorted(_concerned(topology, settings, transfers)):
        here = node_id(kind, broker.pk, topology.vhost, name)
        if here not in graph.nodes:
            continue
        place = Place(kind, name, topology.vhost, hosts, settings.get((kind, name), {}))
        for arrow in arrows(place, transfers):
            there = _other_end(broker, topology.vhost, arrow, graph, nodes)
            source, target = (there, here) if arrow.direction == "in" else (here, there)
            moved = FEDERATION if arrow.by.startswith("federation") else SHOVEL
            passing.setdefault((source, target, moved), {})[f"{arrow.by}, {arrow.state}"] = arrow.level
    edges = [Edge(*ends, note="; ".join(notes), level=min(notes.values(), key=rank)) for ends, notes in passing.items()]
    return list(nodes.values()), edges


def _concerned(topology: Topology, settings: Settings, transfers: Iterable[Transfer]) -> set[tuple[str, str]]:
    """("queue" or "exchange", name) of what a shovel, a link or a policy of federation names."""
    found = {key for key, definition in settings.items() if any(name.startswith("federation-upstream") for name in definition)}
    for one in transfers:
        found |= set(_named(one.facts))
    return found


def _named(facts: Any) -> Iterator[tuple[str, str]]:
    for end in (facts.get("src") or {}, facts.get("dest") or {}):
        yield from ((kind, str(end[kind])) for kind in (QUEUE, EXCHANGE) if end.get(kind))
    if facts.get("object"):
        yield str(facts.get("kind") or ""), str(facts["object"])


def _other_end(broker: Broker, vhost: str, arrow: Arrow, graph: Graph, nodes: dict[str, Node]) -> str:
    for kind, name in ((QUEUE, arrow.queue), (EXCHANGE, arrow.exchange)):
        found = node_id(kind, broker.pk, vhost, name)
        if name and found in graph.nodes:
            return found
    kind = PUBLISHER if arrow.direction == "in" else CONSUMERS
    found = node_id(kind, broker.pk, vhost, f"{ELSEWHERE}:{arrow.other}")
    nodes.setdefault(found, Node(found, kind, arrow.other, vhost, broker.pk, facts=ELSEWHERE))
    return found
