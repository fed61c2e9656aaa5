"""The matrix page: a matrix for each virtual host."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.capacity.loaded import Loaded, loaded, reported
from dashboard.capacity.matrix import CONSUMES, PROBABLY, REPORTED, Consumption, Matrix, matrix
from dashboard.layout.addresses import ListAddress
from dashboard.layout.queues_and_nodes import MEANINGS
from dashboard.layout.visibility import Step, old_figures
from dashboard.live import topics
from dashboard.workers.visibility import no_events
from workers import queries as worker_queries

COLUMNS = {"": "Nodes", "name": "Groups of nodes"}


class PlaceMatrix(msgspec.Struct):
    """The matrix of a virtual host, and the addresses of its queues and nodes by name."""

    place: Loaded
    matrix: Matrix
    queue_urls: dict[str, str]
    node_urls: dict[str, str]

    @property
    def columns(self) -> list[tuple[object, str]]:
        return [(head, self.node_urls.get(head.name, "")) for head in self.matrix.columns]


class MatrixPage:
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.vhost, self.now = scope, address, vhost, now
        self.brokers = [broker] if broker else list(brokers)
        self.by = address.kept.get("group", "") if address.kept.get("group", "") in COLUMNS else ""

    @cached_property
    def loaded(self) -> list[Loaded]:
        return loaded(self.scope, self.brokers, self.vhost, self.now)

    @cached_property
    def places(self) -> list[PlaceMatrix]:
        return [self._place(place) for place in self.loaded if place.workers]

    def _place(self, place: Loaded) -> PlaceMatrix:
        queues = {name: reverse("queue", args=[queue.pk]) for name, queue in place.queues.items()}
        nodes = {worker.hostname: reverse("worker", args=[worker.pk]) for worker in place.workers}
        return PlaceMatrix(place, matrix(consumption(place), self.by == "name"), queues, nodes)

    @property
    def column_links(self) -> list[tuple[str, str, bool]]:
        return [(words, self.address.with_(group=key or None), key == self.by) for key, words in COLUMNS.items()]

    @property
    def meanings(self) -> list[tuple[str, str]]:
        return list(MEANINGS.items())

    @property
    def partly(self) -> bool:
        return any(not place.whole for place in self.loaded)

    @property
    def limits(self) -> list[Step]:
        """What is not known now, and why."""
        sources = worker_queries.event_sources(self.scope, brokers=self.brokers)
        shown = [source for source in sources if source.broker_id in {broker.pk for broker in self.brokers}]
        return [*old_figures(self.brokers, self.now, "Queues and consumers"), *no_events(shown, self.vhost)]

    @property
    def topics(self) -> list[str]:
        places = [(place.broker.pk, place.vhost) for place in self.loaded]
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(kind, *place).name for place in places for kind in (topics.WORKERS, topics.QUEUES)]


def consumption(place: Loaded) -> Consumption:
    """Who consumes what there: by the broker's consumers, and by what nodes report. Queues that nothing of Celery consumes are left out."""
    nodes = {worker.pk: worker.hostname for worker in place.workers}
    cells = {(name, worker.hostname): REPORTED for worker in place.workers for name in reported(worker) & place.queues.keys()}
    unclear: set[str] = set()
    others: dict[str, int] = {}
    for name, consuming in place.consuming.items():
        for one in consuming:
            if one.worker_id in nodes:
                key = (name, nodes[one.worker_id])
                cells[key] = CONSUMES if one.exact or cells.get(key) == CONSUMES else PROBABLY
            elif one.celery:
                unclear.add(name)
            else:
                others[name] = others.get(name, 0) + 1
    queues = {name for name, _ in cells} | unclear
    silent = [worker.hostname for worker in place.workers if worker.queues is None]
    return Consumption(sorted(queues), sorted(nodes.values()), cells, unclear, silent, others)
