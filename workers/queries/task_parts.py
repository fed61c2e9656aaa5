"""Counting and ordering tasks that match, in parts of which each is in the order of an index; bounded, however many match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from workers.models import Task

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


def sorted_ids(parts: Iterable[QuerySet[Task]], field: str, descending: bool, start: int, size: int) -> list[int]:
    """The ids from `start` on of the newest 10,000, sorted by a field, unknown values last and equal ones by age, the newest first."""
    newest, params = [], []
    for number, part in enumerate(parts):
        try:
            one, values = part.order_by("-id").values("pk", field)[:COUNTED].query.sql_with_params()
        except EmptyResultSet:
            continue
        newest.append(f"SELECT pk, {field} AS value FROM ({one}) AS part_{number}")  # noqa: S608
        params += values
    if not newest:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pk FROM ({' UNION ALL '.join(newest)} ORDER BY pk DESC LIMIT {COUNTED}) AS newest "  # noqa: S608  (names of our own model)
            f"ORDER BY value {'DESC' if descending else 'ASC'} NULLS LAST, pk DESC LIMIT {size:d} OFFSET {start:d}",
            params,
        )
        return [pk for (pk,) in cursor.fetchall()]


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
