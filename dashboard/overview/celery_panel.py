"""The overview's part about Celery: worker nodes, their slots, tasks a second, and where events can't be received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from brokers import queries
from brokers.models import Broker, Queue
from brokers.scope import Scope
from dashboard.findings.open_now import NOTHING_KNOWN, OpenNow
from dashboard.layout import formatting, levels
from dashboard.layout.lists import LAST_HOUR, SPARK_POINTS
from dashboard.layout.visibility import Step
from dashboard.live.rows import LiveRow
from dashboard.workers.row import level_of, worker_row
from dashboard.workers.visibility import unknown_nodes
from workers import queries as worker_queries
from workers.models import EventSource, Worker

MOST_WORKERS = 500
SHOWN_WORKERS = 6
FAILURE = "FAILURE"


class Figure(msgspec.Struct, frozen=True):
    """A figure of the strip: `value` is "" where it is unknown, and `note` holds the reason."""

    value: str
    unit: str = ""
    note: str = ""
    spark: tuple[float | None, ...] = ()


class Work:
    """What is known of Celery at one broker, in one virtual host or (None) in all."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str | None, now: datetime, opened: OpenNow = NOTHING_KNOWN) -> None:
        self.scope, self.broker, self.vhost, self.now, self.opened = scope, broker, vhost, now, opened

    @cached_property
    def sources(self) -> list[EventSource]:
        found = worker_queries.event_sources(self.scope, self.broker.pk, [self.broker])
        return [source for source in found if self.vhost in (None, source.vhost)]

    @property
    def sources_hidden(self) -> bool:
        """True where whether events are received is for people who may view a whole virtual host."""
        return not self.sources and self.scope.limits_queues

    @cached_property
    def workers(self) -> list[Worker]:
        return worker_queries.workers(self.scope, broker=self.broker.pk, vhost=self.vhost, page_size=MOST_WORKERS).items

    @cached_property
    def online(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.state == Worker.ONLINE]

    @cached_property
    def rows(self) -> list[LiveRow]:
        """The worker nodes shown, those in trouble first, then by name."""
        order = {word: place for place, word in enumerate(levels.WORST_FIRST)}
        chosen = sorted(self.workers, key=lambda worker: (order[level_of(worker, self.now, opened=self.opened).word], worker.hostname))[:SHOWN_WORKERS]
        return [worker_row(worker, self.now, opened=self.opened) for worker in chosen]

    @property
    def unknown(self) -> list[Step]:
        """Why worker nodes are unknown, each reason once."""
        return [step for _, step in unknown_nodes(self.workers)]

    @property
    def vhosts(self) -> list[str]:
        """The virtual hosts where Celery is: those with an event source or a worker node."""
        return sorted({source.vhost for source in self.sources} | {worker.vhost for worker in self.workers})

    @property
    def slots(self) -> Figure:
        """Slots in use, of all slots of the online worker nodes that report them."""
        reporting = [worker for worker in self.online if worker.active is not None and worker.concurrency is not None]
        if not reporting:
            return Figure("", note=self._why_unknown)
        silent = len(self.online) - len(reporting)
        used, slots = sum(worker.active or 0 for worker in reporting), sum(worker.concurrency or 0 for worker in reporting)
        note = f"{formatting.count(silent, 'node')} not reporting" if silent else formatting.count(len(reporting), "worker node")
        return Figure(formatting.number(used), f"of {formatting.number(slots)}", note, self._spark("active"))

    @property
    def failed(self) -> Figure:
        """Tasks first seen since `_counted_since` that failed, with the current rates as a note; unknown unless all events are received."""
        receiving = [source for source in self.sources if source.state == EventSource.RECEIVING]
        if self.sources_hidden:
            return Figure("", note="not visible to you")
        if not receiving or len(receiving) < len(self.sources):
            return Figure("", note=self._why_unknown if not self.sources or not self.online else "unknown: no events are received")
        counts = worker_queries.state_counts(self.scope, self._counted_since, self.broker.pk, self.vhost)
        failed = counts[FAILURE]
        silent = sum(bool(worker.events_off) for worker in self.online)
        notes = [f"{formatting.count(silent, 'node')} not reporting" if silent else "", self._rates, self._since]
        text = f"{worker_queries.COUNTED:,}+" if failed >= worker_queries.COUNTED else formatting.number(failed)
        return Figure(text, "", ", ".join(note for note in notes if note), self._spark("failed_per_second"))

    @property
    def _rates(self) -> str:
        """The current rates of all worker nodes, "" if none reports them."""
        reporting = [worker for worker in self.online if worker.succeeded_per_second is not None]
        succeeded = sum(worker.succeeded_per_second or 0 for worker in reporting)
        failed = sum(worker.failed_per_second or 0 for worker in reporting)
        return f"now {formatting.rate(succeeded)}/s ok, {formatting.rate(failed)}/s failed" if reporting else ""

    @property
    def failed_title(self) -> str:
        """ "Failed tasks, last hour", or as long as events have been received."""
        if self._counted_since == self.now - LAST_HOUR:
            return "Failed tasks, last hour"
        minutes = max(1, round((self.now - self._counted_since).total_seconds() / 60))
        return f"Failed tasks, last {minutes} min"

    @property
    def _counted_since(self) -> datetime:
        """An hour ago, or when the last gap in receiving events ended: what came before it is no whole count."""
        begun = [source.since for source in self.sources if source.since and source.state == EventSource.RECEIVING]
        return max([self.now - LAST_HOUR, *begun])

    @property
    def _since(self) -> str:
        """ "recorded since 14:27:51" where events were not received for the whole hour."""
        begun = self._counted_since
        return f"recorded since {formatting.clock(begun)}" if begun > self.now - LAST_HOUR else ""

    @property
    def _why_unknown(self) -> str:
        if self.online:
            return "unknown: worker nodes have not reported yet"
        if any(worker.state == Worker.UNKNOWN for worker in self.workers):
            return "unknown: worker nodes are unknown"
        if self.workers:
            return "unknown: no worker node is online"
        refused = [source for source in self.sources if source.state != EventSource.RECEIVING]
        if self.sources_hidden:
            return "no worker node is visible to you"
        return "unknown: no events are received" if refused else "no worker node seen"

    def _spark(self, metric: str) -> tuple[float | None, ...]:
        ids = [worker.pk for worker in self.workers]
        found = queries.sparklines(self.scope, self.broker.pk, "workers", ids, metric, self.now - LAST_HOUR, self.now, SPARK_POINTS)
        columns = list(found.values())
        return tuple(_total([column[index] for column in columns]) for index in range(SPARK_POINTS)) if columns else ()

    def consumers_of(self, queue: Queue) -> list[str]:
        """The online worker nodes that are configured to consume the queue."""
        return [
            worker.hostname
            for worker in self.online
            if worker.vhost == queue.vhost and any(consumed.get("name") == queue.name for consumed in worker.queues or [])
        ]

    @property
    def limits(self) -> list[dict[str, Any]]:
        """What of Celery is not visible: what, why, and the command that would permit it."""
        found = []
        for source in self.sources:
            if source.state == EventSource.REFUSED:
                found.append({"vhost": source.vhost, "what": "Celery's events", "why": source.reason, "grant": source.grant})
            if source.inspect_state == EventSource.REFUSED:
                found.append({"vhost": source.vhost, "what": "pools and slots of worker nodes", "why": source.inspect_reason, "grant": source.inspect_grant})
        return found


def _total(values: Sequence[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


class PastWork(Work):
    """The same at a past moment: what was recorded of worker nodes. Whether events were received then is not."""

    @cached_property
    def sources(self) -> list[EventSource]:
        return []

    @cached_property
    def workers(self) -> list[Worker]:
        """The nodes that were online."""
        found = worker_queries.workers(self.scope, broker=self.broker.pk, vhost=self.vhost, page_size=MOST_WORKERS, at=self.now).items
        return [worker for worker in found if worker.state == Worker.ONLINE]

    @property
    def failed(self) -> Figure:
        """How many failed a second."""
        reporting = [worker.failed_per_second for worker in self.online if worker.failed_per_second is not None]
        return Figure(formatting.rate(sum(reporting)), "/s", "", self._spark("failed_per_second")) if reporting else Figure("", note="not recorded")

    @property
    def failed_title(self) -> str:
        return "Failed tasks"

    @property
    def _why_unknown(self) -> str:
        return "not recorded"
