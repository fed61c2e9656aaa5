"""The page of one node of a broker's cluster: its figures against their limits, and their charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from brokers import queries
from brokers.models import Change, Node
from brokers.scope import Scope
from dashboard import queries as dashboard_queries
from dashboard.findings.open_now import open_now
from dashboard.layout import formatting, levels
from dashboard.layout.chart_marks import MOST_MARKS
from dashboard.layout.chart_ranges import Links, Stretch, links_of
from dashboard.layout.charted import chosen_stretch, histories_of
from dashboard.layout.charts import Chart, Line, chart
from dashboard.layout.happened import marks_of_changes, marks_of_findings, marks_of_people
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.overview.row import node_row

CHARTS = (
    ("memory", "Memory", "bytes", (Line("used", ("memory_used_bytes",), "s1", fill=True),)),
    ("disk", "Disk", "bytes", (Line("free", ("disk_free_bytes",), "s1", fill=True),)),
    ("sockets", "Descriptors", "used", (Line("file descriptors", ("file_descriptors_used",)), Line("connections", ("sockets_used",), "s2", "6 3"))),
    ("processes", "Erlang processes", "processes", (Line("processes", ("processes_used",)),)),
    ("run_queue", "Run queue", "processes that wait for a processor", (Line("run queue", ("run_queue",)),)),
)


class NodePage:
    """The data of one request about a node, which may have left the cluster."""

    def __init__(self, scope: Scope, node: Node, path: str, query: Mapping[str, str], now: datetime) -> None:
        self.scope, self.node, self.path, self.query, self.now = scope, node, path, query, now
        self.broker = node.broker

    @cached_property
    def row(self) -> LiveRow:
        return node_row(self.node, self.now, open_now(self.scope, [self.broker]))

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.broker.pk).name]

    @property
    def hidden(self) -> str:
        """Why the figures are not of now; "" if they are."""
        return levels.unavailable(self.broker, self.now)

    @property
    def uptime(self) -> str:
        return formatting.duration(None if self.node.uptime_ms is None else self.node.uptime_ms / 1000)

    @cached_property
    def shown(self) -> Stretch:
        return chosen_stretch(self.query, self.now, self.broker, "nodes", end=self.node.gone_at)

    @property
    def chart_links(self) -> Links:
        return links_of(self.path, self.query, self.shown)

    @cached_property
    def charts(self) -> list[Chart]:
        shown, pk = self.shown, self.broker.pk
        metrics = [metric for _, _, _, lines in CHARTS for line in lines for metric in line.metrics]
        banded = [lines[0].metrics[0] for _, _, _, lines in CHARTS]
        read = histories_of(self.scope, self.broker, "nodes", self.node.pk, metrics, shown, banded)
        found = dashboard_queries.findings_between(self.scope, pk, shown.start, shown.end, kind="node", object_id=self.node.pk)
        marks = marks_of_changes(self._changes(shown.start)) + marks_of_people(self.scope, pk, shown) + marks_of_findings(found)
        common: dict[str, Any] = {
            "history": read.history, "before": read.before, "band": read.band, "marks": marks, "shown": shown, "now": self.now, "decimals": 0,
        }  # fmt: skip
        return [chart(key, title, unit, lines=lines, row=self.row.key, broker_id=pk, **common) for key, title, unit, lines in CHARTS]

    def _changes(self, since: datetime) -> Sequence[Change]:
        return queries.changes_of(self.broker.pk, "node", "", [self.node.name], since, MOST_MARKS)
