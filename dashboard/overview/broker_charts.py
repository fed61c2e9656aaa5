"""The charts of a broker, or of one of its virtual hosts: rates and depth."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout.chart_ranges import Stretch
from dashboard.layout.charted import Histories
from dashboard.layout.charts import Chart, Line, chart
from dashboard.layout.happened import marks_of_changes, marks_of_findings, marks_of_people

RATES = (
    Line("published", ("publish_per_second",), "s1", fill=True), Line("delivered", ("deliver_per_second",), "s2", dash="6 3"),
    Line("acknowledged", ("ack_per_second",), "s3", dash="2 2"),
)  # fmt: skip
DEPTH = (Line("depth", ("ready", "unacknowledged"), "s1", fill=True), Line("unacknowledged", ("unacknowledged",), "s3", dash="2 2"))
BANDED_METRICS = ("publish_per_second", "depth")


def broker_charts(
    scope: Scope, broker: Broker, vhost: str | None, read: Histories, shown: Stretch, now: datetime, row: str, silenced: Collection[int]
) -> list[Chart]:  # fmt: skip
    """`row` is the live row that continues them. What is silenced, or explained by another finding, is not marked."""
    found = queries.findings_between(scope, broker.pk, shown.start, shown.end, vhost=vhost)
    marks = marks_of_changes(broker_queries.changes_of_broker(scope, broker.pk, vhost, shown.start, shown.end))
    marks += marks_of_people(scope, broker.pk, shown)
    marks += marks_of_findings([one for one in found if one.under_id is None and one.pk not in silenced])
    common: dict[str, Any] = {
        "history": read.history, "before": read.before, "band": read.band, "row": row, "broker_id": broker.pk, "shown": shown, "now": now, "marks": marks,
    }  # fmt: skip
    return [
        chart("messages", "Messages", "per second", lines=RATES, **common),
        chart("depth", "Depth", "messages", lines=DEPTH, decimals=0, **common),
    ]
