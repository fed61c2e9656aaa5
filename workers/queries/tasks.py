"""Questions about tasks; the pages of their lists are in `task_pages`. Bounded in what they read, so that a million tasks answer as quickly as a thousand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Q, QuerySet

from brokers.database.engine import unindexed
from brokers.database.rows import RowsOf, moment
from brokers.models import Broker
from brokers.queries.pages import BrokerRef, in_scope, place_where, visible_brokers
from brokers.queries.visible import where_in
from brokers.scope import EVERYTHING, Scope
from workers.errors import AmbiguousTask
from workers.models import EventSource, Task
from workers.queries.task_parts import COUNTED, counts_of
from workers.queries.task_rows import EVERY_ROW, LONG, TaskRows, in_view, with_ids, without_hidden
from workers.queries.task_search import with_words
from workers.task_filter import ALL_STATES, TaskFilter, name_fits
from workers.task_past import as_then

SEARCHED = 1_000
COUNTED_AMONG = 20_000
FAMILY_KEPT = 200
NAMES_LOOKED_AT = 2000
QUEUE_SETS_LOOKED_AT = 1000
LAST_LOOKED_AT = 200
_AFTER_ALL = 2**63 - 1
_SENT = RowsOf(Task, only=("id", "sent_at"))
ALL_IDS = range(_AFTER_ALL)
_DISORDER = timedelta(seconds=30)  # ids grow with `first_seen_at`, but for what several threads store at the same time


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


def parts_of(scope: Scope, filter: TaskFilter, at: datetime | None, found: list[int] | None, ids: range = ALL_IDS) -> list[TaskRows]:
    """Those that match, with these ids: each state and each set of queues by itself, since an index has its tasks in order."""
    rows = _whatever_state(scope, filter, at, found, ids)
    parts = [rows.which("state = %s", state) for state in dict.fromkeys(filter.states)] or [rows]
    return parts if filter.queue is None else [one.which(*where) for one in parts for where in _in_queue(filter.queue)]


def tasks_with_text(scope: Scope, filter: TaskFilter, ids: range = ALL_IDS, newest_first: bool = True, at: datetime | None = None) -> list[int] | None:
    """The ids of the newest 1,000 (or of the oldest) with the text of the filter, among these ids and in its time; a further one if there are more; None for a
    filter without any text."""
    text = filter.text.strip()
    if not text:
        return None
    between = _ids_between(filter, at, ids)
    found = with_words(text, SEARCHED + 1, between, newest_first) if scope.arguments is None else _with_name(scope, text, between, newest_first)
    if " " not in text:  # or the uuid begins with it
        rows = _where_seen(scope).which("uuid >= %s AND uuid < %s", text, text + "\U0010ffff")
        rows = rows.which(f"id + 0 >= {between.start} AND id + 0 < {between.stop}")  # in an order that no index has, so that the uuid's is used
        with connection.cursor() as cursor:
            cursor.execute(rows.select("id", f"id + 0 {'DESC' if newest_first else 'ASC'}", SEARCHED + 1), rows.parameters)
            found += [key for (key,) in cursor.fetchall()]
    return sorted(dict.fromkeys(found), reverse=newest_first)[: SEARCHED + 1]


def _with_name(scope: Scope, text: str, ids: range, newest_first: bool) -> list[int]:
    """The same for somebody who may not see all arguments, which would be found out by searching for them: by the names of tasks only."""
    words = text.casefold().split()
    names = [name for name in _names(scope, "", NAMES_LOOKED_AT) if all(word in name.casefold() for word in words)]
    rows = in_view(EVERY_ROW, scope).among("name", names).which(f"id >= {ids.start} AND id < {ids.stop}")
    with connection.cursor() as cursor:
        cursor.execute(rows.select("id", f"id {'DESC' if newest_first else 'ASC'}", SEARCHED + 1), rows.parameters)
        return [key for (key,) in cursor.fetchall()]


def counted_ids(filter: TaskFilter) -> range:
    """The ids among which a filter's tasks are counted: all, but where several columns are filtered, which no index has together: then those of the newest
    20,000 of one of them."""
    columns = [Q(worker=filter.worker)] * (filter.worker is not None) + [Q(queue=filter.queue)] * (filter.queue is not None)
    if filter.name is not None:
        columns.insert(0 if not columns or (filter.worker is None and "*" not in filter.name) else 1, Q(name=filter.name))
    if len(columns) < 2:
        return ALL_IDS
    first = Task.objects.filter(columns[0]).order_by("-id").values_list("pk", flat=True)[COUNTED_AMONG - 1 : COUNTED_AMONG]
    return range(next(iter(first), 0), ALL_IDS.stop)


def matching(scope: Scope, filter: TaskFilter, at: datetime | None = None, found: list[int] | None = None, ids: range = ALL_IDS) -> TaskRows:
    """The rows that fit, with these ids."""
    rows = _whatever_state(scope, filter, at, found, ids)
    if filter.queue is not None:
        conditions, values = zip(*_in_queue(filter.queue), strict=True)
        rows = rows.which(f"({' OR '.join(conditions)})", *values)
    return rows.among("state", filter.states) if filter.states else rows


def _whatever_state(scope: Scope, filter: TaskFilter, at: datetime | None, found: list[int] | None = None, ids: range = ALL_IDS) -> TaskRows:
    rows = EVERY_ROW
    if filter.name is not None:
        rows = rows.among("name", _names_like(filter.name)) if "*" in filter.name else rows.which("name = %s", filter.name)
    if filter.worker is not None:
        rows = rows.which("worker = %s", filter.worker)
    if filter.uuids:
        rows = rows.which(*_with_uuids(scope, filter.uuids))
    if filter.start is not None:
        rows = rows.which("first_seen_at >= %s", moment(filter.start))
    if ends := [end for end in (filter.end, at) if end is not None]:
        rows = rows.which("first_seen_at < %s", moment(min(ends)))
    if filter.text.strip():
        found = tasks_with_text(scope, filter, at=at) if found is None else found
        rows = rows.which(*with_ids((found or [])[:SEARCHED]).conditions)
    return _in_place(rows, scope, filter.broker, filter.vhost, _ids_between(filter, at, ids))


def _ids_between(filter: TaskFilter, at: datetime | None, ids: range) -> range:
    """Those of these ids that tasks first seen in the filter's time can have."""
    first, end = ids.start, ids.stop
    if filter.start is not None:
        first = max(first, _first_id(filter.start - _DISORDER))
    if ends := [moment for moment in (filter.end, at) if moment is not None]:
        end = min(end, _first_id(min(ends) + _DISORDER))
    return range(first, max(first, end))


