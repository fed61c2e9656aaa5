"""The charts of one queue and of one exchange, with the range of the address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from brokers import queries
from brokers.models import Exchange, Queue
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.layout.charts import RANGES, Chart, Line, Mark, Range, chart

DEPTH = (Line("depth", ("ready", "unacknowledged"), "level", "", True),)
QUEUE_RATES = (
    Line("in", ("publish_per_second",), "s1"),
    Line("out", ("deliver_per_second",), "s2"),
    Line("ack", ("ack_per_second",), "s3", "4 3"),
    Line("redelivered", ("redeliver_per_second",), "s4", "2 2"),
)
EXCHANGE_RATES = (Line("in", ("publish_in_per_second",), "s1", "", True), Line("out", ("publish_out_per_second",), "s2"))


def queue_charts(scope: Scope, queue: Queue, shown: Range, now: datetime) -> list[Chart]:
    """Depth and rates. A rate that was never anything but 0 or unknown (redelivered, mostly) is left out."""
    metrics = ("ready", "unacknowledged", *(line.metrics[0] for line in QUEUE_RATES))
    end = queue.gone_at or now
    history = _history(scope, "queues", queue, metrics, shown)
    common: dict[str, Any] = {
        "history": history,
        "row": f"queue-{queue.pk}",
        "broker_id": queue.broker_id,
        "range": shown,
        "now": end,
    }
    left_at = queue.nobody_consumes_since
    marks = [Mark(left_at, "last consumer left", "critical")] if left_at and queue.nobody_since_at_least is False else []
    rates = [line for line in QUEUE_RATES if line.label != "redelivered" or any(history.values[line.metrics[0]])]
    return [
        chart("depth", "Depth", "messages", lines=DEPTH, marks=marks, decimals=0, **common),
        chart("rates", "Rates", "messages per second", lines=rates, marks=marks, **common),
    ]


def _history(scope: Scope, kind: str, one: Queue | Exchange, metrics: tuple[str, ...], shown: Range) -> queries.History:
    """Up to now, to when it was deleted, or to the past moment that is shown."""
    where = (scope, one.broker_id, kind, one.pk, metrics)
    if end := one.past_at or one.gone_at:
        return queries.history(*where, end - timedelta(seconds=shown.seconds), end, shown.step_seconds)
    return kept.shared(kept.state_of([one.broker]), queries.history_until_now, *where, shown.seconds, shown.step_seconds)


def exchange_charts(scope: Scope, exchange: Exchange, shown: Range, now: datetime) -> list[Chart]:
    metrics = tuple(line.metrics[0] for line in EXCHANGE_RATES)
    end = exchange.gone_at or now
    history = _history(scope, "exchanges", exchange, metrics, shown)
    row = f"exchange-{exchange.pk}"
    rates = chart(
        "rates",
        "Rates",
        "messages per second",
        lines=EXCHANGE_RATES,
        history=history,
        row=row,
        broker_id=exchange.broker_id,
        range=shown,
        now=end,
    )
    return [rates]


def range_links(request: HttpRequest, shown: Range) -> list[dict[str, Any]]:
    """The buttons 15 min, 1 h, 6 h, 24 h as links that keep the rest of the address."""
    kept = {name: value for name, value in request.GET.items() if name not in ("range", "part")}
    return [{"words": each.words, "url": f"?{urlencode({**kept, 'range': each.key})}", "current": each == shown} for each in RANGES]
