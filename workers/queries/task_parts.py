"""Counting and ordering tasks that match, in parts of which each is in the order of an index; bounded, however many match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from django.db import connection

from workers.queries.task_cursors import Cursor
from workers.queries.task_rows import TaskRows

COUNTED = 10_000


def counted(parts: Iterable[TaskRows]) -> int:
    """How many there are, 10,001 if more. The newest first, since those of a place may all be new; of all tasks in no order, in the narrowest index."""
    total = 0
    with connection.cursor() as cursor:
        for part in parts:
            newest = part.select("id AS pk", "id DESC" if part.conditions else "", COUNTED + 1 - total)
            cursor.execute(f"SELECT COUNT(*) FROM ({newest}) AS subquery", part.parameters)  # noqa: S608  (names of our own model, here and below)
            total += cursor.fetchone()[0]
            if total > COUNTED:
                break
    return total


def first_ids(parts: Iterable[TaskRows], newest_first: bool, most: int) -> list[int]:
    """The ids of the first of all parts together, at most `most`."""
    lists = []
    with connection.cursor() as cursor:
        for part in parts:
            cursor.execute(part.select("id", "id DESC" if newest_first else "id", most), part.parameters)
            lists.append([key for (key,) in cursor.fetchall()])
    return lists[0] if len(lists) == 1 else list(islice(merge(*lists, reverse=newest_first), most))


def sorted_ids(parts: Iterable[TaskRows], field: str, descending: bool, start: int, size: int, cursor: Cursor | None = None) -> dict[int, Any]:
    """{id: value} from `start` on of the newest 10,000, sorted by a field, unknown values last and equal ones by age, the newest first.
    With a cursor: of those after it, or before it, the nearest first."""
    newest: list[str] = []
    params: list[Any] = []
    for number, part in enumerate(parts):
        newest.append(f"SELECT pk, value FROM ({part.select(f'id AS pk, {field} AS value', 'id DESC', COUNTED)}) AS part_{number}")  # noqa: S608
        params += part.parameters
    where, more, order = ("", [], _order(descending, False)) if cursor is None else _beyond(cursor, descending)
    with connection.cursor() as database:
        database.execute(
            f"SELECT pk, value FROM ({' UNION ALL '.join(newest)} ORDER BY pk DESC LIMIT {COUNTED}) AS newest {where} "  # noqa: S608
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


def counts_of(rows: TaskRows, states: Sequence[str]) -> list[int]:
    """How many of the rows are in each state, each counted to 10,000 at most, by one statement."""
    one = rows.which("state = %s").select("id", most=COUNTED)
    query = " UNION ALL ".join(f"SELECT {number} AS place, COUNT(*) FROM ({one}) AS tasks_{number}" for number in range(len(states)))  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY place", [value for state in states for value in (*rows.parameters, state)])
        return [count for _, count in cursor.fetchall()]
