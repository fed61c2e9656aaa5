"""From what was loaded to what is shown: the part that the address names, folded, and at most 150 nodes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, cached_property
from math import log10

from brokers.queries import ExchangeFigures, QueueFigures, VhostFigures
from dashboard.findings.open_now import OpenNow
from dashboard.layout.levels import rank
from dashboard.layout.map_links import EXCHANGE, QUEUE, node_id
from dashboard.map.clients import Program
from dashboard.map.folding import OWN_NAMES, Group, alike, application, contracted, machinery, stands_for, virtual_host
from dashboard.map.graph import UNUSED, Graph, Node, joined
from dashboard.map.loaded import Place
from dashboard.map.selection import containing, distances, hidden, most_important, part_of
from dashboard.map.wanted import OBJECTS, Wanted
from dashboard.models import Finding

_RANK_OF_HEALTHY = 9


class Shown:
    """`graph` has everything that is wanted, each group as one node; `drawn` the ids of what there is room for, the most important first."""

    def __init__(self, places: Sequence[Place], wanted: Wanted, opened: OpenNow) -> None:
        self.places = {(one.broker.pk, one.vhost): one for one in places}
        self.wanted, self.opened = wanted, opened

    @cached_property
    def everything(self) -> Graph:
        return joined([place.graph for place in self.places.values()])

    @cached_property
    def findings(self) -> Mapping[tuple[str, int, str, str], list[Finding]]:
        """By kind, broker, virtual host and name of the object, the worst first."""
        found: dict[tuple[str, int, str, str], list[Finding]] = {}
        for one in self.opened.findings:
            if one.broker_id is not None and one.pk not in self.opened.silenced:
                found.setdefault((one.kind, one.broker_id, one.vhost, one.name), []).append(one)
        return found

    def findings_of(self, node: Node) -> list[Finding]:
        """Those that are open about the node, or about anything that is folded in it, the worst first."""
        if isinstance(node.facts, Group):
            return self._findings_of_groups.get(node.id, [])
        return self.findings.get((node.kind, node.broker_id, node.vhost, node.name), []) if self.findings else []

    @cached_property
    def _findings_of_groups(self) -> Mapping[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for (kind, broker_id, vhost, name), some in self.findings.items():
            group = self._folds.get(node_id(kind, broker_id, vhost, name))
            if group is not None:
                found.setdefault(group.id, []).extend(some)
        return {one: sorted(some, key=lambda each: rank(each.level)) for one, some in found.items()}

    @cached_property
    def starts(self) -> list[str]:
        """What is looked for: the focus, the path, or what contains the text."""
        found = [one for step in self.wanted.path for one in step]
        if self.wanted.focus:
            found += focused(self.everything, self.wanted.focus)
        elif self.wanted.text:
            found += containing(self.everything, self.wanted.text)
        return [one for one in found if one in self.everything.nodes]

    @cached_property
    def _away(self) -> Mapping[str, int]:
        """How far what is wanted is from what is looked for; {} where nothing is looked for."""
        defaults = {node.id for node in self.everything.nodes.values() if node.kind == EXCHANGE and not node.name}
        return distances(self.everything, self.starts, self.wanted.reach, defaults | hidden(self.everything, OWN_NAMES))

    @cached_property
    def selected(self) -> Graph:
        """What is wanted, not folded yet."""
        wanted, nodes = self.wanted, self.everything.nodes
        ids: Collection[str] = self._away if wanted.looks_for else nodes
        if wanted.focus and wanted.text:
            matching = set(containing(self.everything, wanted.text))
            ids = [one for one in ids if one in matching or not self._away[one]]
        if wanted.kind:
            ids = [one for one in ids if nodes[one].kind == wanted.kind or (wanted.looks_for and not self._away[one])]
        if not wanted.own:
            ids = [one for one in ids if nodes[one].own != UNUSED or self.everything.of(one) or (wanted.looks_for and not self._away[one])]
        return self.everything if len(ids) == len(nodes) else part_of(self.everything, ids)

    @cached_property
    def _folds(self) -> Mapping[str, Node]:
        """{node: the group that stands for it}."""
        wanted, found = self.wanted, self.selected
        but = {*wanted.opened, *self.starts} if wanted.focus or wanted.path else set(wanted.opened)
        if wanted.zoom != OBJECTS:
            return stands_for(found, virtual_host if wanted.zoom == "vhost" else application, but)
        folds = {} if wanted.own else stands_for(found, machinery, but)
        if wanted.alike:
            troubled = {one for one, node in found.nodes.items() if node.change or self.findings_of(node)} if self.findings or wanted.since else set()
            folds |= alike(found, but | troubled)
        return folds

    @cached_property
    def graph(self) -> Graph:
        return contracted(self.selected, self._folds)

    @cached_property
    def order(self) -> list[str]:
        """The ids of all nodes: what is nearest to what is looked for first, then what changed, then what has a finding, then what moves and waits most."""
        graph, away, findings, since = self.graph, self._away if self.starts else None, self.findings, self.wanted.since
        touching, activity, nodes = graph.touching, self._activity_of, self.everything.nodes
        found: list[tuple[float, bool, int, float, str, str]] = []
        for one, node in graph.nodes.items():  # ten thousand, so that each call counts
            if isinstance(node.facts, Group):
                members = node.facts.members
                distance: float = 0 if away is None else min((away.get(member, _FAR) for member in members), default=_FAR)
                moves = sum(activity(nodes[member]) for member in members)
            else:
                distance, moves = 0 if away is None else away.get(one, _FAR), activity(node)
            mark = self.findings_of(node) if findings else None
            changed = since and any(nodes[member].change for member in members_of(node))
            least = rank(mark[0].level) if mark else _RANK_OF_HEALTHY
            found.append((distance, not changed, least, -(moves + _weight(len(touching.get(one, ())))), node.name, one))
        found.sort()
        return [one[-1] for one in found]

    def _activity_of(self, one: Node) -> float:
        if one.kind == QUEUE:
            queue = self._figures[one.broker_id, one.vhost].queues.get(one.name)
            if queue is None:
                return 0
            _, depth, _, published, delivered, _ = queue
            return (published or 0) + (delivered or 0) + (log10(1 + depth) if depth else 0)
        if one.kind == EXCHANGE and (exchange := self.exchange_figures(one)):
            return (exchange.publish_in_per_second or 0) + (exchange.publish_out_per_second or 0)
        return (one.facts.rate or 0) if isinstance(one.facts, Program) else 0

    @cached_property
    def _figures(self) -> Mapping[tuple[int, str], VhostFigures]:
        return {key: place.figures for key, place in self.places.items()}

    def queue_figures(self, queue: Node) -> QueueFigures | None:
        """None of a queue that the last poll did not have."""
        return self.places[queue.broker_id, queue.vhost].figures.queues.get(queue.name)

    def exchange_figures(self, exchange: Node) -> ExchangeFigures | None:
        return self.places[exchange.broker_id, exchange.vhost].figures.exchanges.get(exchange.name)

    @cached_property
    def drawn(self) -> list[str]:
        return most_important(self.graph, self.order, [one for one in self.starts if one in self.graph.nodes], together=not self.starts)


_FAR = 99.0


@cache
def _weight(edges: int) -> float:
    return log10(1 + edges)


def members_of(node: Node) -> tuple[str, ...]:
    """The ids of what is folded in it, or its own."""
    return node.facts.members if isinstance(node.facts, Group) else (node.id,)


def focused(graph: Graph, focus: str) -> list[str]:
    """The nodes of that id, or of a kind and name as in "queue:mail", in whichever virtual hosts; those of the name alone where no kind is given."""
    if focus in graph.nodes:
        return [focus]
    kind, mark, name = focus.partition(":")
    exact = [one for one, node in graph.nodes.items() if mark and node.kind == kind and node.name == name]
    return exact or [one for one, node in graph.nodes.items() if node.name == focus]
