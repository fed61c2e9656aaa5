"""Writes tasks: one row each, in batches, within the transaction of the receiver's round.

Raw SQL, since the ORM's bulk_create is two to three times slower. A task that is stored already gets an UPDATE of what events after its
receipt change, which leaves the other indexes alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F, Max, Min, Q

from workers.models import Task
from workers.receiving.orphaned_tasks import OPEN
from workers.receiving.task_fields import HEAVY
from workers.receiving.task_order import UNKNOWN
from workers.receiving.task_state import TaskRecord

AT_ONCE = 1000
WORDS_LENGTH = 2000
_MOST_DELETED, _DELETED_AT_ONCE = 40_000, 500
_DETAILS = ("name", "args", "kwargs", "root_id", "parent_id", "sent_queue", "exchange", "routing_key", "eta", "expires", "worker", "sender")
_FOUND = ("queue", "queues", "queue_source", "queue_reason")
_LATER = (
    "state", "last_seen_state", "unknown_reason", "revoked_by", "sent_at", "received_at", "started_at", "ended_at", "runtime_seconds",
    "retries", "result", "exception", "traceback", "tries", "moments_left_out", "changed_at",
)  # fmt: skip
_KEY = ("broker_id", "vhost", "uuid")
_TABLE = "workers_task"


def _settings(columns: Iterable[str], value: str) -> str:
    """The columns set to `value`, in which {} is the column's name; long texts stay as they are where there is no new one, and "" removes them."""
    values = {name: value.format(name) for name in columns}
    return ", ".join(f"{name} = NULLIF(COALESCE({new}, {_TABLE}.{name}), '')" if name in HEAVY else f"{name} = {new}" for name, new in values.items())


_COLUMNS = (*_LATER, *_DETAILS, *_FOUND, "first_seen_at", *_KEY)
_HEAVY_PLACES = tuple(_COLUMNS.index(name) for name in HEAVY)
_UPSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "  # noqa: S608  (names of our own model, here and below)
    f"ON CONFLICT (broker_id, vhost, uuid) DO UPDATE SET {_settings(_LATER + _DETAILS + _FOUND, 'excluded.{}')}"
)
_UPDATE = f"UPDATE {_TABLE} SET {_settings(_LATER, '%s')} WHERE broker_id = %s AND vhost = %s AND uuid = %s"  # noqa: S608
_WORDS = "substr(coalesce(name, '') || ' ' || coalesce(exception, '') || ' ' || coalesce(args, '') || ' ' || coalesce(kwargs, ''), 1, %s)"
_INDEX_AGAIN = (
    f"INSERT OR REPLACE INTO workers_task_words (rowid, words) SELECT id, {_WORDS} FROM {_TABLE} "  # noqa: S608
    "WHERE broker_id = %s AND vhost = %s AND uuid IN ({}) AND name IS NOT NULL"
)
_INDEX_NEW = f"INSERT OR REPLACE INTO workers_task_words (rowid, words) SELECT id, {_WORDS} FROM {_TABLE} WHERE id > %s AND name IS NOT NULL"  # noqa: S608


def save_tasks(broker_id: int, vhost: str, records: Sequence[TaskRecord], now: datetime) -> None:
    """Inserts or updates the rows, and what is searched for. Within the caller's transaction, which no other writer shares."""
    if not records:
        return
    at = _text(now.timestamp())
    added = [record for record in records if not record.stored or record.details_changed]
    later = [record for record in records if record.stored and not record.details_changed]
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM workers_task")
        last_id = cursor.fetchone()[0]
        for start in range(0, len(added), AT_ONCE):
            cursor.executemany(_UPSERT, [_row(record, broker_id, vhost, at) for record in added[start : start + AT_ONCE]])
        for start in range(0, len(later), AT_ONCE):
            cursor.executemany(_UPDATE, [(*_later(record, at), broker_id, vhost, record.uuid) for record in later[start : start + AT_ONCE]])
        cursor.execute(_INDEX_NEW, (WORDS_LENGTH, last_id))
        again = [record.uuid for record in records if record.stored and (record.exception is not None or (record.name and not record.indexed))]
        for start in range(0, len(again), AT_ONCE):
            uuids = again[start : start + AT_ONCE]
            cursor.execute(_INDEX_AGAIN.format(", ".join(["%s"] * len(uuids))), (WORDS_LENGTH, broker_id, vhost, *uuids))


def mark_tasks_unknown(broker_id: int, vhost: str, reason: str, now: datetime) -> None:
    """Mark every open task of a virtual host as UNKNOWN, because the virtual host is gone from the broker."""
    rows = Task.objects.filter(broker_id=broker_id, vhost=vhost, state__in=OPEN)
    rows.update(last_seen_state=F("state"), state=UNKNOWN, unknown_reason=reason, changed_at=now)


def _row(record: TaskRecord, broker_id: int, vhost: str, at: str | None) -> tuple[Any, ...]:
    details = (
        record.name, record.args, record.kwargs, record.root_id, record.parent_id, record.queue, record.exchange, record.routing_key,
        _text(record.eta), _text(record.expires), record.worker, record.sender,
    )  # fmt: skip
    found = record.found
    queue = (None,) * len(_FOUND) if found is None else (found.only, found.several, found.source, found.reason)
    row = [*_later(record, at), *details, *queue, _text(record.first_seen_at), broker_id, vhost, record.uuid]
    if not record.stored:  # nothing to remove: an update would leave NULL
        for place in _HEAVY_PLACES:
            row[place] = row[place] or None
    return tuple(row)


def _later(record: TaskRecord, at: str | None) -> tuple[Any, ...]:
    return (
        record.state, record.last_seen_state, record.unknown_reason, record.revoked_by, _text(record.sent_at), _text(record.received_at),
        _text(record.started_at), _text(record.ended_at), record.runtime, record.retries, record.result, record.exception, record.traceback,
        _encode(record.moments).decode(), record.left_out, at,
    )  # fmt: skip


_encode = msgspec.json.Encoder().encode


@functools.lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}"


def _text(at: float | None) -> str | None:
    """A moment as Django stores it in SQLite, written without a datetime, since millions are."""
    if at is None:
        return None
    microseconds = round(at * 1_000_000)
    return f"{_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}"


def trim_tasks(now: datetime, days: float, most: int) -> int:
    """How many tasks were deleted: those first seen more than `days` ago, and beyond the newest `most`. At most 40,000 a call, in short transactions."""
    oldest = now - timedelta(days=days)
    first, last = _ends()
    surplus_to = last - most if last - first >= most else 0  # ids have gaps, so this keeps `most` at the most
    deleted = 0
    while deleted < _MOST_DELETED:
        keys = list(Task.objects.filter(Q(first_seen_at__lt=oldest)).order_by("first_seen_at").values_list("pk", flat=True)[:_DELETED_AT_ONCE])
        keys = keys or list(Task.objects.filter(pk__lte=surplus_to).order_by("pk").values_list("pk", flat=True)[:_DELETED_AT_ONCE])
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
        cursor.executemany("DELETE FROM workers_task_words WHERE rowid = %s", keys)
        cursor.executemany("DELETE FROM workers_task WHERE id = %s", keys)
