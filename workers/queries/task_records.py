"""Tasks as the receiver keeps them in memory, loaded from their rows. Raw SQL, as for writing: it loads thousands a second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from brokers.database.engine import contains, is_postgresql, unindexed
from workers.receiving.task_order import Moment
from workers.receiving.task_state import TaskRecord
from workers.task_queue import stored_queue

AT_ONCE = 1000
PAIRS_AT_ONCE = 200
_decode = msgspec.json.Decoder(list[Moment]).decode
_LOADED = (
    "uuid", "first_seen_at", "state", "last_seen_state", "unknown_reason", "revoked_by", "name", "worker", "sender", "sent_queue", "exchange", "routing_key",
    "sent_at", "received_at", "started_at", "ended_at", "eta", "expires", "runtime_seconds", "retries", "parent_id", "root_id", "tries", "moments_left_out",
    "queue", "queues", "queue_source", "queue_reason", "limit_seconds", "limit_kind",
    "state_source", "state_source_at",
)  # fmt: skip
_MOMENTS = ("first_seen_at", "sent_at", "received_at", "started_at", "ended_at", "eta", "expires")
_COLUMNS = ", ".join(_LOADED)


def load_tasks(broker_id: int, vhost: str, uuids: Sequence[str]) -> dict[str, TaskRecord]:
    """Those of the tasks that are stored, as memory keeps them (without their long texts)."""
    found: dict[str, TaskRecord] = {}
    for start in range(0, len(uuids), AT_ONCE):
        chunk = uuids[start : start + AT_ONCE]
        if is_postgresql():  # a list of a thousand texts would take it longer to read than to find
            found |= _load("broker_id = %s AND vhost = %s AND uuid = ANY(%s)", (broker_id, vhost, list(chunk)))
            continue
        found |= _load(f"broker_id = %s AND vhost = %s AND uuid IN ({', '.join(['%s'] * len(chunk))})", (broker_id, vhost, *chunk))
    return found


def load_open_tasks(broker_id: int, vhost: str, worker: str, most: int) -> dict[str, TaskRecord]:
    """The tasks that a worker has according to their rows, the oldest first, at most `most`."""
    return _load(f"{_OPEN} AND worker = %s ORDER BY id LIMIT {most:d}", (broker_id, vhost, worker))


def load_orphaned_tasks(broker_id: int, vhost: str, workers: Sequence[str], reason: str, most: int) -> dict[str, TaskRecord]:
    """The tasks of these workers that are UNKNOWN and whose reason contains this text, the newest first, at most `most`. One query for many workers,
    since each reads all tasks that are UNKNOWN."""
    if not workers:
        return {}
    names = ", ".join(["%s"] * len(workers))
    there = f"{unindexed('worker')} IN ({names}) AND {unindexed('broker_id')} = %s AND {unindexed('vhost')} = %s"
    where = f"state = 'UNKNOWN' AND {there} AND {contains('unknown_reason')} ORDER BY id DESC"
    return _load(f"{where} LIMIT {most:d}", (*workers, broker_id, vhost, reason))


def load_tasks_sent(broker_id: int, vhost: str, since: float, pairs: Sequence[tuple[str, str]], most: int) -> dict[str, TaskRecord]:
    """The tasks first seen since then that were sent to one of these exchanges with its routing key, or to any if none is given; the newest, at most `most`."""
    found: dict[str, TaskRecord] = {}
    for start in range(0, max(len(pairs), 1), PAIRS_AT_ONCE):
        chunk = pairs[start : start + PAIRS_AT_ONCE]
        where = f" AND ({' OR '.join(['(exchange = %s AND routing_key = %s)'] * len(chunk))})" if chunk else ""
        parameters = (broker_id, vhost, datetime.fromtimestamp(max(since, 0.0), UTC), *(text for pair in chunk for text in pair))
        found |= _load(f"{_there()} AND first_seen_at >= %s{where} ORDER BY first_seen_at DESC LIMIT {most - len(found):d}", parameters)
    return found


def load_tasks_received(broker_id: int, vhost: str, worker: str, since: float, most: int) -> dict[str, TaskRecord]:
    """The tasks that the worker received since then, as far as they are the newest it had; at most `most`."""
    found = _load(f"{_there()} AND worker = %s ORDER BY id DESC LIMIT {most:d}", (broker_id, vhost, worker))
    return {uuid: record for uuid, record in found.items() if record.received_at is not None and record.received_at >= since}


def workers_with_open_tasks(broker_id: int, vhost: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT worker FROM workers_task WHERE {_OPEN} AND worker IS NOT NULL", (broker_id, vhost))  # noqa: S608  (constants)
        return [worker for (worker,) in cursor.fetchall()]


def _there() -> str:
    return f"{unindexed('broker_id')} = %s AND {unindexed('vhost')} = %s"


_OPEN = "broker_id = %s AND vhost = %s AND state IN ('RECEIVED', 'STARTED')"


def _load(where: str, parameters: Sequence[Any]) -> dict[str, TaskRecord]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM workers_task WHERE {where}", parameters)  # noqa: S608  (names of our own model)
        return {row[0]: _record(row) for row in cursor.fetchall()}


def _record(row: Sequence[Any]) -> TaskRecord:
    """With exactly the types that events give it."""
    values = dict(zip(_LOADED, row, strict=True))
    values["runtime"] = values.pop("runtime_seconds")
    found = stored_queue(*(values.pop(name) for name in ("queue", "queues", "queue_source", "queue_reason")))
    values["queue"] = values.pop("sent_queue")
    limit = values.pop("limit_seconds"), values.pop("limit_kind")
    values["limit"] = None if limit[0] is None else limit
    source, source_at = values.pop("state_source"), _seconds(values.pop("state_source_at"))
    values["source"] = None if source is None or source_at is None else (source, source_at)
    for name in _MOMENTS:
        values[name] = _seconds(values[name])
    return TaskRecord(
        left_out=values.pop("moments_left_out"), moments=_decode(values.pop("tries")), found=found, stored=True,
        stored_state=values["state"], indexed=values["name"] is not None, **values,
    )  # fmt: skip


def _seconds(moment: datetime | None) -> float | None:
    """Cursors of Django give moments without their zone, which is UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()