def _in_place(rows: TaskRows, scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, ids: range = ALL_IDS) -> TaskRows:
    """Those with these ids that may be seen, of one broker and virtual host where given.

    A small place is read by its own index and sorted: by the indexes of what else is filtered, the tasks of all places would be gone through.
    A large one is left to those indexes; `unindexed` keeps SQLite from reading all of it.
    """
    between = (*([f"id >= {ids.start}"] if ids.start else []), *([f"id < {ids.stop}"] if ids.stop != _AFTER_ALL else []))  # whole numbers
    beyond = TaskRows((*rows.conditions, *between), rows.parameters)
    if broker is None and vhost is None:
        return in_view(beyond, scope)
    rows, beyond = in_view(rows, scope), in_view(beyond, scope)
    brokers = list(Broker.objects.filter(visible_brokers(scope, broker)).values_list("pk", flat=True))
    if not brokers:
        return rows.none()
    among = f"IN ({', '.join(map(str, brokers))})"  # whole numbers
    params = [] if vhost is None else [vhost]
    there = f"SELECT id FROM workers_task WHERE broker_id {among}{'' if vhost is None else ' AND vhost = %s'}"  # noqa: S608
    with connection.cursor() as cursor:
        few = len(cursor.execute(f"{there} LIMIT {COUNTED + 1}", params).fetchall()) <= COUNTED
    if few:  # their ids in between: as a condition beside, SQLite would read that stretch of another index
        return rows.which(f"workers_task.id IN ({there} AND id >= {ids.start} AND id < {ids.stop})", *params)
    beyond = beyond.which(f"{unindexed('workers_task.broker_id')} {among}")
    return beyond if vhost is None else beyond.which(f"{unindexed('workers_task.vhost')} = %s", vhost)


def _names_like(pattern: str) -> list[str]:
    """The names seen that fit a pattern with `*` for anything; names are few beside tasks, and the index leads from one to the next."""
    return [name for name in _names(EVERYTHING, pattern.split("*")[0], NAMES_LOOKED_AT) if name_fits(pattern, name)]


def _in_queue(name: str) -> list[tuple[str, str]]:
    """The conditions, each with its value, of the tasks that are in the queue, no task by two of them. The sets of queues that copies are in are few beside
    tasks, as names are."""
    sets = [each for each in _distinct("queues", "", QUEUE_SETS_LOOKED_AT) if name in json.loads(each)]
    return [("queue = %s", name), *(("queues = %s", each) for each in sets)]


