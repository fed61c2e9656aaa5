"""Writes tasks: one row each, in batches, within the transaction of the receiver's round.

Raw SQL, since the ORM's bulk_create is two to three times slower; on PostgreSQL a COPY (`copied_tasks`). A task that is stored already gets an
UPDATE of what events after its receipt change, which leaves the other indexes of SQLite alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import repeat
from operator import is_not
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Min, QuerySet

from brokers.database import engine
from workers.models import Task
from workers.receiving.orphaned_tasks import OPEN
from workers.receiving.task_order import UNKNOWN
from workers.receiving.task_state import TaskRecord
from workers.store import copied_tasks, task_counts, task_days
from workers.store.task_columns import COLUMNS, DETAILS, FOUND, KEY, LATER, TABLE, later_values, moment_text, row_values, settings
from workers.task_words import WORDS_LENGTH

AT_ONCE = 1000
_MOST_DELETED, _DELETED_AT_ONCE = 40_000, 500
_UPDATED = (*LATER, *KEY)
_WORDS = "substr(coalesce(name, '') || ' ' || coalesce(exception, '') || ' ' || coalesce(args, '') || ' ' || coalesce(kwargs, ''), 1, %s)"
_INDEX_AGAIN = (
    f"INSERT OR REPLACE INTO workers_task_words (rowid, words) SELECT id, {_WORDS} FROM {TABLE} "  # noqa: S608
    "WHERE broker_id = %s AND vhost = %s AND uuid IN ({}) AND name IS NOT NULL"
)
_INDEX_NEW = f"INSERT OR REPLACE INTO workers_task_words (rowid, words) SELECT id, {_WORDS} FROM {TABLE} WHERE id > %s AND name IS NOT NULL"  # noqa: S608


def save_tasks(broker_id: int, vhost: str, records: Sequence[TaskRecord], now: datetime) -> None:
    """Inserts or updates the rows, and what is searched for. Within the caller's transaction."""
    if not records:
        return
    at = moment_text(now.timestamp())
    added = [record for record in records if not record.stored or record.details_changed]
    later = [record for record in records if record.stored and not record.details_changed]
    again = [record.uuid for record in records if record.stored and (record.exception is not None or (record.name and not record.indexed))]
    if engine.is_postgresql():
        copied_tasks.save(broker_id, vhost, added, later, again, at)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM workers_task")
        last_id = cursor.fetchone()[0]
        for start in range(0, len(added), AT_ONCE):
            places, rows = _with_values([row_values(record, broker_id, vhost, at) for record in added[start : start + AT_ONCE]])
            cursor.executemany(_upsert(places), rows)
        updated = 0
        for start in range(0, len(later), AT_ONCE):
            places, rows = _with_values([(*later_values(record, at), broker_id, vhost, record.uuid) for record in later[start : start + AT_ONCE]])
            cursor.executemany(_update(places), rows)
            updated += cursor.rowcount
        inserted = _inserted(cursor, last_id, sum(not record.stored for record in added))
        missing = _missing(cursor, broker_id, vhost, later) if updated < len(later) else ()
        cursor.execute(_INDEX_NEW, (WORDS_LENGTH, last_id))
        for start in range(0, len(again), AT_ONCE):
            uuids = again[start : start + AT_ONCE]
            cursor.execute(_INDEX_AGAIN.format(", ".join(["%s"] * len(uuids))), (WORDS_LENGTH, broker_id, vhost, *uuids))
    _count(broker_id, vhost, added, later, inserted, missing)


def _inserted(cursor: Any, last_id: int, expected: int) -> Collection[str] | None:
    """The uuids of the rows that are new; None if these are as many as memory expected."""
    cursor.execute("SELECT count(*) FROM workers_task WHERE id > %s", [last_id])
    if cursor.fetchone()[0] == expected:
        return None
    cursor.execute("SELECT uuid FROM workers_task WHERE id > %s", [last_id])
    return {uuid for (uuid,) in cursor.fetchall()}


def _missing(cursor: Any, broker_id: int, vhost: str, records: Sequence[TaskRecord]) -> Collection[str]:
    """The uuids of those without a row."""
    found = {record.uuid for record in records}
    for start in range(0, len(records), AT_ONCE):
        uuids = [record.uuid for record in records[start : start + AT_ONCE]]
        among = ", ".join(["%s"] * len(uuids))
        cursor.execute(f"SELECT uuid FROM {TABLE} WHERE broker_id = %s AND vhost = %s AND uuid IN ({among})", (broker_id, vhost, *uuids))  # noqa: S608
        found.difference_update(uuid for (uuid,) in cursor.fetchall())
    return found


def _count(
    broker_id: int, vhost: str, added: Sequence[TaskRecord], later: Sequence[TaskRecord], inserted: Collection[str] | None, missing: Collection[str]
) -> None:  # fmt: skip
    """Memory knows what the rows were, but for those that retention deleted meanwhile, and for rows that it could not read: their states are counted again
    by maintenance."""
    before, untouched = {}, set(missing)
    if inserted is not None:
        before = {record.uuid: None for record in added if record.stored and record.uuid in inserted}
        untouched |= {record.uuid for record in added if not record.stored and record.uuid not in inserted}
    task_counts.add(broker_id, vhost, task_counts.differences((*added, *later), before, untouched))


