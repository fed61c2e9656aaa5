"""Writes what messages that were seen hold of workflows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from workers.canvas import Canvas
from workers.models import TaskCanvas

MOST_KEPT, DELETED_AT_ONCE = 100_000, 5_000


def note_canvas(broker_id: int, vhost: str, seen: Iterable[Canvas], now: datetime) -> int:
    """How many tasks it was noted of; of one that was seen before, what was seen last."""
    rows = {one.uuid: one for one in seen}
    if not rows:
        return 0
    TaskCanvas.objects.bulk_create(
        [TaskCanvas(broker_id=broker_id, vhost=vhost, uuid=one.uuid, group=one.group, body=one.body, stamps=one.stamps, seen_at=now) for one in rows.values()],
        update_conflicts=True,
        unique_fields=["broker", "vhost", "uuid"],
        update_fields=["group", "body", "stamps", "seen_at"],
    )
    return len(rows)


def trim_canvas(now: datetime, days: float) -> int:
    """How many were deleted: those seen more than `days` ago, and beyond the newest 100,000. At most 5,000 a call."""
    newest = TaskCanvas.objects.order_by("-pk").values_list("pk", flat=True)[MOST_KEPT - 1 : MOST_KEPT]
    keys = list(TaskCanvas.objects.filter(seen_at__lt=now - timedelta(days=days)).order_by("seen_at").values_list("pk", flat=True)[:DELETED_AT_ONCE])
    for first in newest:
        keys += TaskCanvas.objects.filter(pk__lt=first).order_by("pk").values_list("pk", flat=True)[: DELETED_AT_ONCE - len(keys)]
    return TaskCanvas.objects.filter(pk__in=keys).delete()[0] if keys else 0
