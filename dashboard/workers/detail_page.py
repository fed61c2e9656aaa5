"""The page of one worker node: its slots, tasks, queues, processes, charts, and data sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.urls import reverse

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Change, Queue
from brokers.scope import Scope
from dashboard import queries as dashboard_queries
from dashboard.control.section import ControlSection
from dashboard.findings.open_now import OpenNow, open_now
from dashboard.layout import charts as series
from dashboard.layout import formatting
from dashboard.layout.addresses import tasks_address
from dashboard.layout.chart_marks import MOST_MARKS, Mark
from dashboard.layout.chart_ranges import Links, Stretch, links_of
from dashboard.layout.charted import chosen_stretch, histories_of
from dashboard.layout.charts import Chart, Line
from dashboard.layout.consumption import consuming_of_each
from dashboard.layout.filter_language import quoted
from dashboard.layout.happened import marks_of_findings, marks_of_people
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.models import User
from dashboard.queues.row import queue_row
from dashboard.workers import filter as worker_filter
from dashboard.workers import listing
from dashboard.workers import text as worker_story
from dashboard.workers.board import software_text
from dashboard.workers.list_page import lost_of
from dashboard.workers.row import skew_text, worker_row
from dashboard.workers.running import RunningList, running_list
from workers import queries as worker_queries
from workers.models import EventSource, Worker

SLOT_LINES = (
    Line("running", ("active",), "s1", fill=True), Line("reserved", ("reserved",), "s2"), Line("waiting for ETA", ("scheduled",), "s3", dash="2 2"),
    Line("slots", ("concurrency",), "s5", dash="5 3"), Line("prefetch limit", ("prefetch",), "s4", dash="8 3"),
)  # fmt: skip
SOLO_CHARTS = "This node reports only between its tasks (pool solo), so the chart of slots shows 0 running also while it runs one."
RATE_LINES = (Line("succeeded", ("succeeded_per_second",), "s1", fill=True), Line("failed", ("failed_per_second",), "s2", dash="5 3"))
LOAD_LINES = (Line("load, 1 min", ("load",), "s1", fill=True),)
CLOCK_LINES = (Line("clock ahead of Hareline’s", ("clock_skew_seconds",), "s1"),)
MEMORY_LINES = (Line("at most so far", ("peak_memory_bytes",)),)
CHANGES_AT_MOST = 50
LOOKED_BACK = timedelta(days=1)


class ConsumedQueue:
    """A queue that the node reports to consume: its live row if it exists in the broker; `why` it is lost, "" if it isn't."""

    def __init__(self, name: str, row: LiveRow | None, why: str, binding: str) -> None:
        self.name, self.row, self.why, self.binding = name, row, why, binding


