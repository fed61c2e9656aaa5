"""The capacity page: the queues that last longest first, and the nodes that are overloaded or idle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.capacity import text
from dashboard.capacity.loaded import Loaded, loaded
from dashboard.capacity.measured import WINDOWS, WITHIN, Measured, QueueCapacity, chosen, measured
from dashboard.layout import formatting
from dashboard.layout.addresses import ListAddress
from dashboard.layout.visibility import Step, old_figures
from dashboard.live import topics
from dashboard.workers.visibility import no_events
from workers import queries as worker_queries
from workers.models import Worker

LINES_AT_MOST = 200
_FIRST = {"never": 0, "unknown": 1, "drains": 2, "keeps_up": 3, "empty": 4}


class QueueLine(msgspec.Struct, frozen=True):
    """A queue in words; `level` is a word of `dashboard.layout.levels`."""

    name: str
    url: str
    vhost: str
    level: str
    waiting: str
    parts: str
    publish: str
    ack: str
    drain: str
    range: str
    processes: str
    per_slot: str
    nodes: Sequence[tuple[str, str]]
    more_nodes: int


class NodeLine(msgspec.Struct, frozen=True):
    name: str
    url: str
    word: str
    used: str
    text: str
    advice: str


class CapacityPage:
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.vhost, self.now = scope, address, vhost, now
        self.brokers = [broker] if broker else list(brokers)
        self.window = chosen(address.kept.get("range"), WINDOWS)
        self.within = chosen(address.kept.get("view"), WITHIN, 1)

    @cached_property
    def loaded(self) -> list[Loaded]:
        return loaded(self.scope, self.brokers, self.vhost, self.now)

    @cached_property
    def measured(self) -> list[Measured]:
        return measured(self.scope, self.loaded, self.window, self.within, self.now)

    @cached_property
    def in_order(self) -> list[QueueCapacity]:
        """Those that never get empty first, then those that are unknown, then the longest."""
        queues = [queue for place in self.measured for queue in place.queues]
        return sorted(queues, key=lambda one: (_FIRST[one.drain.outcome], -(one.drain.seconds or 0), -(one.queue.depth or 0), one.queue.name))

    @property
    def queues(self) -> list[QueueLine]:
        return [self._line(one) for one in self.in_order[:LINES_AT_MOST]]

    @property
    def more(self) -> int:
        """How many queues there is no line for."""
        return max(0, len(self.in_order) - LINES_AT_MOST) + sum(place.more for place in self.loaded)

    def _line(self, one: QueueCapacity) -> QueueLine:
        nodes = [(worker.hostname, reverse("worker", args=[worker.pk])) for worker in one.nodes]
        return QueueLine(
            name=one.queue.name,
            url=reverse("queue", args=[one.queue.pk]),
            vhost=one.queue.vhost,
            level=text.level(one),
            waiting=one.waiting.text if one.waiting else "none",
            parts=text.parts_text(one.waiting) if one.waiting else "",
            publish=formatting.rate(one.drain.publish),
            ack=formatting.rate(one.drain.ack),
            drain=text.drain_text(one.drain, one.held),
            range=text.range_text(one.drain),
            processes=text.processes_text(one, self.within, self.now),
            per_slot=formatting.rate(one.per_slot),
            nodes=nodes[:3],
            more_nodes=max(0, len(nodes) - 3),
        )

    @cached_property
    def nodes(self) -> list[NodeLine]:
        """Those that are overloaded, then the idle ones."""
        found = []
        for word in ("overloaded", "idle"):
            for place in self.measured:
                for one in place.nodes:
                    if one.load.word == word:
                        used = "unknown" if one.load.used is None else f"{one.load.used * 100:.0f} %"
                        what = text.advice(one, place.nodes, place.queues)
                        found.append(NodeLine(one.worker.hostname, _address(one.worker), word, used, text.node_text(one), what))
        return found

    @property
    def node_counts(self) -> dict[str, int]:
        words = [one.load.word for place in self.measured for one in place.nodes]
        return {word: words.count(word) for word in ("overloaded", "busy", "idle", "unknown")}

    @property
    def window_links(self) -> list[tuple[str, str, bool]]:
        return [(one.words, self.address.with_(range=one.key), one == self.window) for one in WINDOWS]

    @property
    def within_links(self) -> list[tuple[str, str, bool]]:
        return [(one.words, self.address.with_(view=one.key), one == self.within) for one in WITHIN]

    @property
    def partly(self) -> bool:
        return any(not place.whole for place in self.loaded)

    @property
    def limits(self) -> list[Step]:
        """What is not known now, and why."""
        sources = worker_queries.event_sources(self.scope, brokers=self.brokers)
        shown = [source for source in sources if source.broker_id in {broker.pk for broker in self.brokers}]
        return [*old_figures(self.brokers, self.now, "Queues, rates and consumers"), *no_events(shown, self.vhost)]

    @property
    def topics(self) -> list[str]:
        places = [(place.broker.pk, place.vhost) for place in self.loaded]
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(kind, *place).name for place in places for kind in (topics.WORKERS, topics.QUEUES)]


def _address(worker: Worker) -> str:
    return reverse("worker", args=[worker.pk])
