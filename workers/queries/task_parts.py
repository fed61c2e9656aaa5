"""Counting and ordering tasks that match, in parts of which each is in the order of an index; bounded, however many match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from workers.models import Task
from workers.queries.task_cursors import Cursor

COUNTED = 10_000


def counted(parts: Iterable[QuerySet[Task]]) -> int:
    """How many there are, 10,001 if more. The newest first, since those of a place may all be new; of all tasks in no order, in the narrowest index."""
    total = 0
    for part in parts:
        rows = part.order_by("-id") if part.query.where else part.order_by()
        total += rows.values("pk")[: COUNTED + 1 - total].count()
        if total > COUNTED:
            break
    return total


def first_ids(parts: Iterable[QuerySet[Task]], newest_first: bool, most: int) -> list[int]:
    """The ids of the first of all parts together, at most `most`."""
    lists = [list(one.order_by("-id" if newest_first else "id").values_list("pk", flat=True)[:most]) for one in parts]
    return lists[0] if len(lists) == 1 else list(islice(merge(*lists, reverse=newest_first), most))


def sorted_ids(parts: Iterable[QuerySet[Task]], field: str, descending: bool, start: int, size: int, cursor: Cursor | None = None) -> dict[int, Any]:
    """{id: value} from `start` on of the newest 10,000, sorted by a field, unknown values last and equal ones by age, the newest first.
    With a cursor: of those after it, or before it, the nearest first."""
    newest, params = [], []
    for number, part in enumerate(parts):
        try:
            one, values = part.order_by("-id").values("pk", field)[:COUNTED].query.sql_with_params()
        except EmptyResultSet:
            continue
        newest.append(f"SELECT pk, {field} AS value FROM ({one}) AS part_{number}")  # noqa: S608
        params += values
    if not newest:
        return {}
    where, more, order = ("", [], _order(descending, False)) if cursor is None else _beyond(cursor, descending)
    with connection.cursor() as database:
        database.execute(
            f"SELECT pk, value FROM ({' UNION ALL '.join(newest)} ORDER BY pk DESC LIMIT {COUNTED}) AS newest {where} "  # noqa: S608  (names of our own model)
            f"ORDER BY {order} LIMIT {size:d} OFFSET {start:d}",
            [*params, *more],
        )
        return dict(database.fetchall())


def _order(descending: bool, backwards: bool) -> str:
    if backwards:
        return f"value {'ASC' if descending else 'DESC'} NULLS FIRST, pk ASC"
    return f"value {'DESC' if descending else 'ASC'} NULLS LAST, pk DESC"


def _beyond(cursor: Cursor, descending: bool) -> tuple[str, list[Any], str]:
    """The condition of the rows beyond the cursor's, its parameters, and the order from there on."""
    order, before = _order(descending, cursor.backwards), cursor.backwards
    if cursor.value is None:
        return f"WHERE {'value IS NOT NULL OR pk > %s' if before else 'value IS NULL AND pk < %s'}", [cursor.pk], order
    further = ">" if descending is before else "<"
    unknown = "" if before else " OR value IS NULL"
    return f"WHERE value {further} %s OR (value = %s AND pk {'>' if before else '<'} %s){unknown}", [cursor.value, cursor.value, cursor.pk], order


def counts_of(rows: QuerySet[Task], states: Sequence[str]) -> list[int]:
    """How many of the rows are in each state, each counted to 10,000 at most, by one statement."""
    try:
        one, params = rows.filter(state=_ANY_STATE).values("pk")[:COUNTED].query.sql_with_params()
    except EmptyResultSet:
        return [0] * len(states)
    place = params.index(_ANY_STATE)
    query = " UNION ALL ".join(f"SELECT {number} AS place, COUNT(*) FROM ({one}) AS tasks_{number}" for number in range(len(states)))  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY place", [value for state in states for value in (*params[:place], state, *params[place + 1 :])])
        return [count for _, count in cursor.fetchall()]


_ANY_STATE = "any state"  # stands for each of them
