"""The page of the worker nodes whose names differ only in what a machine made up: their slots together, before and after each deploy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.http import QueryDict

from brokers import queries
from brokers.models import Broker
from brokers.queries.time_series import History
from brokers.scope import Scope
from dashboard.layout import charts as series
from dashboard.layout import formatting
from dashboard.layout.chart_marks import MOST_MARKS, Mark
from dashboard.layout.chart_ranges import SHORTEST_STEP_SECONDS, Links, Stretch, links_of
from dashboard.layout.charted import chosen_stretch
from dashboard.layout.charts import Chart, Line
from dashboard.live import topics
from dashboard.workers import board
from workers import queries as worker_queries
from workers.models import Worker
from workers.name_patterns import pattern_of

LINES = (
    Line("running", ("active",), "s1", fill=True), Line("reserved", ("reserved",), "s2"), Line("waiting for ETA", ("scheduled",), "s3", dash="2 2"),
    Line("slots", ("concurrency",), "s5", dash="5 3"),
)  # fmt: skip
LISTED = 200


class WorkerGroup:
    """The questions of one request about the nodes of a virtual host whose pattern is `name`."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str, name: str, path: str, query: QueryDict, now: datetime) -> None:
        self.scope, self.broker, self.vhost, self.name, self.now = scope, broker, vhost, name, now
        self.query, self.path = {name: str(value) for name, value in query.items()}, path

    @cached_property
    def everyone(self) -> list[Worker]:
        """All nodes of the group that may be seen, those that left the lists too."""
        return [worker for worker in worker_queries.workers_for_list(self.scope, self.broker, self.vhost) if pattern_of(worker.hostname) == self.name]

    @cached_property
    def listed(self) -> list[Worker]:
        """Those that are not gone."""
        return [worker for worker in self.everyone if worker.state != Worker.GONE]

    @property
    def shown(self) -> list[Worker]:
        return self.listed[:LISTED]

    @property
    def gone(self) -> int:
        return len(self.everyone) - len(self.listed)

    @property
    def sums(self) -> board.Sums:
        return board.sums(self.listed)

    @property
    def title(self) -> str:
        return board.title(self.sums, self.gone)

    @property
    def versions(self) -> str:
        return board.versions_text(self.listed) or "version unknown"

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.broker.pk).name, topics.Topic(topics.WORKERS, self.broker.pk, self.vhost).name]

    @cached_property
    def chart_shows(self) -> Stretch:
        return chosen_stretch(self.query, self.now, self.broker, "workers")

    @property
    def chart_links(self) -> Links:
        return links_of(self.path, self.query, self.chart_shows)

    @property
    def marks(self) -> list[Mark]:
        """When nodes came, went or restarted."""
        since = self.chart_shows.start
        found = queries.changes_of(self.broker.pk, "worker", self.vhost, [worker.hostname for worker in self.everyone], since, MOST_MARKS)
        return [Mark(change.at, change.text.removeprefix("Worker ").partition(":")[0]) for change in found]

    @property
    def charts_note(self) -> str:
        """What the chart can't show, "" if nothing."""
        solo = sum(worker.pool == "solo" for worker in self.everyone)
        if not solo:
            return ""
        reports = "reports only between tasks, and adds 0 while it runs one" if solo == 1 else "report only between tasks, and add 0 while they run one"
        return f"{formatting.count(solo, 'node')} with the pool solo {reports}."

    @cached_property
    def charts(self) -> list[Chart]:
        metrics = [metric for line in LINES for metric in line.metrics]
        shown = self.chart_shows
        by = shown.compared.by if shown.compared else None
        drawn = series.chart(
            "slots", "Slots of all nodes", "tasks", history=self._together(metrics, timedelta()), before=self._together(metrics, by) if by else None,
            lines=LINES, row="", broker_id=self.broker.pk, shown=shown, now=self.now, decimals=0, marks=self.marks,
        )  # fmt: skip
        return [drawn]

    def _together(self, metrics: Sequence[str], earlier: timedelta) -> History:
        shown, keys = self.chart_shows, [worker.pk for worker in self.everyone]
        start, end = shown.start - earlier, shown.end - earlier
        times, found = queries.histories(self.scope, self.broker.pk, "workers", keys, metrics, start, end, shown.step_seconds)
        return History(times, {metric: together(list(found[metric].values()), len(times)) for metric in metrics}, float(SHORTEST_STEP_SECONDS))


def together(courses: Sequence[Sequence[float | None]], length: int) -> list[float | None]:
    """The sum point by point of the nodes that have a number there: a node that is not there yet, or gone, adds nothing. None where none has one.

    >>> together([[1, None, None], [2, 3, None]], 3)
    [3, 3, None]
    """
    found: list[float | None] = []
    for at in range(length):
        known = [value for course in courses if (value := course[at]) is not None]
        found.append(sum(known) if known else None)
    return found
