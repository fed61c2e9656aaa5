"""Tasks written to PostgreSQL: a COPY into a staging table of the connection, and from there one statement for the new ones and one for the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from workers import task_words
from workers.receiving.task_state import TaskRecord
from workers.store import task_counts
from workers.store.task_columns import COLUMNS, DETAILS, FOUND, KEY, LATER, TABLE, later_values, row_values, settings
from workers.store.task_days import ids_of

_STAGING = "workers_task_incoming"
_LATER, _CHANGED, _ADDED = 0, 1, 2
_MAKE = (
    f"CREATE TEMP TABLE IF NOT EXISTS {_STAGING} ON COMMIT DELETE ROWS AS "  # noqa: S608  (names of our own model, here and below)
    f"SELECT {', '.join(COLUMNS)}, NULL::tsvector AS words, 0 AS kind FROM {TABLE} WITH NO DATA"
)
_SAME = " AND ".join(f"{TABLE}.{name} = {_STAGING}.{name}" for name in KEY)
_IN_DAYS = f"{TABLE}.id >= %s AND {TABLE}.id < %s"  # only the partitions of the batch's tasks are looked into
_INSERT = (
    f"WITH added AS (INSERT INTO {TABLE} (id, {', '.join(COLUMNS)}) SELECT hareline_task_id(first_seen_at), {', '.join(COLUMNS)} FROM {_STAGING} "  # noqa: S608
    f"WHERE kind = {_ADDED} RETURNING id, uuid) INSERT INTO workers_task_words (task_id, words) "
    f"SELECT added.id, {_STAGING}.words FROM added JOIN {_STAGING} ON {_STAGING}.uuid = added.uuid "
    f"WHERE {_STAGING}.words IS NOT NULL ON CONFLICT (task_id) DO NOTHING"
)
_THERE = f"SELECT {_STAGING}.uuid, {TABLE}.state FROM {_STAGING} JOIN {TABLE} ON {_SAME} WHERE kind = {_ADDED}"  # noqa: S608
_NOT_THERE = f"SELECT uuid FROM {_STAGING} WHERE kind = %s AND NOT EXISTS (SELECT 1 FROM {TABLE} WHERE {_SAME})"  # noqa: S608
_TURN = f"UPDATE {_STAGING} SET kind = %s WHERE uuid = ANY(%s)"  # noqa: S608
_UPDATE = f"UPDATE {TABLE} SET {settings(LATER, f'{_STAGING}.{{}}')} FROM {_STAGING} WHERE kind = {_LATER} AND {_SAME}"  # noqa: S608
_UPDATE_ALL = f"UPDATE {TABLE} SET {settings(LATER + DETAILS + FOUND, f'{_STAGING}.{{}}')} FROM {_STAGING} WHERE kind = {_CHANGED} AND {_SAME}"  # noqa: S608
_TEXTS = f"SELECT id, name, exception, args, kwargs FROM {TABLE} WHERE broker_id = %s AND vhost = %s AND uuid = ANY(%s) AND name IS NOT NULL"  # noqa: S608
_WORDS_AGAIN = "INSERT INTO workers_task_words (task_id, words) VALUES (%s, %s) ON CONFLICT (task_id) DO UPDATE SET words = excluded.words"
_WHOLE = (*COLUMNS, "words", "kind")
_PART = (*LATER, *KEY, "kind")


def save(broker_id: int, vhost: str, added: Sequence[TaskRecord], later: Sequence[TaskRecord], again: Sequence[str], at: str | None) -> None:
    """Upserts the `added`, updates what later events change of the others, and writes the words of those with the uuids `again` from their rows.

    Within the caller's transaction. No uuid may be there twice.
    """
    before: dict[str, str | None] = {}
    untouched: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute(_MAKE)
        if added:
            _copy(cursor, _WHOLE, ((*row_values(one, broker_id, vhost, at), _words(one), _CHANGED if one.stored else _ADDED) for one in added))
            before = _put(cursor, added, ids_of(added))
        if later:
            _copy(cursor, _PART, ((*later_values(record, at), broker_id, vhost, record.uuid, _LATER) for record in later))
            if _update(cursor, _UPDATE, ids_of(later), len(later)) < len(later):
                untouched = _uuids(cursor, _NOT_THERE, [_LATER])
        cursor.execute(f"DELETE FROM {_STAGING}")  # noqa: S608  (a part of a batch may follow in the same transaction)
        if again:
            cursor.execute(_TEXTS, (broker_id, vhost, list(again)))
            cursor.executemany(_WORDS_AGAIN, [(key, task_words.vector(*texts)) for key, *texts in cursor.fetchall()])
    task_counts.add(broker_id, vhost, task_counts.differences((*added, *later), before, untouched))


def _update(cursor: Any, statement: str, ids: tuple[int, int], expected: int) -> int:
    """How many rows were updated: those in the partitions of the tasks' days, or, where these are not all, wherever they are."""
    cursor.execute(f"{statement} AND {_IN_DAYS}", ids)
    if cursor.rowcount < expected:
        cursor.execute(statement)
    return int(cursor.rowcount)


def _put(cursor: Any, added: Sequence[TaskRecord], ids: tuple[int, int]) -> dict[str, str | None]:
    """Inserts the staged rows, or updates those that are there; the states that rows had where memory expected another."""
    before: dict[str, str | None] = {}
    stored = sum(record.stored for record in added)
    if stored < len(added):
        unread = any(record.unread for record in added)  # its row may be of any day; else memory has looked for it a moment ago
        cursor.execute(_THERE if unread else f"{_THERE} AND {_IN_DAYS}", () if unread else ids)
        before = dict(cursor.fetchall())
        if before:
            cursor.execute(_TURN, [_CHANGED, list(before)])
    if (stored or before) and _update(cursor, _UPDATE_ALL, ids, stored + len(before)) < stored + len(before):  # retention deleted them meanwhile
        gone = _uuids(cursor, _NOT_THERE, [_CHANGED])
        cursor.execute(_TURN, [_ADDED, list(gone)])
        before |= dict.fromkeys(gone)
    cursor.execute(_INSERT)
    return before


def _uuids(cursor: Any, query: str, parameters: Sequence[Any]) -> set[str]:
    cursor.execute(query, parameters)
    return {uuid for (uuid,) in cursor.fetchall()}


def _copy(cursor: Any, columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {_STAGING} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _words(record: TaskRecord) -> str | None:
    return task_words.vector(record.name, record.exception, record.args, record.kwargs) if record.name and not record.stored else None
