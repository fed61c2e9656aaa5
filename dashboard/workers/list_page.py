"""The workers page: the nodes as a board or a table, the notices above them, and what to do where there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django.urls import reverse

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.findings.open_now import NOTHING_KNOWN, open_now
from dashboard.layout import filter_language, formatting, levels
from dashboard.layout.addresses import Heading, ListAddress
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.lists import PAGE_SIZE, Filtered, last_hour_of
from dashboard.layout.lost_consumers import lost_queues
from dashboard.layout.virtual_hosts import followed_while_empty, partly_visible
from dashboard.layout.visibility import Step
from dashboard.live import topics
from dashboard.workers import board as worker_board
from dashboard.workers import filter as worker_filter
from dashboard.workers.board import BoardNode, Chip, Group
from dashboard.workers.heat import heat_of
from dashboard.workers.row import worker_row
from dashboard.workers.visibility import limits, steps_to_see_workers
from workers import queries as worker_queries
from workers.models import EventSource, Worker
from workers.name_patterns import folded
from workers.presence import has_left

VIEWS: Mapping[str, str] = {"": "Board", "table": "Table"}
COLUMNS = (
    ("Worker node", "name", "", False),
    ("Level", "level", "", False),
    ("Pool", "pool", "", False),
    ("Slots", "", "", False),
    ("In use", "used", "num", True),
    ("Free", "free", "num", True),
    ("Reserved", "reserved", "num", True),
    ("Succeeded /s", "succeeded", "num", True),
    ("Failed /s", "failed", "num", True),
    ("Load", "load", "num", True),
    ("Heartbeat", "heartbeat", "num", True),
)


class WorkerList(Filtered):
    """The questions of one request; `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, address: ListAddress, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.address, self.now = scope, address, now
        self.brokers = [broker] if broker else list(brokers)
        self.broker, self.vhost = broker, vhost
        self.at = next((one.past_at for one in self.brokers if one.past_at is not None), None)
        self.filter = filter_language.parse(address.filter_text, worker_filter.QUALIFIERS)
        self.by = address.kept.get("group") if address.kept.get("group") in worker_board.GROUPINGS else "host"
        self.view = address.kept.get("view", "") if address.kept.get("view") in VIEWS else ""
        sort = address.kept.get("sort", "")
        self.sort = sort if worker_board.is_sort(sort) else "name"

    @cached_property
    def _all(self) -> tuple[list[Worker], list[Worker]]:
        """The nodes that are listed, and those that left the lists; at a past moment those of which numbers are recorded, and the others."""
        listed: list[Worker] = []
        left: list[Worker] = []
        for broker in self.brokers:
            if self.at is not None:
                then = self._then(broker, self.at)
                listed += [worker for worker in then if worker.state == Worker.ONLINE]
                left += [worker for worker in then if worker.state != Worker.ONLINE]
                continue
            for worker in worker_queries.workers_for_list(self.scope, broker, self.vhost):
                (left if has_left(worker, self.now, worker_queries.gone_for()) else listed).append(worker)
        return listed, left

    def _then(self, broker: Broker, at: datetime) -> list[Worker]:
        """The nodes that had been seen by then; of very many the first by name."""
        found = worker_queries.workers(self.scope, broker=broker.pk, vhost=self.vhost, page_size=queries.LARGEST_PAGE, at=at)
        share_brokers(found.items, [broker])
        return found.items

    @property
    def shows_left(self) -> bool:
        return self.address.kept.get("own") == "show"

    @cached_property
    def everyone(self) -> list[Worker]:
        """All nodes that may be seen there, the filter not applied; those that left the lists only on demand."""
        listed, left = self._all
        return listed + left if self.shows_left else listed

    @property
    def left_count(self) -> int:
        return len(self._all[1])

    @property
    def left_text(self) -> str:
        """ "3 nodes hidden: gone for over 1 d, or forgotten"."""
        if self.at is not None:
            return f"{formatting.count(self.left_count, 'node')} {'shown' if self.shows_left else 'hidden'} of which nothing is recorded at that moment"
        shown = "shown that left" if self.shows_left else "hidden"
        return f"{formatting.count(self.left_count, 'node')} {shown}: gone for over {formatting.duration(worker_queries.gone_for())}, or forgotten"

    @property
    def left_address(self) -> str:
        return self.address.with_(own=None if self.shows_left else "show")

    @cached_property
    def event_sources(self) -> list[EventSource]:
        if self.at is not None:
            return []  # whether events were received then is not recorded
        found = worker_queries.event_sources(self.scope, brokers=self.brokers)
        shown = {broker.pk for broker in self.brokers}
        return [source for source in found if source.broker_id in shown and self.vhost in (None, source.vhost)]

    @cached_property
    def chosen(self) -> list[Worker]:
        if self.filter.problems:
            return []
        return worker_filter.filtered(self.everyone, worker_filter.requirements(self.filter))

    @property
    def gone_count(self) -> int:
        return sum(worker.state == Worker.GONE for worker in self.everyone)

    @cached_property
    def sums(self) -> worker_board.Sums:
        return worker_board.sums(self.everyone)

    @property
    def title(self) -> str:
        return worker_board.title(self.sums, self.gone_count) if self.everyone or not self.sources_hidden else "No workers are visible to you"

    @property
    def subtitle(self) -> str:
        return worker_board.subtitle(self.sums, self.gone_count)

    @cached_property
    def living(self) -> list[Worker]:
        """The nodes of this page that are not gone; on the board by name, so that a host's nodes stay together."""
        sort = self.sort if self.view == "table" else "name"
        rows = [worker for worker in self.chosen if self.view == "table" or worker.state != Worker.GONE]
        return worker_board.in_order(rows, sort, self.now, open_now(self.scope, self.brokers))

    @property
    def page(self) -> int:
        return min(self.address.page, self.pages)

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.living) // PAGE_SIZE))

    @cached_property
    def nodes(self) -> list[BoardNode]:
        return self._nodes(self.living[(self.page - 1) * PAGE_SIZE : self.page * PAGE_SIZE])

    @cached_property
    def groups(self) -> list[Group]:
        return worker_board.grouped(self.nodes, self.by or "host", (worker for worker in self.chosen if worker.state == Worker.GONE))

    @cached_property
    def gone(self) -> list[BoardNode]:
        """Nodes that are gone, the latest first, on the last page of the board."""
        if self.page != self.pages or self.view == "table" or self.by == "name":
            return []
        gone = [worker for worker in self.chosen if worker.state == Worker.GONE]
        return self._nodes(sorted(gone, key=lambda worker: (worker.since or worker.first_seen_at, worker.hostname), reverse=True)[:PAGE_SIZE])

    @cached_property
    def _folds(self) -> tuple[list[tuple[str, list[BoardNode]]], list[BoardNode]]:
        return folded(self.gone, lambda node: node.worker.hostname)

    @property
    def gone_folds(self) -> list[tuple[str, list[BoardNode]]]:
        """Nodes that are gone and whose names only differ in what a machine made up: (pattern, the nodes)."""
        return self._folds[0]

    @property
    def gone_alone(self) -> list[BoardNode]:
        return self._folds[1]

    def _nodes(self, workers: Sequence[Worker]) -> list[BoardNode]:
        recorded, addresses = last_hour_of(self.scope, "workers", workers, ("active", "concurrency")), queue_addresses(self.scope, workers)
        consuming = {place: consumers_by_queue(*place) for place in {(worker.broker_id, worker.vhost) for worker in workers if worker.queues}}
        opened, found = open_now(self.scope, self.brokers) if workers else NOTHING_KNOWN, []
        for worker in workers:
            lost = lost_queues(worker, consuming[worker.broker_id, worker.vhost], self.now) if worker.queues else {}
            places = ((name, addresses.get((worker.broker_id, worker.vhost, name), "")) for name in worker_filter.queue_names(worker))
            chips = [Chip(name, url, lost.get(name, "")) for name, url in places]
            url = reverse("worker", args=[worker.pk])
            active, slots = (recorded[metric].get(worker.pk, []) for metric in ("active", "concurrency"))
            found.append(
                BoardNode(
                    worker_row(worker, self.now, tuple(lost), opened),
                    worker,
                    url,
                    chips,
                    [] if worker.pool == "solo" else active,
                    heat_of(worker.pool, active, slots),
                )
            )
        return found

    @property
    def topics(self) -> list[str]:
        places = {(worker.broker_id, worker.vhost) for worker in self.everyone} | {(source.broker_id, source.vhost) for source in self.event_sources}
        places |= partly_visible(self.scope, self.brokers, self.vhost)  # a worker may come to consume a visible queue
        places = places or followed_while_empty(self.scope, self.brokers, self.vhost)  # the first node of all appears by itself
        names = [topics.Topic(topics.BROKER, broker.pk).name for broker in self.brokers]
        return names + [topics.Topic(topics.WORKERS, broker_id, vhost).name for broker_id, vhost in sorted(places)]

    @property
    def headings(self) -> list[Heading]:
        return [
            self.address.heading(words, field, self.sort, kind, descending_first=down) if field else Heading(words, kind=kind)
            for words, field, kind, down in COLUMNS
        ]

    @property
    def limits(self) -> list[Step]:
        return limits(self.event_sources, self.everyone) if self.at is None else []

    @property
    def steps(self) -> list[Step]:
        return steps_to_see_workers(self.brokers, self.event_sources, self.now, self.sources_hidden)

    @property
    def sources_hidden(self) -> bool:
        """True if whether events are received is not visible to the person."""
        return self.at is None and self.scope.limits_queues and not self.event_sources

    @property
    def unavailable(self) -> list[tuple[Broker, str]]:
        """(broker, why) of brokers whose management API is unavailable; nodes are still known by their events."""
        return [(broker, why) for broker in self.brokers if (why := levels.unavailable(broker, self.now))]

    @property
    def group_links(self) -> list[tuple[str, str, bool]]:
        return [(words, self.address.with_(group=key if key != "host" else None), key == self.by) for key, words in worker_board.GROUPINGS.items()]

    @property
    def view_links(self) -> list[tuple[str, str, bool]]:
        return [(words, self.address.with_(view=key or None), key == self.view) for key, words in VIEWS.items()]

    @property
    def page_links(self) -> Mapping[str, Any]:
        return {
            "previous": self.address.with_(page=self.page - 1) if self.page > 1 else "",
            "next": self.address.with_(page=self.page + 1) if self.page < self.pages else "",
        }

    @property
    def shows_all(self) -> bool:
        """True if every node is on this page, so that the script may add up its cells for the title."""
        return self.pages == 1 and len(self.chosen) == len(self.everyone)


def lost_of(worker: Worker, now: datetime) -> dict[str, str]:
    """The queues that the worker has lost, with the reason, as of the broker's last list of consumers."""
    return lost_queues(worker, consumers_by_queue(worker.broker_id, worker.vhost), now) if worker.queues else {}


def queue_addresses(scope: Scope, workers: Iterable[Worker]) -> dict[tuple[int, str, str], str]:
    """{(broker id, virtual host, queue): its page} of the queues that the workers report to consume and that exist."""
    wanted: dict[tuple[int, str], set[str]] = defaultdict(set)
    for worker in workers:
        wanted[worker.broker_id, worker.vhost].update(worker_filter.queue_names(worker))
    found = {}
    for (broker_id, vhost), names in wanted.items():
        named = (Condition("name", "in", tuple(sorted(names))),)
        for queue in queries.queues(scope, broker=broker_id, vhost=vhost, conditions=named, sort="name", page_size=queries.LARGEST_PAGE).items:
            found[broker_id, vhost, queue.name] = reverse("queue", args=[queue.pk])
    return found