def _first_id(moment: datetime) -> int:
    """The id of the first task seen from a moment on; larger than any if there is none."""
    found = Task.objects.filter(first_seen_at__gte=moment).order_by("first_seen_at", "pk").values_list("pk", flat=True).first()
    return _AFTER_ALL if found is None else found


def _where_seen(scope: Scope, broker: int | None = None) -> TaskRows:
    """Those of the virtual hosts with events: the index of uuids begins with broker and virtual host, hence they are named."""
    where, parameters = place_where(EVERYTHING, broker)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT broker_id, vhost FROM workers_eventsource WHERE {where}", parameters)  # noqa: S608
        sources = cursor.fetchall()
    return in_view(EVERY_ROW, scope).among("broker_id", {broker_id for broker_id, _ in sources}).among("vhost", {vhost for _, vhost in sources})


def _with_uuids(scope: Scope, uuids: Sequence[str]) -> tuple[Any, ...]:
    """The condition of the tasks with these uuids, which are read by their index."""
    there = _where_seen(scope).among("uuid", uuids)
    return (f"workers_task.id IN ({there.select('id')})", *there.parameters)


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


def task_by_id(scope: Scope, task_id: int, at: datetime | None = None) -> Task | None:
    """The whole task; with `at` as it was then, None if it was not seen yet."""
    found = next(iter(without_hidden(scope, Task.objects.select_related("broker").filter(in_scope(scope, queue="queue"), pk=task_id))), None)
    if found is None or at is None:
        return found
    return as_then(found, at) if found.first_seen_at <= at else None


def tasks_by_ids(scope: Scope, ids: Iterable[int]) -> list[Task]:
    """In no particular order, without those that do not exist or may not be seen. Their long texts are deferred."""
    return without_hidden(scope, Task.objects.select_related("broker").filter(in_scope(scope, queue="queue"), pk__in=list(ids)).defer(*LONG))


def last_sent(scope: Scope, broker: BrokerRef, vhost: str, name: str, at: datetime | None = None) -> Task | None:
    """The task of this name that was last sent there (by then), as far as its task-sent event is among the last 200 tasks of the name."""
    rows = EVERY_ROW.which("name = %s", name)
    rows = rows if at is None else rows.which(f"id < {_first_id(at + _DISORDER)}")
    rows = _in_place(rows, scope, broker, vhost)
    newest = _SENT.read(rows.rest("id DESC", LAST_LOOKED_AT), rows.parameters)
    found = next((task.pk for task in newest if task.sent_at is not None and (at is None or task.sent_at <= at)), None)
    return None if found is None else task_by_id(scope, found)


def state_counts(scope: Scope, since: datetime, broker: BrokerRef | None = None, vhost: str | None = None) -> dict[str, int]:
    """{state: how many tasks first seen since then are in it now}, every state, each counted to 10,000 at most."""
    first = _first_id(since)
    rows = _in_place(EVERY_ROW, scope, broker, vhost, range(first, _AFTER_ALL))
    return dict(zip(ALL_STATES, counts_of(rows, ALL_STATES), strict=True))


def family(scope: Scope, task: Task) -> Family:
    """The task's root, parent, children and siblings that may be seen. A retry names the task itself as its parent: it is no relative of its own."""
    kin = {uuid for uuid in (task.root_id, task.parent_id) if uuid and uuid != task.uuid}
    known = {}
    if kin:
        near = _where_seen(scope, task.broker_id).among("uuid", kin).read(brokers=[task.broker])
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
    return _names(scope, prefix, limit)


def _names(scope: Scope, prefix: str, limit: int) -> list[str]:
    if scope.is_everything:
        return _distinct("name", prefix, limit)
    return _distinct("name", prefix, limit, *where_in(scope, queue="queue", broker_id=unindexed("broker_id")))


def _distinct(column: str, prefix: str, limit: int, where: str = "TRUE", parameters: Sequence[Any] = ()) -> list[str]:
    """The values of an indexed column that begin like this, in order: one query, in which the index leads from one value to the next."""
    following = f"(SELECT {column} FROM workers_task WHERE {column} {{}} AND {column} < %s AND {where} ORDER BY {column} LIMIT 1)"  # noqa: S608
    query = (
        f"WITH RECURSIVE found(value) AS (SELECT {following.format('>= %s')} UNION ALL "  # noqa: S608
        f"SELECT {following.format('> found.value')} FROM found WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT %s"
    )
    after = prefix + "\U0010ffff"
    with connection.cursor() as cursor:
        return [value for (value,) in cursor.execute(query, [prefix, after, *parameters, after, *parameters, limit]).fetchall()]
