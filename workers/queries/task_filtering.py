"""Which rows of tasks a filter selects. Where no index has what matches, so many tasks are looked at for a page, and the next page goes on from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Q

from brokers.database.engine import unindexed
from brokers.database.patterns import as_operand, fits
from brokers.database.rows import moment
from brokers.models import Broker
from brokers.queries.pages import BrokerRef, place_where, visible_brokers
from brokers.queries.visible import where_in
from brokers.scope import EVERYTHING, Scope
from workers.models import Task
from workers.queries.task_conditions import within_bounds
from workers.queries.task_parts import COUNTED
from workers.queries.task_rows import EVERY_ROW, TaskRows, in_view, with_ids
from workers.queries.task_search import with_words
from workers.task_filter import ALL_STATES, TaskFilter, name_fits
from workers.task_words import has_words

SEARCHED = 1_000
"""So many tasks that have the words are looked at for a page,"""
LOOKED_AT = 5_000
"""and so many one after the other, where only their figures decide."""
COUNTED_AMONG = 20_000
NAMES_LOOKED_AT = 2000
QUEUE_SETS_LOOKED_AT = 1000
_AFTER_ALL = 2**63 - 1
ALL_IDS = range(_AFTER_ALL)
DISORDER = timedelta(seconds=30)  # ids grow with `first_seen_at`, but for what several threads store at the same time


class Search(msgspec.Struct, frozen=True):
    """Which tasks were looked at: `ids` that have the words, else all that match the rest within `window`. `further`: the id of the last one, where there
    are more. `of_any_state`: the states of the filter played no part. `looked_at`: how many at most."""

    window: range = ALL_IDS
    ids: tuple[int, ...] | None = None
    further: int | None = None
    of_any_state: bool = False
    looked_at: int = 0


def parts_of(scope: Scope, filter: TaskFilter, at: datetime | None, searched: Search | None, ids: range = ALL_IDS) -> list[TaskRows]:
    """Those that match, with these ids: each state and each set of queues by itself, since an index has its tasks in order."""
    rows = _whatever_state(scope, filter, at, searched, ids)
    parts = [rows.which("state = %s", state) for state in dict.fromkeys(filter.states)] or [rows]
    return parts if filter.queue is None else [one.which(*where) for one in parts for where in _in_queue(filter.queue)]


def search_tasks(scope: Scope, filter: TaskFilter, ids: range = ALL_IDS, newest_first: bool = True, at: datetime | None = None) -> Search | None:
    """What is looked at of these ids, the newest or the oldest first; None for a filter of which an index has all."""
    if not filter.is_searched:
        return None
    between = _ids_between(filter, at, ids)
    if filter.args and scope.arguments is not None:  # else they could be found out by searching for them
        return Search(between, ())
    if not filter.text.strip() and (scope.arguments is not None or not filter.has_words):
        return _looked_at(scope, filter, between, newest_first, at)
    found = _with_text(scope, filter, between, newest_first)
    looked_at = found[:SEARCHED]
    return Search(
        between, tuple(_verified(with_ids(looked_at), filter)), looked_at[-1] if len(found) > SEARCHED else None, of_any_state=True, looked_at=SEARCHED
    )


def _with_text(scope: Scope, filter: TaskFilter, ids: range, newest_first: bool) -> list[int]:
    """The first ids with all words of the filter, wherever these are; one more than are looked at."""
    if scope.arguments is None:
        text = " ".join((filter.text, *filter.args, *filter.exception)).strip()
        found = with_words(text, SEARCHED + 1, ids, newest_first)
    else:
        text = filter.text.strip()
        found = _with_name(scope, text, ids, newest_first)
    if " " not in text and filter.text.strip():  # or the uuid begins with it
        rows = where_seen(scope).which("uuid >= %s AND uuid < %s", text, text + "\U0010ffff")
        rows = rows.which(f"id + 0 >= {ids.start} AND id + 0 < {ids.stop}")  # in an order that no index has, so that the uuid's is used
        with connection.cursor() as cursor:
            cursor.execute(rows.select("id", f"id + 0 {'DESC' if newest_first else 'ASC'}", SEARCHED + 1), rows.parameters)
            found += [key for (key,) in cursor.fetchall()]
    return sorted(dict.fromkeys(found), reverse=newest_first)[: SEARCHED + 1]


def _verified(rows: TaskRows, filter: TaskFilter) -> list[int]:
    """Those of the rows that have the words of the filter in their arguments and in their exception."""
    if filter.exception:
        rows = rows.which("state <> 'SUCCESS' AND exception IS NOT NULL")  # of a success it is that of an earlier attempt
    with connection.cursor() as cursor:
        columns = "id, exception, args, kwargs" if filter.args or filter.exception else "id, NULL, NULL, NULL"
        cursor.execute(rows.select(columns), rows.parameters)
        found = cursor.fetchall()
    args, exception = " ".join(filter.args), " ".join(filter.exception)
    return [
        key
        for key, raised, *arguments in found
        if (not args or has_words(" ".join(part or "" for part in arguments), args, not exception)) and (not exception or has_words(raised, exception, True))
    ]


def _looked_at(scope: Scope, filter: TaskFilter, ids: range, newest_first: bool, at: datetime | None) -> Search:
    """As many as are looked at of those that match by what indexes have."""
    states = tuple(state for state in filter.states or ALL_STATES if state != "SUCCESS") if filter.exception else filter.states
    indexed = msgspec.structs.replace(filter, bounds=(), without=(), exception=(), states=states)
    if filter.exception and not states:
        return Search(ids, ())
    parts, order = parts_of(scope, indexed, at, None, ids), "id DESC" if newest_first else "id"
    every = " UNION ALL ".join(f"SELECT id FROM ({part.select('id', order, LOOKED_AT)}) AS part_{number}" for number, part in enumerate(parts))  # noqa: S608
    parameters = [value for part in parts for value in part.parameters]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({every}) AS looked_at ORDER BY {order} LIMIT 1 OFFSET {LOOKED_AT - 1}", parameters)  # noqa: S608
        last = next((key for (key,) in cursor.fetchall()), None)
    window = ids if last is None else range(last, ids.stop) if newest_first else range(ids.start, last + 1)
    if not filter.exception:
        return Search(window, None, last, looked_at=LOOKED_AT)
    found = [key for part in parts_of(scope, indexed, at, None, window) for key in _verified(part, filter)]
    return Search(window, tuple(found), last, looked_at=LOOKED_AT)


def _with_name(scope: Scope, text: str, ids: range, newest_first: bool) -> list[int]:
    """The same for somebody who may not see all arguments, which would be found out by searching for them: by the names of tasks only."""
    words = text.casefold().split()
    found = [name for name in names(scope, "", NAMES_LOOKED_AT) if all(word in name.casefold() for word in words)]
    rows = in_view(EVERY_ROW, scope).among("name", found).which(f"id >= {ids.start} AND id < {ids.stop}")
    with connection.cursor() as cursor:
        cursor.execute(rows.select("id", f"id {'DESC' if newest_first else 'ASC'}", SEARCHED + 1), rows.parameters)
        return [key for (key,) in cursor.fetchall()]


def counted_ids(filter: TaskFilter) -> range:
    """The ids among which a filter's tasks are counted: all, but where several columns are filtered, which no index has together: then those of the newest
    20,000 of one of them."""
    columns = [Q(worker=filter.worker)] * (filter.worker is not None and "*" not in filter.worker) + [Q(queue=filter.queue)] * (filter.queue is not None)
    if filter.name is not None:
        columns.insert(0 if not columns or (filter.worker is None and "*" not in filter.name) else 1, Q(name=filter.name))
    if len(columns) < 2:
        return ALL_IDS
    first = Task.objects.filter(columns[0]).order_by("-id").values_list("pk", flat=True)[COUNTED_AMONG - 1 : COUNTED_AMONG]
    return range(next(iter(first), 0), ALL_IDS.stop)


def matching(scope: Scope, filter: TaskFilter, searched: Search | None = None, ids: range = ALL_IDS) -> TaskRows:
    """The rows that fit, with these ids."""
    rows = _whatever_state(scope, filter, None, searched, ids)
    if filter.queue is not None:
        conditions, values = zip(*_in_queue(filter.queue), strict=True)
        rows = rows.which(f"({' OR '.join(conditions)})", *values)
    return rows.among("state", filter.states) if filter.states else rows


def _whatever_state(scope: Scope, filter: TaskFilter, at: datetime | None, searched: Search | None, ids: range) -> TaskRows:
    rows = EVERY_ROW
    if filter.name is not None:
        rows = rows.which(*_like("name", filter.name))
    if filter.worker is not None:
        rows = rows.which(*_like("worker", filter.worker))
    if filter.uuids:
        rows = rows.which(*_with_uuids(scope, filter.uuids))
    if filter.root is not None:
        rows = rows.which(*_below(scope, filter.root))
    if filter.parent is not None:
        rows = rows.which("parent_id = %s AND uuid <> %s", filter.parent, filter.parent)
    if filter.start is not None:
        rows = rows.which("first_seen_at >= %s", moment(filter.start))
    if ends := [end for end in (filter.end, at) if end is not None]:
        rows = rows.which("first_seen_at < %s", moment(min(ends)))
    if searched is not None:
        ids = range(max(ids.start, searched.window.start), min(ids.stop, searched.window.stop))
        rows = _without(within_bounds(rows, filter), filter)
        rows = rows if searched.ids is None else rows.which(*with_ids(searched.ids).conditions)
    return in_place(rows, scope, filter.broker, filter.vhost, _ids_between(filter, at, ids))


def _without(rows: TaskRows, filter: TaskFilter) -> TaskRows:
    """Those without what is left out; what is unknown has no value that could be."""
    for column, value in filter.without:
        if column == "queue":
            for where, parameter in _in_queue(value):
                rows = rows.which(f"({where}) IS NOT TRUE", parameter)
        else:
            condition, *values = _like(column, value)
            rows = rows.which(f"({condition}) IS NOT TRUE", *values)
    return rows


def _ids_between(filter: TaskFilter, at: datetime | None, ids: range) -> range:
    """Those of these ids that tasks first seen in the filter's time can have."""
    first, end = ids.start, ids.stop
    if filter.start is not None:
        first = max(first, first_id(filter.start - DISORDER))
    if ends := [moment for moment in (filter.end, at) if moment is not None]:
        end = min(end, first_id(min(ends) + DISORDER))
    return range(first, max(first, end))