class WorkerDetail:
    """The questions of one request about one worker node."""

    def __init__(self, scope: Scope, worker: Worker, path: str, query: QueryDict, now: datetime, user: User | AnonymousUser) -> None:
        self.scope, self.worker, self.now, self.user = scope, worker, now, user
        self.query, self.path = {name: str(value) for name, value in query.items()}, path
        self.wanted_task = query.get("task", "").strip()

    @cached_property
    def lost(self) -> dict[str, str]:
        return lost_of(self.worker, self.now)

    @cached_property
    def row(self) -> LiveRow:
        return worker_row(self.worker, self.now, tuple(self.lost), self.opened)

    @cached_property
    def opened(self) -> OpenNow:
        return open_now(self.scope, [self.worker.broker])

    @property
    def listing_text(self) -> str:
        return listing.text(self.worker, worker_queries.gone_for(), self.now)

    @cached_property
    def control(self) -> ControlSection:
        return ControlSection(self.user, self.worker, self.now)

    @property
    def hostnames(self) -> list[str]:
        return [self.worker.hostname]

    @property
    def may_change(self) -> bool:
        """Whether this person may pin and forget it."""
        return listing.may_change(self.user, self.worker)

    @property
    def pin_action(self) -> str:
        return listing.UNPIN if self.worker.pinned else listing.PIN

    @property
    def alive(self) -> bool:
        return self.worker.state == Worker.ONLINE

    @cached_property
    def running(self) -> RunningList:
        return running_list(self.worker)

    @property
    def tasks_url(self) -> str:
        """The tasks that it had."""
        return tasks_address(self.worker.broker.name, self.worker.vhost, f"worker:{quoted(self.worker.hostname)}")

    @property
    def reach_url(self) -> str:
        """What routes to it, by which queues and bindings."""
        place = {"broker": self.worker.broker.name, "vhost": self.worker.vhost}
        return f"{reverse('routing')}?{urlencode({**place, 'of': 'reach', 'worker': self.worker.hostname})}"

    @cached_property
    def source(self) -> EventSource | None:
        found = worker_queries.event_sources(self.scope, self.worker.broker_id, [self.worker.broker])
        return next((source for source in found if source.vhost == self.worker.vhost), None)

    @property
    def sources(self) -> list[worker_story.Source]:
        return worker_story.sources(self.worker, self.source, self.now, self.is_whole)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the node is left out for the person."""
        return self.scope.covers(self.worker.broker.name, self.worker.vhost)

    @property
    def events(self) -> tuple[str, str]:
        return worker_story.events_story(self.worker, self.now)

    @property
    def event_counts(self) -> Sequence[tuple[str, str]]:
        return worker_story.event_counts(self.worker)

    @property
    def memory(self) -> str:
        if self.worker.peak_memory_bytes is None:
            return "unknown: it was not reported"
        return f"{formatting.data_size(self.worker.peak_memory_bytes)} at most, of the main process"

    @property
    def prefetch_story(self) -> str:
        return worker_story.prefetch_story(self.worker)

    @property
    def processes_story(self) -> str:
        return worker_story.processes_story(self.worker)

    @property
    def software(self) -> str:
        system = str(self.worker.software.get("system") or "")
        return ", ".join(words for words in (software_text(self.worker), system) if words) or "unknown"

    @property
    def clock(self) -> str:
        if self.worker.clock_skew_seconds is None:
            return "unknown: no heartbeat has reported it"
        return skew_text(self.worker).removeprefix("clock ") or "in sync with Hareline"

    @property
    def loads(self) -> str:
        unknown = "unknown: its heartbeats are off" if worker_story.heartbeats_off(self.worker) else "unknown"
        return " · ".join(f"{value:.2f}" for value in self.worker.load or []) or unknown

    @property
    def registered(self) -> list[worker_story.Registered]:
        return worker_story.registered_tasks(self.worker, self.wanted_task)

    @cached_property
    def queues(self) -> list[ConsumedQueue]:
        """By name, as the node names them."""
        rows = {queue.name: queue_row(queue, queue.broker, consuming, self.now, self.opened) for queue, consuming in consuming_of_each(self._queue_rows())}
        found = []
        for consumed in sorted(self.worker.queues or [], key=lambda queue: str(queue.get("name", ""))):
            name = str(consumed.get("name", ""))
            found.append(ConsumedQueue(name, rows.get(name), self.lost.get(name, ""), _binding(consumed)))
        return found

    def _queue_rows(self) -> list[Queue]:
        names = tuple(sorted(worker_filter.queue_names(self.worker)))
        if not names:
            return []
        named = (Condition("name", "in", names),)
        worker = self.worker
        return queries.queues(self.scope, broker=worker.broker_id, vhost=worker.vhost, conditions=named, sort="name", page_size=queries.LARGEST_PAGE).items

    @property
    def topics(self) -> list[str]:
        place = (self.worker.broker_id, self.worker.vhost)
        return [topics.Topic(topics.BROKER, place[0]).name, *(topics.Topic(kind, *place).name for kind in (topics.WORKERS, topics.QUEUES))]

    @cached_property
    def shown(self) -> Stretch:
        return chosen_stretch(self.query, self.now, self.worker.broker, "workers", first_seen_at=self.worker.first_seen_at, end=self.worker.past_at)

    @property
    def chart_links(self) -> Links:
        return links_of(self.path, self.query, self.shown)

    @cached_property
    def charts(self) -> list[Chart]:
        """Slots and rates on the same time axis."""
        each = (SLOT_LINES, RATE_LINES, LOAD_LINES, CLOCK_LINES, MEMORY_LINES)
        metrics, banded = [metric for lines in each for line in lines for metric in line.metrics], [lines[0].metrics[0] for lines in each]
        worker = self.worker
        read = histories_of(self.scope, worker.broker, "workers", worker.pk, metrics, self.shown, banded)
        marks = self.marks

        def chart(key: str, title: str, unit: str, lines: Sequence[Line], decimals: int) -> Chart:
            return series.chart(
                key, title, unit, history=read.history, before=read.before, band=read.band, lines=lines, row=self.row.key, broker_id=worker.broker_id,
                shown=self.shown, now=self.now, decimals=decimals, marks=marks,
            )  # fmt: skip

        return [
            chart("slots", "Slots", "tasks", SLOT_LINES, 0),
            chart("rates", "Tasks", "per second", RATE_LINES, 1),
            chart("load", "Load of the machine", "average", LOAD_LINES, 1),
            chart("memory", "Memory of the main process", "bytes", MEMORY_LINES, 0),
            chart("clock", "Clock", "seconds ahead", CLOCK_LINES, 1),
        ]

    @property
    def charts_note(self) -> str:
        """What the charts can't show, "" if nothing."""
        return SOLO_CHARTS if self.worker.pool == "solo" else ""

    @cached_property
    def changes(self) -> list[Change]:
        """When the node came, went or restarted in the last day, the latest first."""
        return self._changes(self.now - LOOKED_BACK, CHANGES_AT_MOST)

    def _changes(self, since: datetime, most: int) -> list[Change]:
        return queries.changes_of(self.worker.broker_id, "worker", self.worker.vhost, [self.worker.hostname], since, most)

    @property
    def marks(self) -> list[Mark]:
        """When it came, went or restarted while the charts show it, and what was found of it then."""
        worker, shown = self.worker, self.shown
        marks = [Mark(change.at, self._what(change).partition(":")[0]) for change in self._changes(shown.start, MOST_MARKS)]
        found = dashboard_queries.findings_between(self.scope, worker.broker_id, shown.start, shown.end, kind="worker", object_id=worker.pk)
        return marks + marks_of_people(self.scope, worker.broker_id, shown) + marks_of_findings(found)

    @property
    def restarts(self) -> list[tuple[datetime, str]]:
        """(moment, what happened) of the changes; the reasons only for whoever sees all of the node."""
        return [(one.at, self._what(one) if self.is_whole else self._what(one).partition(":")[0]) for one in self.changes if one.at <= self.now]

    def _what(self, change: Change) -> str:
        return change.text.removeprefix(f"Worker {self.worker.hostname} ")


def _binding(queue: dict[str, object]) -> str:
    """ "tasks (topic), key task.#": the exchange and key that the node declares the queue with; "" where it does not report them."""
    exchange, kind, key = (str(queue.get(name) or "") for name in ("exchange", "exchange_type", "routing_key"))
    named = f"{exchange} ({kind})" if exchange and kind else exchange
    return ", ".join(words for words in (named, f"key {key}" if key else "") if words)
