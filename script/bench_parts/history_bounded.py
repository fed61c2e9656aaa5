"""Polls of 10,000 queues, more of them than fit, made of copies of an hour, under the bound of `HARELINE_RETENTION_HISTORY_BYTES`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from script.bench_parts.rows import Row

BOUND_BYTES = 50e6
TIMES_THE_BOUND = 1.6
MOST_COPIES, ROUNDS = 200, 12


def bounded(broker: int, start: datetime, end: datetime) -> list[Row]:
    """Copies the history from `start` to `end` before itself until it is larger than the bound, and lets maintenance delete: what is left, and whether it is
    the newest."""
    from brokers import queries
    from brokers.history_bound import measure_and_trim
    from brokers.models import Snapshot
    from brokers.scope import EVERYTHING

    last_hour = (broker, "queues", 7, ["ready"], max(start, end - timedelta(minutes=59)), end, 5)
    before = queries.history(EVERYTHING, *last_hour).values
    size = sum(one.size_bytes for one in measure_and_trim(0))
    copies = min(MOST_COPIES, max(1, round(TIMES_THE_BOUND * BOUND_BYTES / size)))
    length = timedelta(seconds=-(-(end - start).total_seconds() // 600) * 600)
    for number in range(1, copies):
        _copy(broker, start, number * length)
    full = sum(one.size_bytes for one in measure_and_trim(0))
    bound = min(BOUND_BYTES, full / TIMES_THE_BOUND)  # a small run is not larger than it
    kept = trimmed(bound)
    first = Snapshot.objects.order_by("at").values_list("at", flat=True).first() or end
    same = queries.history(EVERYTHING, *last_hour).values == before
    left = f"{kept / 1e6:.1f} MB, polls of {(end - first).total_seconds() / 3600:.1f} h, the last hour {'as before' if same else 'changed'}"
    return [Row(f"{full / 1e6:.0f} MB of history bounded to {bound / 1e6:.0f} MB", left, "", None, f"≤ {bound / 1e6:.0f} MB", bound / kept if same else 0.0)]


def trimmed(bound: float) -> float:
    """The bytes that are left once maintenance has looked so often that they are within the bound, or a few times."""
    from brokers.history_bound import measure_and_trim

    kept = 0.0
    for _ in range(ROUNDS):
        kept = sum(one.size_bytes for one in measure_and_trim(bound))
        if kept <= bound:
            break
    return kept


def _copy(broker: int, start: datetime, by: timedelta) -> None:
    """What is stored from `start` on, earlier by so much."""
    from brokers.models import Rollup, RollupBlock, Snapshot, SnapshotBlock

    models: tuple[Any, ...] = (Snapshot, SnapshotBlock, Rollup, RollupBlock)
    for model in models:
        rows = list(model._default_manager.filter(broker_id=broker, at__gte=start))
        for row in rows:
            row.pk, row.at = None, row.at - by
            if isinstance(row, (SnapshotBlock, RollupBlock)):
                row.until -= by
        model._default_manager.bulk_create(rows, batch_size=500)