def in_place(rows: TaskRows, scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, ids: range = ALL_IDS) -> TaskRows:
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


def _like(column: str, pattern: str) -> tuple[Any, ...]:
    """The condition of the tasks whose name or worker node is this, or fits it where it has `*` for anything. Both are few beside tasks, and the index leads
    from one to the next; where they are not, each task is compared."""
    if "*" not in pattern:
        return f"{column} = %s", pattern
    known = _distinct(column, pattern.split("*")[0], NAMES_LOOKED_AT)
    if len(known) >= NAMES_LOOKED_AT:
        return fits(column), as_operand(pattern, one="")
    like = [name for name in known if name_fits(pattern, name)]
    return (f"{column} IN ({', '.join(['%s'] * len(like))})", *like) if like else ("1 = 0",)


def _in_queue(name: str) -> list[tuple[str, str]]:
    """The conditions, each with its value, of the tasks that are in the queue, no task by two of them. The sets of queues that copies are in are few beside
    tasks, as names are."""
    sets = [each for each in _distinct("queues", "", QUEUE_SETS_LOOKED_AT) if name in json.loads(each)]
    return [("queue = %s", name), *(("queues = %s", each) for each in sets)]


def first_id(moment: datetime) -> int:
    """The id of the first task seen from a moment on; larger than any if there is none."""
    found = Task.objects.filter(first_seen_at__gte=moment).order_by("first_seen_at", "pk").values_list("pk", flat=True).first()
    return _AFTER_ALL if found is None else found


