"""Which tasks a worker that is gone held, and how the latest executions of a broker's tasks ended. Bounded, however many tasks are kept."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from brokers.database.engine import is_postgresql, unindexed
from brokers.database.rows import moment, read_moment
from brokers.models import Broker
from workers.models import Worker

LOOKED_AT = 5000
LISTED = 50
_HELD = ("RECEIVED", "STARTED")
EXCEPTION_LENGTH = 160


class HeldTask(msgspec.Struct, frozen=True):
    """`state` is the last that was seen of it while the worker had it: RECEIVED or STARTED."""

    uuid: str
    name: str
    state: str
    queue: str = ""


class HeldTasks(msgspec.Struct, frozen=True):
    """`total` of them, and those seen last."""

    total: int
    tasks: tuple[HeldTask, ...]


def held_tasks(worker: Worker) -> HeldTasks:
    """The tasks that a worker has according to their rows, or had when it was last seen: of its latest 5,000 ones those that have no end and that no other
    worker has received since."""
    held = ("RECEIVED", "STARTED", "UNKNOWN")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, state FROM workers_task WHERE worker = %s ORDER BY id DESC LIMIT {LOOKED_AT:d}", [worker.hostname])  # noqa: S608  (a number)
        keys = [f"{pk:d}" for pk, state in cursor.fetchall() if state in held]
        if not keys:
            return HeldTasks(0, ())
        parameters: list[Any] = [worker.broker_id, worker.vhost]
        where = f"id IN ({', '.join(keys)}) AND broker_id = %s AND vhost = %s"
        if worker.since is not None:
            where += " AND (changed_at >= %s OR state IN ('RECEIVED', 'STARTED'))"
            parameters.append(moment(worker.heartbeat_at or worker.since))
        columns = "uuid, name, state, last_seen_state, queue"
        cursor.execute(f"SELECT {columns} FROM workers_task WHERE {where} ORDER BY id DESC", parameters)  # noqa: S608  (whole numbers)
        rows = cursor.fetchall()
    found = [HeldTask(uuid, name or "", seen or state, queue or "") for uuid, name, state, seen, queue in rows if (seen or state) in _HELD]
    return HeldTasks(len(found), tuple(found[:LISTED]))


EndedRow = tuple[int, str, str, str, str, str, datetime | None, datetime]
"""(key, virtual host, name, state, worker, beginning of the exception, ended at, changed at)."""


def ended_tasks(broker: Broker, changed_after: datetime, most: int, known: Container[int] = ()) -> list[EndedRow]:
    """The tasks of a broker that ended and whose rows changed since, the latest first: of at most so many those that are not `known`, by their keys. Written
    out, as hundreds of them are read after every poll, and moments are read as texts by SQLite, whose module makes each by a function of Python."""
    text = "{}" if is_postgresql() else "CAST({} AS text)"
    columns = f"id, vhost, name, state, worker, substr(exception, 1, {EXCEPTION_LENGTH}), {text.format('ended_at')}, {text.format('changed_at')}"
    place = f"{unindexed('broker_id')} = {broker.pk:d} AND {unindexed('state')} IN ('SUCCESS', 'FAILURE')"
    where = f"changed_at > %s AND name IS NOT NULL AND {place} ORDER BY changed_at DESC LIMIT {most:d}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM workers_task WHERE {where}", [moment(changed_after)])  # noqa: S608  (whole numbers and names of our own)
        rows = cursor.fetchall()
    return [
        (pk, vhost, name, state, worker or "", exception or "", None if ended_at is None else read_moment(ended_at), read_moment(changed_at))
        for pk, vhost, name, state, worker, exception, ended_at, changed_at in rows
        if pk not in known
    ]
