"""Tasks by the stamps of their messages, as far as these were seen: no event has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brokers.models import Broker
from brokers.scope import Scope
from workers.models import Task, TaskCanvas
from workers.queries.task_pages import tasks_after
from workers.task_filter import TaskFilter

LOOKED_AT, MOST = 10_000, 500


def stamped_tasks(scope: Scope, broker: Broker, vhost: str, stamps: Mapping[str, Sequence[str]]) -> list[Task]:
    """The tasks of which a message with one of these stamps was seen: at most 500, among the newest 10,000 whose messages were."""
    rows = TaskCanvas.objects.filter(broker_id=broker.pk, vhost=vhost).exclude(stamps={}).order_by("-pk")
    found = [uuid for uuid, carried in rows.values_list("uuid", "stamps")[:LOOKED_AT] if _carries(carried, stamps)][:MOST]
    return tasks_after(scope, TaskFilter(broker=broker.pk, vhost=vhost, uuids=tuple(found)), size=MOST)[0] if found else []


def _carries(carried: Mapping[str, str], stamps: Mapping[str, Sequence[str]]) -> bool:
    """As a worker node compares them: one common value of one name is enough. Several values of a name are stored with commas between them."""
    return any(value == carried.get(name) or value in str(carried.get(name, "")).split(", ") for name, values in stamps.items() for value in values)