def where_seen(scope: Scope, broker: int | None = None) -> TaskRows:
    """Those of the virtual hosts with events: the index of uuids begins with broker and virtual host, hence they are named."""
    where, parameters = place_where(EVERYTHING, broker)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT broker_id, vhost FROM workers_eventsource WHERE {where}", parameters)  # noqa: S608
        sources = cursor.fetchall()
    return in_view(EVERY_ROW, scope).among("broker_id", {broker_id for broker_id, _ in sources}).among("vhost", {vhost for _, vhost in sources})


def _below(scope: Scope, root: str) -> tuple[Any, ...]:
    """The condition of the task with this uuid and of those that name it as their root, which has an index."""
    itself = where_seen(scope).which("uuid = %s", root)
    below = "SELECT id FROM workers_task WHERE root_id = %s AND parent_id IS NOT NULL"
    return (f"workers_task.id IN ({below} UNION ALL {itself.select('id')})", root, *itself.parameters)


def _with_uuids(scope: Scope, uuids: Sequence[str]) -> tuple[Any, ...]:
    """The condition of the tasks with these uuids, which are read by their index."""
    there = where_seen(scope).among("uuid", uuids)
    return (f"workers_task.id IN ({there.select('id')})", *there.parameters)


def names(scope: Scope, prefix: str, limit: int) -> list[str]:
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
