"""The map's page: the JSON for the drawing, and all nodes and edges as tables, which work without scripts and are what screen readers read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from brokers.models import Broker
from brokers.queries import Page
from brokers.scope import Scope
from dashboard.findings.open_now import OpenNow
from dashboard.layout import levels
from dashboard.layout.addresses import page_links
from dashboard.layout.map_links import EXCHANGE
from dashboard.layout.visibility import Step, old_figures
from dashboard.live import topics
from dashboard.live.hub import LOOK_CLOSELY
from dashboard.map.drawn import Drawing, map_of
from dashboard.map.figures import figures_of, form_of, seen
from dashboard.map.format import LEVELS, Map, MapEdge, MapNode, Mark
from dashboard.map.graph import Edge
from dashboard.map.loaded import Place, places
from dashboard.map.shown import Shown
from dashboard.map.since import TEXTS, counts_since
from dashboard.map.text import EDGE_NAMES, NOUNS, counts_text, shown_name
from dashboard.map.wanted import KINDS, OBJECTS, ZOOMS, Wanted

PAGE_SIZE = 50
MANY_NODES = 2000
TABLE_SECONDS = 30
FOLLOWED = (topics.TOPOLOGY, topics.WORKERS, topics.CONNECTIONS, topics.EXCHANGES)
NEIGHBOURS_LISTED = 4
MOST_FOLLOWED = 20
_CHANGES = "queues exchanges bindings policies workers table clients consumers connections publishers brokers findings"
_NO_MARKUP = {ord(one): f"\\u{ord(one):04x}" for one in "<>&"}
_WORDS = {short: word for word, short in LEVELS.items()}


class Row(msgspec.Struct, frozen=True):
    """A line of the table of nodes. `before` and `after`: what is connected with it, in words; `marks`: open findings, each with its level."""

    node: MapNode
    name: str
    kind: str
    level: str
    level_name: str
    focus: str
    before: list[str]
    after: list[str]
    marks: list[tuple[str, Mark]]


class EdgeRow(msgspec.Struct, frozen=True):
    edge: MapEdge
    source: str
    target: str
    kind: str


class Address:
    """What `page_links` needs."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    def with_(self, **changes: Any) -> str:
        return f"{reverse('map')}{self.wanted.changed(**changes)}"