def _with_values(rows: Sequence[Sequence[Any]]) -> tuple[tuple[int, ...], list[tuple[Any, ...]]]:
    """Without the columns in which no row has a value, and the places of the others: sqlite3 takes longer to pass a None than a text."""
    columns = list(zip(*rows, strict=True))
    places = tuple(place for place, values in enumerate(columns) if any(map(is_not, values, repeat(None))))
    return places, list(zip(*(columns[place] for place in places), strict=True))


@lru_cache(maxsize=256)
def _upsert(places: tuple[int, ...]) -> str:
    """A row with values in these places of COLUMNS, and NULL elsewhere."""
    names = [COLUMNS[place] for place in places]
    return (
        f"INSERT INTO {TABLE} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "  # noqa: S608  (names of our own model, here and below)
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {settings(LATER + DETAILS + FOUND, 'excluded.{}')}"
    )


@lru_cache(maxsize=256)
def _update(places: tuple[int, ...]) -> str:
    """As `_upsert`, of LATER and, at last, the key."""
    given = [_UPDATED[place] for place in places][: -len(KEY)]
    changed = [settings([name], "%s" if name in given else "NULL") for name in LATER]
    return f"UPDATE {TABLE} SET {', '.join(changed)} WHERE broker_id = %s AND vhost = %s AND uuid = %s"  # noqa: S608


def mark_tasks_unknown(broker_id: int, vhost: str, reason: str, now: datetime) -> None:
    """Mark every open task of a virtual host as UNKNOWN, because the virtual host is gone from the broker."""
    where = f"broker_id = %s AND vhost = %s AND state IN ({', '.join(['%s'] * len(OPEN))})"
    with transaction.atomic():
        changes: Counter[tuple[int, str]] = task_counts.of_rows(where, (broker_id, vhost, *OPEN), locked=True).get((broker_id, vhost), Counter())
        rows = Task.objects.filter(broker_id=broker_id, vhost=vhost, state__in=OPEN)
        rows.update(last_seen_state=F("state"), state=UNKNOWN, unknown_reason=reason, changed_at=now)
        marked: Counter[tuple[int, str]] = Counter()
        for (day, state), count in changes.items():
            marked[day, state] -= count
            marked[day, UNKNOWN] += count
        task_counts.add(broker_id, vhost, marked)


def trim_tasks(now: datetime, days: float, most: int) -> int:
    """How many tasks were deleted: those first seen more than `days` ago, and beyond the newest `most`. At most 40,000 a call, in short transactions.

    PostgreSQL drops whole days, once all of a day is old: what is left is deleted so only from before there were partitions, and beyond `most`.
    """
    oldest = now - timedelta(days=days)
    if engine.is_postgresql():
        dropped = task_days.drop_old(oldest, most)
        deleted = _delete_first(Task.objects.filter(first_seen_at__lt=oldest, pk__lt=task_days.first_in_days()).order_by("first_seen_at"), _MOST_DELETED)
        return dropped + deleted + _delete_first(Task.objects.order_by("pk"), min(task_days.total() - most, _MOST_DELETED - deleted))
    first, last = _ends()
    surplus_to = last - most if last - first >= most else 0  # ids have gaps, so this keeps `most` at the most
    deleted = _delete_first(Task.objects.filter(first_seen_at__lt=oldest).order_by("first_seen_at"), _MOST_DELETED)
    return deleted + _delete_first(Task.objects.filter(pk__lte=surplus_to).order_by("pk"), _MOST_DELETED - deleted)


def _delete_first(rows: QuerySet[Task], most: int) -> int:
    """How many of the rows were deleted, in their order: all, or `most`."""
    deleted = 0
    while deleted < most:
        keys = list(rows.values_list("pk", flat=True)[: min(_DELETED_AT_ONCE, most - deleted)])
        if not keys:
            break
        _delete_tasks(keys)
        deleted += len(keys)
    return deleted


def _ends() -> tuple[int, int]:
    found = Task.objects.aggregate(Min("pk"), Max("pk"))
    return found["pk__min"] or 0, found["pk__max"] or 0


def _delete_tasks(ids: Sequence[int]) -> None:
    """With what is searched for of them."""
    keys = [(key,) for key in ids]
    with transaction.atomic(), connection.cursor() as cursor:
        gone = task_counts.of_rows(f"id IN ({', '.join(map(str, ids))})", (), locked=True)
        if engine.is_postgresql():
            cursor.execute("DELETE FROM workers_task_words WHERE task_id = ANY(%s)", [list(ids)])
            cursor.execute("DELETE FROM workers_task WHERE id = ANY(%s)", [list(ids)])
        else:
            cursor.executemany("DELETE FROM workers_task_words WHERE rowid = %s", keys)
            cursor.executemany("DELETE FROM workers_task WHERE id = %s", keys)
        for (broker_id, vhost), counts in gone.items():
            task_counts.add(broker_id, vhost, {cell: -count for cell, count in counts.items()})
