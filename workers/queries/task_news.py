"""What live pages of tasks watch, and the counts beside their filters: all bounded, however many tasks are kept."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db import connection
from django.db.models import Q

from brokers.scope import Scope
from workers.models import Task
from workers.queries.task_counts import kept_counts
from workers.queries.task_parts import COUNTED
from workers.queries.tasks import FAMILY_KEPT, SEARCHED, counted_ids, matching
from workers.task_filter import ALL_STATES, TaskFilter


def newest_task() -> int:
    """The primary key of the task first seen last, anywhere; 0 if there is none. The tail then need not query each virtual host."""
    return Task.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def family_fingerprint(task: Task) -> tuple[tuple[str, str], ...]:
    """Another value after one of the task's relatives came or changed its state. For the tail."""
    near = Task.objects.filter(in_place_of(task)).order_by("pk").values_list("uuid", "state")
    above = {uuid for uuid in (task.root_id, task.parent_id) if uuid and uuid != task.uuid}
    parents = [uuid for uuid in (task.uuid, task.parent_id) if uuid]
    return (*near.filter(uuid__in=above), *near.filter(parent_id__in=parents)[: 2 * FAMILY_KEPT])


def in_place_of(task: Task) -> Q:
    return Q(broker_id=task.broker_id, vhost=task.vhost)


def counts_by_state(scope: Scope, filter: TaskFilter, found: list[int] | None = None) -> tuple[dict[str, int], frozenset[str]]:
    """({state: tasks that fit, whatever states the filter names}, the states of which there are more than counted).
    `found`: as in `tasks`."""
    anything = msgspec.structs.replace(filter, states=())
    if anything == TaskFilter(broker=filter.broker, vhost=filter.vhost):
        return kept_counts(scope, filter.broker, filter.vhost), frozenset()
    ids = counted_ids(anything)
    rows = matching(scope, anything, found=found, ids=ids)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT state, COUNT(*) FROM ({rows.select('state', 'id DESC', COUNTED + 1)}) AS newest GROUP BY state", rows.parameters)  # noqa: S608
        counted = dict(cursor.fetchall())
    some_found = len(found or ()) > SEARCHED
    return counted, frozenset(ALL_STATES) if sum(counted.values()) > COUNTED or ids.start or some_found else frozenset()


def kept_since() -> datetime | None:
    """When the oldest task that is kept was first seen."""
    return Task.objects.order_by("first_seen_at").values_list("first_seen_at", flat=True).first()
