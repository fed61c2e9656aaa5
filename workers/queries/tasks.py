"""Questions about tasks; the pages of their lists are in `task_pages`. Bounded in what they read, so that a million tasks answer as quickly as a thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db import connection
from django.db.models import Q, QuerySet

from brokers.database.engine import unindexed
from brokers.database.rows import RowsOf
from brokers.models import Broker
from brokers.queries.pages import BrokerRef, in_scope
from brokers.scope import EVERYTHING, Scope
from workers.errors import AmbiguousTask
from workers.models import EventSource, Task
from workers.queries.task_filtering import ALL_IDS, DISORDER, first_id, in_place, names, where_seen
from workers.queries.task_parts import counts_of
from workers.queries.task_rows import EVERY_ROW, LONG, TaskRows, in_view, with_ids, without_hidden
from workers.task_filter import ALL_STATES
from workers.task_past import as_then

FAMILY_KEPT = 200
LAST_LOOKED_AT = 200
_SENT = RowsOf(Task, only=("id", "sent_at"))


class Family(msgspec.Struct):
    """A task's relatives as far as they are known: not yet seen or no longer kept ones are missing. `siblings` have the same parent.

    At most 200 of a kind, the first ones; `more_children` and `more_siblings` count the rest.
    """

    root: Task | None = None
    parent: Task | None = None
    children: list[Task] = []
    siblings: list[Task] = []
    more_children: int = 0
    more_siblings: int = 0


def _by_uuid(scope: Scope, where: Q, broker: BrokerRef | None = None) -> QuerySet[Task]:
    """Rows by uuid: the index begins with broker and virtual host, hence they are named."""
    sources = list(EventSource.objects.filter(in_scope(EVERYTHING, broker)).values_list("broker_id", "vhost"))
    place = Q(broker_id__in={broker_id for broker_id, _ in sources}, vhost__in={vhost for _, vhost in sources})
    return Task.objects.filter(in_scope(scope, broker, queue="queue"), place, where)


def task(scope: Scope, uuid: str, broker: BrokerRef | None = None, vhost: str | None = None) -> Task | None:
    """The task of this uuid. Raises AmbiguousTask if it was seen in two places and broker and virtual host don't select one."""
    if broker is not None and vhost is not None:
        rows = Task.objects.filter(in_scope(scope, broker, vhost, "queue"), uuid=uuid)
    else:
        rows = _by_uuid(scope, Q(uuid=uuid), broker)
        rows = rows if vhost is None else rows.filter(vhost=vhost)
    found = without_hidden(scope, rows.select_related("broker")[:20])
    if len(found) > 1:
        raise AmbiguousTask(uuid, [(one.broker.name, one.vhost) for one in found])
    return found[0] if found else None


def tasks_by_uuid(scope: Scope, beginning: str, most: int) -> list[Task]:
    """The first tasks whose uuid begins so, by uuid. Their long texts are deferred."""
    rows = _by_uuid(scope, Q(uuid__gte=beginning, uuid__lt=beginning + "\U0010ffff")).order_by("uuid", "pk")
    return without_hidden(scope, rows.select_related("broker").defer(*LONG)[:most])


def task_by_id(scope: Scope, task_id: int, at: datetime | None = None, brokers: Sequence[Broker] = ()) -> Task | None:
    """The whole task; with `at` as it was then, None if it was not seen yet. `brokers`: those that were read already."""
    found = next(iter(without_hidden(scope, in_view(with_ids([task_id]), scope).read(whole=True, brokers=brokers))), None)
    if found is None or at is None:
        return found
    return as_then(found, at) if found.first_seen_at <= at else None


def tasks_by_ids(scope: Scope, ids: Iterable[int], brokers: Sequence[Broker] = ()) -> list[Task]:
    """In no particular order, without those that do not exist or may not be seen. Their long texts are deferred. `brokers`: those that were read already."""
    keys = list(ids)
    return without_hidden(scope, in_view(with_ids(keys), scope).read(brokers=brokers)) if keys else []


def last_sent(scope: Scope, broker: BrokerRef, vhost: str, name: str, at: datetime | None = None) -> Task | None:
    """The task of this name that was last sent there (by then), as far as its task-sent event is among the last 200 tasks of the name."""
    rows = EVERY_ROW.which("name = %s", name)
    rows = rows if at is None else rows.which(f"id < {first_id(at + DISORDER)}")
    rows = in_place(rows, scope, broker, vhost)
    newest = _SENT.read(rows.rest("id DESC", LAST_LOOKED_AT), rows.parameters)
    found = next((task.pk for task in newest if task.sent_at is not None and (at is None or task.sent_at <= at)), None)
    return None if found is None else task_by_id(scope, found)


def state_counts(scope: Scope, since: datetime, broker: BrokerRef | None = None, vhost: str | None = None) -> dict[str, int]:
    """{state: how many tasks first seen since then are in it now}, every state, each counted to 10,000 at most."""
    first = first_id(since)
    rows = in_place(EVERY_ROW, scope, broker, vhost, range(first, ALL_IDS.stop))
    return dict(zip(ALL_STATES, counts_of(rows, ALL_STATES), strict=True))


def family(scope: Scope, task: Task) -> Family:
    """The task's root, parent, children and siblings that may be seen. A retry names the task itself as its parent: it is no relative of its own."""
    kin = {uuid for uuid in (task.root_id, task.parent_id) if uuid and uuid != task.uuid}
    known = {}
    if kin:
        near = where_seen(scope, task.broker_id).among("uuid", kin).read(brokers=[task.broker])
        known = {one.uuid: one for one in without_hidden(scope, near)}
    found = Family(root=task if task.root_id == task.uuid else known.get(task.root_id or ""), parent=known.get(task.parent_id or ""))
    if not scope.touches(task.broker.name, task.vhost):
        return found
    rows = in_view(EVERY_ROW, scope).which(f"{unindexed('workers_task.broker_id')} = %s", task.broker_id)  # few have the parent; its index leads to them
    found.children, found.more_children = _some(scope, rows.which("parent_id = %s AND uuid <> %s", task.uuid, task.uuid), task.broker)
    if task.parent_id and task.parent_id != task.uuid:
        siblings = rows.which("parent_id = %s AND uuid NOT IN (%s, %s)", task.parent_id, task.uuid, task.parent_id)
        found.siblings, found.more_siblings = _some(scope, siblings, task.broker)
    return found


def _some(scope: Scope, rows: TaskRows, broker: Broker) -> tuple[list[Task], int]:
    found = without_hidden(scope, rows.read("id", FAMILY_KEPT, brokers=[broker]))
    if len(found) < FAMILY_KEPT:
        return found, 0
    with connection.cursor() as cursor:
        cursor.execute(rows.select("COUNT(*)"), rows.parameters)
        return found, max(0, cursor.fetchone()[0] - FAMILY_KEPT)


def task_names(scope: Scope, prefix: str = "", limit: int = 20) -> list[str]:
    """Names of tasks seen that begin like this, for completion; in order."""
    return names(scope, prefix, limit)
