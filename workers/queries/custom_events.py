"""The custom events that are kept of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from workers.custom_events import CustomEvent, resumed
from workers.models import Task, TaskEvents

AT_ONCE = 500


def custom_events(task: Task) -> list[CustomEvent]:
    """Those of a task, in order; without their texts for a person who may not see its arguments."""
    kept = TaskEvents.objects.filter(broker_id=task.broker_id, vhost=task.vhost, uuid=task.uuid).values_list("events", flat=True).first()
    found = resumed(kept) if kept else []
    return [event.without_texts() for event in found] if task.arguments_hidden else found


def load_custom_events(broker_id: int, vhost: str, uuids: Sequence[str]) -> dict[str, list[CustomEvent]]:
    """{uuid: what is kept of it}, for the receiver."""
    found: dict[str, list[CustomEvent]] = {}
    for start in range(0, len(uuids), AT_ONCE):
        rows = TaskEvents.objects.filter(broker_id=broker_id, vhost=vhost, uuid__in=uuids[start : start + AT_ONCE])
        found |= {uuid: resumed(text) for uuid, text in rows.values_list("uuid", "events")}
    return found