class MapPage:
    """The data of one request; `broker` and `vhost` are the selected ones, None for all."""

    def __init__(
        self, scope: Scope, wanted: Wanted, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime, opened: OpenNow
    ) -> None:
        self.scope, self.wanted, self.vhost, self.now, self.opened = scope, wanted, vhost, now, opened
        self.brokers = [broker] if broker else list(brokers)
        self.at = next((one.past_at for one in self.brokers if one.past_at is not None), None)
        self.address = Address(wanted)

    @cached_property
    def _places(self) -> tuple[list[Place], int]:
        since = timezone.now() if self.wanted.since and self.at is not None else None
        return places(self.scope, self.brokers, self.vhost, self.now, self.at, since)

    @property
    def places(self) -> list[Place]:
        return self._places[0]

    @property
    def vhosts_left_out(self) -> int:
        return self._places[1]

    @cached_property
    def shown(self) -> Shown:
        return Shown(self.places, self.wanted, self.opened)

    @cached_property
    def map(self) -> Map:
        return map_of(self.shown, [place.broker for place in self.places] or self.brokers, self.now)

    @property
    def json(self) -> SafeString:
        """For an element's text, as htmx takes no script elements out of fragments: it is ASCII, so that nothing on the path to the browser changes names.
        What can't be seen in these are pictures, as in the table."""
        return mark_safe(json.dumps({**self._sent, "form": self.form}).translate(_NO_MARKUP))  # noqa: S308  (what could be markup is escaped)

    @cached_property
    def _sent(self) -> dict[str, Any]:
        found: dict[str, Any] = seen(msgspec.to_builtins(self.map))
        return found

    @cached_property
    def form(self) -> str:
        """What the drawing is apart from its figures: as long as a page knows it, `figures` are all that it needs."""
        return form_of(self._sent, self.closely)

    @property
    def figures(self) -> bytes:
        return figures_of(self._sent, self.form)

    @cached_property
    def table(self) -> Page[Any]:
        """A page of nodes, or of edges."""
        graph = self.shown.graph
        if self.wanted.edges:
            return self._page(sorted(graph.edges.values(), key=lambda edge: (not edge.change, *self._edge_order(edge))))
        return self._page(self.shown.order)

    def _edge_order(self, edge: Edge) -> tuple[str, ...]:
        nodes = self.shown.graph.nodes
        return nodes[edge.source].name, nodes[edge.target].name, edge.kind, edge.source, edge.target

    def _page(self, items: list[Any]) -> Page[Any]:
        """The page that the address names; the last one where there are fewer."""
        page = min(self.wanted.page, max(1, -(-len(items) // PAGE_SIZE)))
        return Page(len(items), items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], page, PAGE_SIZE)

    @cached_property
    def rows(self) -> list[Row]:
        drawn = {node.id: node for node in self.map.nodes}
        rest = Drawing(self.shown, [one for one in self.table.items if one not in drawn], self.now)
        drawn |= {node.id: node for node in rest.nodes}
        return [self._row(drawn[one]) for one in self.table.items]

    def _row(self, node: MapNode) -> Row:
        word, edges, name = _WORDS[node.level], self.shown.graph.of(node.id), shown_name(self.shown.graph.nodes[node.id])
        before = [self._end(edge, edge.source) for edge in edges if edge.target == node.id]
        after = [self._end(edge, edge.target) for edge in edges if edge.source == node.id]
        return Row(
            node, name, NOUNS[node.kind][0], word, levels.NAMES[word], self._focus + node.id, _some(before), _some(after),
            [(_WORDS[mark.level], mark) for mark in node.marks],
        )  # fmt: skip

    @cached_property
    def _focus(self) -> str:
        """The address that ends in the id of what is looked at."""
        rest = self.address.with_(focus="", text="", kind="", path=())
        return f"{rest}{'&' if '?' in rest else '?'}focus="

    def _end(self, edge: Edge, other: str) -> str:
        return f"{shown_name(self.shown.graph.nodes[other])} ({EDGE_NAMES[edge.kind]})"

    @cached_property
    def edge_rows(self) -> list[EdgeRow]:
        nodes, drawing = self.shown.graph.nodes, Drawing(self.shown, (), self.now)
        return [EdgeRow(drawing.edge(edge), shown_name(nodes[edge.source]), shown_name(nodes[edge.target]), _kind_of(edge)) for edge in self.table.items]

    @property
    def pages(self) -> dict[str, Any]:
        return page_links(self.address, self.table)

    @property
    def counts(self) -> str:
        """What the map consists of, in words."""
        return counts_text(node.kind for node in self.shown.graph.nodes.values())

    @property
    def missing_focus(self) -> bool:
        return bool(self.wanted.focus) and not self.map.focus

    @property
    def form_fields(self) -> list[tuple[str, str]]:
        """What the form for a text and a kind keeps."""
        return msgspec.structs.replace(self.wanted, text="", kind="", hops=None, opened=(), path=(), page=1).fields()

    @property
    def kind_options(self) -> list[tuple[str, str, bool]]:
        return [(kind, words, kind == self.wanted.kind) for kind, words in {"": "Everything", **KINDS}.items()]

    @property
    def hop_links(self) -> list[tuple[str, str, bool]]:
        """How far around what is looked for the map goes."""
        if not self.wanted.looks_for:
            return []
        return [(str(hops), self.address.with_(hops=hops), hops == self.wanted.reach) for hops in range(1, 5)]

    @property
    def zoom_links(self) -> list[tuple[str, str, bool]]:
        return [(words, self.address.with_(zoom=zoom), zoom == self.wanted.zoom) for zoom, words in ZOOMS.items()]

    @property
    def fold_links(self) -> list[tuple[str, str, bool]]:
        """What can be folded or not; of objects alone."""
        if self.wanted.zoom != OBJECTS:
            return []
        own, alike = self.wanted.own, self.wanted.alike
        return [
            ("Celery’s and Hareline’s own", self.address.with_(own=not own), not own),
            ("Objects that look alike", self.address.with_(alike=not alike, opened=()), alike),
        ]

    @property
    def list_links(self) -> list[tuple[str, str, bool]]:
        return [("Objects", self.address.with_(edges=False), not self.wanted.edges), ("Edges", self.address.with_(edges=True), self.wanted.edges)]

    @property
    def clear_address(self) -> str:
        """The map without focus, text, kind and path."""
        return self.address.with_(focus="", text="", kind="", hops=None, path=(), opened=())

    @property
    def export_links(self) -> list[tuple[str, str]]:
        query = self.wanted.changed()
        return [(words, f"{reverse('map_export', args=[kind])}{query}") for kind, words in (("dot", "Graphviz"), ("mermaid", "Mermaid"))]

    @property
    def since_link(self) -> tuple[str, str]:
        """(text, address) of the same map with marks on what changed, or without."""
        return "Hide what changed since" if self.wanted.since else "Mark what changed since", self.address.with_(since=not self.wanted.since)

    @property
    def since_text(self) -> str:
        """What changed until now, as a sentence; "" where it is not compared."""
        if not self.wanted.since or self.at is None:
            return ""
        found = counts_since(self.shown.everything)
        return f"Since then: {found}." if found else "Nothing of what is recorded has changed since then."

    @property
    def partly(self) -> bool:
        return any(not place.whole for place in self.places)

    @property
    def limits(self) -> list[Step]:
        return old_figures(self.brokers, self.now, "Objects and figures") if self.at is None else []

    @property
    def is_old(self) -> bool:
        return self.map.stale and self.at is None

    @cached_property
    def closely(self) -> list[str]:
        """The keys of the few exchanges whose publishers the poller reads while the map is open: what is looked at, else those into which most goes."""
        if self.at is not None:
            return []
        drawn = [node for node in self.map.nodes if node.kind == EXCHANGE]
        drawn.sort(key=lambda node: (node.id != self.map.focus, -(node.into or 0), node.name))
        known = [found for node in drawn if (found := self.shown.exchange_figures(self.shown.graph.nodes[node.id]))]
        return [f"exchange-{figures.id}" for figures in known[:LOOK_CLOSELY]]

    @property
    def follows(self) -> str:
        """What makes the drawing out of date: figures, at every poll, of very many objects more rarely."""
        return f"{_CHANGES} {'tick' if len(self.shown.everything.nodes) <= MANY_NODES else 'tick/30'}"

    @property
    def table_follows(self) -> str:
        """The same of the tables, whose figures are renewed more rarely: to put hundreds of cells in place takes the browser longer than the drawing does."""
        return f"{_CHANGES} tick/{TABLE_SECONDS}"

    @property
    def table_seconds(self) -> int:
        return TABLE_SECONDS

    @property
    def topics(self) -> list[str]:
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        here = [(place.broker.pk, place.vhost) for place in self.places][:MOST_FOLLOWED]
        return names + [topics.Topic(kind, *place).name for place in here for kind in FOLLOWED]


def _kind_of(edge: Edge) -> str:
    return f"{EDGE_NAMES[edge.kind]}, {TEXTS[edge.change]}" if edge.change else EDGE_NAMES[edge.kind]


def _some(texts: Sequence[str]) -> list[str]:
    return list(texts) if len(texts) <= NEIGHBOURS_LISTED + 1 else [*texts[:NEIGHBOURS_LISTED], f"and {len(texts) - NEIGHBOURS_LISTED:,} more"]
