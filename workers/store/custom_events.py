"""Writes the custom events of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from workers.custom_events import CustomEvent, stored
from workers.models import TaskEvents

MOST_TASKS, DELETED_AT_ONCE = 20_000, 5_000


def save_custom_events(broker_id: int, vhost: str, events: Mapping[str, list[CustomEvent]], now: datetime) -> None:
    """Replaces what is kept of these tasks. Within the caller's transaction."""
    if events:
        TaskEvents.objects.bulk_create(
            [TaskEvents(broker_id=broker_id, vhost=vhost, uuid=uuid, events=stored(found), seen_at=now) for uuid, found in events.items()],
            batch_size=500,
            update_conflicts=True,
            unique_fields=["broker", "vhost", "uuid"],
            update_fields=["events", "seen_at"],
        )


def trim_custom_events(now: datetime, days: float, most: int = MOST_TASKS) -> int:
    """Of how many tasks they were deleted: those whose last came more than `days` ago, and all but the `most` whose came last. At most 5,000 a call."""
    rows = TaskEvents.objects.order_by("seen_at", "pk")
    surplus = max(0, TaskEvents.objects.count() - most)
    old = list(rows.filter(seen_at__lt=now - timedelta(days=days)).values_list("pk", flat=True)[:DELETED_AT_ONCE])
    keys = old if len(old) >= surplus else list(rows.values_list("pk", flat=True)[: min(surplus, DELETED_AT_ONCE)])
    return TaskEvents.objects.filter(pk__in=keys).delete()[0] if keys else 0
