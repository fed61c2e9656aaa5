"""The nodes and edges of a map with their figures, levels and texts, as the browser draws them and as the tables list them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers.models import Broker, Queue
from brokers.queries import ExchangeFigures, QueueFigures
from brokers.rates import known_total
from dashboard.layout import formatting, levels
from dashboard.layout.filter_language import quoted
from dashboard.layout.levels import WORST_FIRST, Level, rank
from dashboard.layout.map_links import EXCHANGE, PUBLISHER, QUEUE, WORKER
from dashboard.layout.queue_levels import length_limit, queue_level
from dashboard.map.clients import Program
from dashboard.map.default_traffic import ACCOUNTED
from dashboard.map.folding import VHOST, Group
from dashboard.map.format import LEVELS, Map, MapEdge, MapNode, Mark, More, Slots, structure_of
from dashboard.map.graph import BINDING, CONSUME, UNCOUNTED, Edge, Node
from dashboard.map.loaded import Place
from dashboard.map.patterns import Patterns
from dashboard.map.shown import Shown
from dashboard.map.since import CAME, CHANGED, SIGNS, TEXTS, change_text
from dashboard.map.text import counts_text, label, sentence
from dashboard.map.transfers import ELSEWHERE
from dashboard.workers.row import free_slots, host_of, level_of, pool_text
from workers.models import Worker

MOST_MARKS = 5


class Drawing:
    """Some of the nodes of what is shown, and the edges between them."""

    def __init__(self, shown: Shown, ids: Sequence[str], now: datetime) -> None:
        self.shown, self.now = shown, now
        self._received: dict[str, float] = {}
        self.ids = [one for one in ids if one in shown.graph.nodes]

    @cached_property
    def _queues(self) -> Mapping[tuple[int, str, str], Queue]:
        """The rows of the queues themselves, by broker, virtual host and name."""
        names: dict[tuple[int, str], list[str]] = {}
        for one in self.ids:
            node = self.shown.graph.nodes[one]
            if node.kind == QUEUE:
                names.setdefault((node.broker_id, node.vhost), []).append(node.name)
        found = {place: self.shown.places[place].queue_rows(wanted) for place, wanted in names.items()}
        return {(*place, name): row for place, rows in found.items() for name, row in rows.items()}

    @cached_property
    def _patterns(self) -> Mapping[tuple[int, str], Patterns]:
        names: dict[tuple[int, str], list[str]] = {place: [] for place in self.shown.places}
        for broker_id, vhost, name in self._queues:
            names[broker_id, vhost].append(name)
        return {place: Patterns(self.shown.places[place], queues, self.now) for place, queues in names.items()}

    @cached_property
    def nodes(self) -> list[MapNode]:
        return [self.node(self.shown.graph.nodes[one]) for one in self.ids]

    @cached_property
    def edges(self) -> list[MapEdge]:
        """Those between the nodes, each once."""
        ids = set(self.ids)
        found = {edge.key: edge for one in self.ids for edge in self.shown.graph.of(one) if edge.source in ids and edge.target in ids}
        return [self.edge(edge) for edge in found.values()]

    def node(self, node: Node) -> MapNode:
        place = self.shown.places[node.broker_id, node.vhost]
        if node.change == CAME:
            return self._made(node, place, Level("unknown", "did not exist then"), [])
        if isinstance(node.facts, Group):
            return self._group(node, node.facts, place)
        if node.kind == QUEUE:
            return self._queue(node, place)
        if node.kind == EXCHANGE:
            return self._exchange(node, place)
        return self._worker(node, node.facts, place) if node.kind == WORKER else self._program(node, place)

    def _queue(self, node: Node, place: Place) -> MapNode:
        row = self._queues.get((node.broker_id, node.vhost, node.name))
        if row is None:
            return self._made(node, place, Level("unknown", "its figures are not known yet"), ["not read yet"])
        level = self.shown.opened.level("queue", row.pk, node.broker_id, queue_level(row, place.broker, self.now))
        return self._made(
            node, place, level, [_depth_text(row.depth), *([row.type] if row.type else [])], href=reverse("queue", args=[row.pk]), messages=whole(row.depth),
            capacity=length_limit(row) or row.highest_depth, consumers=whole(row.consumers), into=row.publish_per_second, out=row.deliver_per_second,
            pattern=self._patterns[node.broker_id, node.vhost].of_queue(node, row),
        )  # fmt: skip

    def _exchange(self, node: Node, place: Place) -> MapNode:
        figures = self.shown.exchange_figures(node) or ExchangeFigures(0)
        hidden = levels.unavailable(place.broker, self.now)
        level = self.shown.opened.level("exchange", figures.id, node.broker_id, Level("unknown", hidden) if hidden else Level("ok", "exists"))
        bound = place.bindings_out.get(node.name, 0)
        seen = place.whole or bool(node.name)  # what goes through the default exchange is of all queues
        return self._made(
            node, place, level, [node.type or "type unknown", formatting.count(bound, "binding") if node.name else "reaches each queue by its name"],
            href=reverse("exchange", args=[figures.id]) if figures.id else "", into=figures.publish_in_per_second if seen else None,
            out=figures.publish_out_per_second if seen else None, pattern=self._patterns[node.broker_id, node.vhost].of_exchange(node),
        )  # fmt: skip

    def _worker(self, node: Node, worker: Worker, place: Place) -> MapNode:
        level = level_of(worker, self.now, (), self.shown.opened)
        free, online = free_slots(worker), worker.state == Worker.ONLINE
        slots = Slots(None if free is None else worker.active, worker.concurrency if online else None)
        used = f"{slots.used:,} of {slots.of:,} slots used" if slots.used is not None and slots.of is not None else "slots unknown"
        lines = [used, pool_text(worker)] if online else [worker.state, used]
        ended = [rate for rate in (worker.succeeded_per_second, worker.failed_per_second) if rate is not None]
        return self._made(
            node, place, level, lines, href=reverse("worker", args=[worker.pk]), slots=slots, into=sum(ended) if ended and online else None,
            host=host_of(worker.hostname),
        )  # fmt: skip

    def _program(self, node: Node, place: Place) -> MapNode:
        if node.facts == ELSEWHERE:
            return self._made(node, place, Level("unknown", "is elsewhere, so this broker does not report it"), ["elsewhere"])
        program: Program = node.facts
        hidden = levels.unavailable(place.broker, self.now)
        known = len(program.connections)
        lines = [part for part in (program.host or ("inside the broker" if known else "host unknown"), f"user {program.user}" if program.user else "") if part]
        lines += [formatting.count(known, "connection")] if known > 1 else []
        publishes = node.kind == PUBLISHER
        if publishes and not self.shown.everything.of(node.id):
            lines.append("to which exchange is not known")
        href = reverse("connection", args=[next(iter(program.connections.values())).pk]) if known == 1 else self._connections(program, place) if known else ""
        level = Level("unknown", hidden) if hidden else Level("ok", "is connected")
        return self._made(node, place, level, lines, href=href, out=program.rate if publishes else None, host=program.host)

    @staticmethod
    def _connections(program: Program, place: Place) -> str:
        terms = " ".join(f"{name}:{quoted(value)}" for name, value in (("user", program.user), ("host", program.host)) if value)
        return f"{reverse('connections')}?{urlencode({'broker': place.broker.name, 'vhost': place.vhost, 'q': terms})}"

    def _group(self, node: Node, group: Group, place: Place) -> MapNode:
        """The sums of what is known of the members; unknown where nothing is."""
        nodes = self.shown.everything.nodes
        members = [nodes[one] for one in group.members]
        kinds = [one.kind for one in members]
        queues = [found for one in members if one.kind == QUEUE and (found := self.shown.queue_figures(one))]
        opened = self.shown.wanted.changed(opened=(*self.shown.wanted.opened, node.id))
        depth = known_total(one.depth for one in queues)
        changed = sum(bool(one.change) for one in members)
        node = msgspec.structs.replace(node, change=CHANGED, changed=(f"{changed:,} of its objects",)) if changed else node
        lines = [counts_text(kinds), *([_depth_text(depth)] if queues else [])]
        return self._made(
            node, place, self._level_of_group(node, kinds, place), lines, href=f"{reverse('map')}{opened}",
            kind_of_type=kinds[0] if len(set(kinds)) == 1 else None, messages=whole(depth),
            consumers=whole(known_total(one.consumers for one in queues)), into=known_total(one.publish_per_second for one in queues),
            out=known_total(one.deliver_per_second for one in queues), folded=len(group.members),
        )  # fmt: skip

    def _level_of_group(self, node: Node, kinds: Collection[str], place: Place) -> Level:
        """That of the worst finding about a member; while the broker is away it is unknown, as are those of its members."""
        hidden, found = levels.unavailable(place.broker, self.now), self.shown.findings_of(node)
        if hidden and set(kinds) != {WORKER}:
            return Level("unknown", hidden)
        return Level(WORST_FIRST[rank(found[0].level)], found[0].title) if found else Level("ok", "nothing is known to be wrong")

    def _made(self, node: Node, place: Place, level: Level, lines: list[str], kind_of_type: str | None = None, **figures: object) -> MapNode:
        marks = [Mark(LEVELS.get(one.level, "unknown"), one.title, reverse("finding", args=[one.pk])) for one in self.shown.findings_of(node)[:MOST_MARKS]]
        if level.is_trouble and not marks:
            lines = [level.reason, *lines]
        if node.change:
            lines = [change_text(node), *lines]
        return MapNode(
            id=node.id, kind=node.kind, name=self._name(node, place), vhost=node.vhost, broker=place.broker.name, type=kind_of_type or node.type,
            **{"href": "", **figures}, level=LEVELS[level.word], marks=marks, lines=lines, change=node.change,  # type: ignore[arg-type]
        )  # fmt: skip

    def _name(self, node: Node, place: Place) -> str:
        """Of a virtual host with its broker where another one has a virtual host of that name."""
        alike = node.kind == VHOST and sum(vhost == node.vhost for _, vhost in self.shown.places) > 1
        return f"{node.name} on {place.broker.name}" if alike else node.name

    def edge(self, edge: Edge) -> MapEdge:
        source, target = self.shown.graph.nodes[edge.source], self.shown.graph.nodes[edge.target]
        rate = None if edge.change == CAME else edge.rate if edge.rate is not None else self._rate(edge, source, target)
        text, written = sentence(edge, source, target), label(edge, source)
        if edge.change:
            text, written = f"{text}, {TEXTS[edge.change]}", f"{SIGNS[edge.change]} {written}".rstrip()
        key = f"{edge.kind}-{edge.source}-{edge.target}"
        return MapEdge(key, edge.source, edge.target, edge.kind, written, rate, LEVELS[edge.level], text, edge.change)

    def _rate(self, edge: Edge, source: Node, target: Node) -> float | None:
        """What passes a binding, where it is the only path to the queue and the exchange routes as much as all such queues of it receive; and what a node
        consumes, where nobody else does: the broker reports no other."""
        if edge.kind == BINDING and source.kind == EXCHANGE and source.name:
            routed = (self.shown.exchange_figures(source) or ExchangeFigures(0)).publish_out_per_second
            if routed == 0:
                return None if self._gets_uncounted(source) else 0.0
            if routed is not None and target.kind == QUEUE and self._is_only_path(target) and routed >= ACCOUNTED * self._received_from(source):
                return self._figures(target).publish_per_second
        if edge.kind == CONSUME and source.kind == QUEUE:
            takers = [one for one in self.shown.everything.of(source.id) if one.kind == CONSUME]
            return self._figures(source).deliver_per_second if len(takers) == 1 else None
        return None

    def _gets_uncounted(self, exchange: Node) -> bool:
        """Whether messages may get there that the broker counts at another exchange, or not at all."""
        return any(one.target == exchange.id and one.kind in UNCOUNTED for one in self.shown.everything.of(exchange.id))

    def _is_only_path(self, queue: Node) -> bool:
        return sum(one.target == queue.id for one in self.shown.everything.of(queue.id)) == 1

    def _received_from(self, exchange: Node) -> float:
        """What the queues receive to which it is the only path, by bindings; any other comes through the default exchange."""
        if exchange.id not in self._received:
            nodes = self.shown.everything.nodes
            queues = [nodes[one.target] for one in self.shown.everything.of(exchange.id) if one.kind == BINDING and one.source == exchange.id]
            self._received[exchange.id] = sum(self._figures(one).publish_per_second or 0 for one in queues if self._is_only_path(one))
        return self._received[exchange.id]

    def _figures(self, queue: Node) -> QueueFigures:
        return self.shown.queue_figures(queue) or QueueFigures(0)


def _depth_text(depth: float | None) -> str:
    return "depth unknown" if depth is None else formatting.count(whole(depth), "message")


def whole(value: float | None) -> int | None:
    """A count, which history keeps as a number with a fraction."""
    return None if value is None else round(value)


def map_of(shown: Shown, brokers: Sequence[Broker], now: datetime) -> Map:
    """The map as JSON."""
    drawing = Drawing(shown, shown.drawn, now)
    polled = [broker.polled_at for broker in brokers if broker.polled_at is not None]
    at = min(polled, default=None)
    drawn = set(shown.drawn)
    missing = [node.kind for one, node in shown.graph.nodes.items() if one not in drawn]
    starts = [one for one in shown.starts if one in shown.graph.nodes]
    return Map(
        at.isoformat().replace("+00:00", "Z") if at else None,
        max(0.0, (now - at).total_seconds()) if at else None,
        any(levels.unavailable(broker, now) or levels.is_stale(broker, now) for broker in brokers),
        starts[0] if shown.wanted.focus and starts else "",
        drawing.nodes,
        drawing.edges,
        More(len(missing), counts_text(missing, more=True)),
        structure_of(drawing.nodes, drawing.edges),
    )
