"""Tasks of which no event reported an end, for the receiver to look up."""

from __future__ import annotations

from datetime import datetime, timedelta

from workers.models import Task
from workers.receiving.task_order import UNKNOWN

MOST = 2_000
LOOKBACK = timedelta(days=2)  # results are kept for one by default
RUNS_LONG = timedelta(seconds=30)


def unended_tasks(broker_id: int, vhost: str, now: datetime) -> list[str]:
    """The uuids of tasks whose state is unknown, and then of those that have been running for half a minute; of each the newest 2,000 of two days."""
    rows = Task.objects.filter(broker_id=broker_id, vhost=vhost, first_seen_at__gte=now - LOOKBACK, worker__isnull=False).order_by("-pk")
    lost = rows.filter(state=UNKNOWN).values_list("uuid", flat=True)[:MOST]
    running = rows.filter(state="STARTED", started_at__lt=now - RUNS_LONG).values_list("uuid", flat=True)[:MOST]
    return [*lost, *running]
