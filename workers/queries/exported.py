"""For other systems: how many events of each kind were counted of tasks, as counters that only grow, and the names of worker nodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from brokers.queries.pages import in_scope
from brokers.scope import Scope
from workers.models import TaskTotal, Worker


def task_totals(scope: Scope, brokers: Collection[int], events: Sequence[str], most: int) -> tuple[int, list[tuple[Any, ...]]]:
    """How many pairs of a name and a queue there are, and (broker id, virtual host, name, queue, count of each event) of the first; as narrowed as statistics
    of tasks are."""
    rows = TaskTotal.objects.filter(in_scope(scope, queue="queue"), broker_id__in=brokers)
    found = list(rows.order_by("id").values_list("broker_id", "vhost", "name", "queue", *events)[:most])
    return len(found) if len(found) < most else rows.count(), found


def worker_names(ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """{primary key: (host name, virtual host)}. No scope: for what is written to the store that Hareline's own configuration names."""
    keys, found = list(ids), {}
    for first in range(0, len(keys), 500):
        rows = Worker.objects.filter(pk__in=keys[first : first + 500])
        found.update({pk: (hostname, vhost) for pk, hostname, vhost in rows.values_list("pk", "hostname", "vhost")})
    return found
