"""The table as CSV. Pure."""

from __future__ import annotations

import csv
import io

from dashboard.layout.csv_cells import csv_cell
from dashboard.statistics.figures import PERCENTS
from dashboard.statistics.list_page import StatisticsPage

_KINDS = ("sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected")
_TIMES = [f"{what}_{which}_seconds" for what in ("runtime", "wait") for which in (*(f"p{percent}" for percent in PERCENTS), "longest")]


def table(page: StatisticsPage) -> str:
    """Every row, unknown figures empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["broker", "vhost", "name", "queue", "from", "to", *_KINDS, *_TIMES])
    for row in page.listing.with_durations(page.every_row):
        named = (
            page.names.get(row.broker_id, ""), row.vhost, "" if page.group == "queue" else row.name_text, "" if page.group == "name" else row.queue_text,
            page.shown.since, page.shown.until,
        )  # fmt: skip
        writer.writerow([csv_cell(value) for value in (*named, *(getattr(row.counted, kind) for kind in _KINDS), *row.runtimes, *row.waits)])
    return text.getvalue()
