"""The failures of tasks in visible queues, counted for who may view only some queues of a virtual host."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec
from django.db import connection

from brokers.database.rows import RowsOf
from brokers.queries.visible import where_in
from brokers.scope import Scope
from workers.models import FailedTask

LOOKED_AT = 20_000
_FAILED = RowsOf(FailedTask)
HOUR = 3600


class VisibleFailures(msgspec.Struct):
    """Of one group. `task_ids`: the latest first. `is_more`: as many failures were looked at as are at most."""

    count: int
    first_at: datetime
    last_at: datetime
    names: Counter[str]
    workers: Counter[str]
    hours: Counter[int]
    task_ids: list[int]
    is_more: bool = False


def visible_failures(scope: Scope, group_id: int | None = None, most: int = LOOKED_AT) -> dict[int, VisibleFailures]:
    """{group: what is visible of it} among the newest failures of all groups, or of one of them."""
    where, parameters = where_in(scope, vhost="g.vhost", queue="f.queue", broker_id="g.broker_id")
    of_group = "" if group_id is None else f"WHERE group_id = {group_id:d} "
    newest = f"SELECT * FROM workers_failedtask {of_group}ORDER BY task_id DESC LIMIT {LOOKED_AT:d}"  # noqa: S608  (whole numbers)
    columns = ", ".join(f"f.{field.column}" for field in FailedTask._meta.concrete_fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM ({newest}) AS f JOIN workers_failuregroup g ON g.id = f.group_id "  # noqa: S608  (names of our own)
            f"WHERE {where} ORDER BY f.task_id DESC LIMIT {most:d}",
            parameters,
        )
        rows = _FAILED.made(cursor.fetchall())
    found: dict[int, VisibleFailures] = {}
    for row in rows:
        one = found.get(row.group_id)
        if one is None:
            one = found[row.group_id] = VisibleFailures(0, row.failed_at, row.failed_at, Counter(), Counter(), Counter(), [])
        one.count += 1
        one.first_at, one.last_at = min(one.first_at, row.failed_at), max(one.last_at, row.failed_at)
        one.names[row.name or ""] += bool(row.name)
        one.workers[row.worker or ""] += bool(row.worker)
        one.hours[int(row.failed_at.timestamp()) // HOUR] += 1
        one.task_ids.append(row.task_id)
    for one in found.values():
        one.names, one.workers, one.is_more = +one.names, +one.workers, len(rows) >= most
    return found
