"""The charts of one queue and of one exchange."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from brokers import queries as broker_queries
from brokers.models import Exchange, Queue
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout.chart_marks import Mark
from dashboard.layout.chart_ranges import Stretch
from dashboard.layout.charted import chart_context, chosen_stretch, histories_of
from dashboard.layout.charts import Chart, Line, chart
from dashboard.layout.happened import marks_of_changes, marks_of_findings, marks_of_people

DEPTH = (
    Line("depth", ("ready", "unacknowledged"), "level", "", True),
    Line("ready", ("ready",), "s1", "6 3"),
    Line("unacknowledged", ("unacknowledged",), "s3", "2 2"),
)
QUEUE_RATES = (
    Line("in", ("publish_per_second",), "s1"),
    Line("out", ("deliver_per_second",), "s2"),
    Line("ack", ("ack_per_second",), "s3", "4 3"),
    Line("redelivered", ("redeliver_per_second",), "s4", "2 2"),
)
CONSUMERS = (Line("consumers", ("consumers",)),)
MEMORY = (Line("memory", ("memory_bytes",)),)
EXCHANGE_RATES = (Line("in", ("publish_in_per_second",), "s1", "", True), Line("out", ("publish_out_per_second",), "s2"))


def queue_charts(scope: Scope, queue: Queue, shown: Stretch, now: datetime) -> list[Chart]:
    """Depth, rates, consumers and memory. A rate that was never anything but 0 or unknown (redelivered, mostly) is left out."""
    metrics = dict.fromkeys(metric for line in (*DEPTH, *QUEUE_RATES, *CONSUMERS, *MEMORY) for metric in line.metrics)
    read = histories_of(scope, queue.broker, "queues", queue.pk, tuple(metrics), shown, ("depth", "publish_per_second", "consumers", "memory_bytes"))
    left_at = queue.nobody_consumes_since
    marks = [Mark(left_at, "last consumer left", "critical")] if left_at and queue.nobody_since_at_least is False else []
    marks += marks_of_changes(broker_queries.changes_about_queue(scope, queue, shown.start, shown.end))
    marks += marks_of_people(scope, queue.broker_id, shown)
    marks += marks_of_findings(queries.findings_between(scope, queue.broker_id, shown.start, shown.end, kind="queue", object_id=queue.pk))
    common = _common(f"queue-{queue.pk}", queue, shown, now) | {"history": read.history, "before": read.before, "band": read.band, "marks": marks}
    rates = [line for line in QUEUE_RATES if line.label != "redelivered" or any(read.history.values[line.metrics[0]])]
    return [
        chart("depth", "Depth", "messages", lines=DEPTH, decimals=0, **common),
        chart("rates", "Rates", "messages per second", lines=rates, **common),
        chart("consumers", "Consumers", "consumers", lines=CONSUMERS, decimals=0, **common),
        chart("memory", "Memory", "bytes", lines=MEMORY, decimals=0, **common),
    ]


def exchange_charts(scope: Scope, exchange: Exchange, shown: Stretch, now: datetime) -> list[Chart]:
    metrics = tuple(line.metrics[0] for line in EXCHANGE_RATES)
    read = histories_of(scope, exchange.broker, "exchanges", exchange.pk, metrics, shown, metrics[:1])
    marks = marks_of_changes(broker_queries.changes_about_exchange(scope, exchange, shown.start, shown.end))
    marks += marks_of_people(scope, exchange.broker_id, shown)
    common = _common(f"exchange-{exchange.pk}", exchange, shown, now)
    return [
        chart("rates", "Rates", "messages per second", lines=EXCHANGE_RATES, history=read.history, before=read.before, band=read.band, marks=marks, **common)
    ]


def queue_chart_context(request: HttpRequest, scope: Scope, queue: Queue, now: datetime) -> dict[str, Any]:
    """The context of the part "charts" of its page."""
    shown = chosen_stretch(request.GET.dict(), now, queue.broker, "queues", first_seen_at=queue.first_seen_at, end=queue.past_at or queue.gone_at)
    return chart_context(request, queue_charts(scope, queue, shown, now), shown)


def exchange_chart_context(request: HttpRequest, scope: Scope, exchange: Exchange, now: datetime) -> dict[str, Any]:
    shown = chosen_stretch(
        request.GET.dict(), now, exchange.broker, "exchanges", first_seen_at=exchange.first_seen_at, end=exchange.past_at or exchange.gone_at
    )
    return chart_context(request, exchange_charts(scope, exchange, shown, now), shown)


def _common(row: str, one: Queue | Exchange, shown: Stretch, now: datetime) -> dict[str, Any]:
    return {"row": row, "broker_id": one.broker_id, "shown": shown, "now": now}
