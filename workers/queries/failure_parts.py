"""The failures of tasks in visible queues, counted for who may view only some queues of a virtual host."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from brokers.database.engine import is_postgresql
from brokers.database.rows import read_moment
from brokers.queries.visible import where_in
from brokers.scope import Scope

LOOKED_AT = 20_000
_TO_THE_HOUR = len("2026-11-24 12")
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
    failed_at = "f.failed_at" if is_postgresql() else "CAST(f.failed_at AS text)"  # SQLite's module would make each moment by a function of Python
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT f.task_id, f.group_id, f.name, f.worker, {failed_at} FROM ({newest}) AS f JOIN workers_failuregroup g ON g.id = f.group_id "  # noqa: S608
            f"WHERE {where} ORDER BY f.task_id DESC LIMIT {most:d}",
            parameters,
        )
        rows = cursor.fetchall()
    by_group: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_group[row[1]].append(row)
    found = {}
    for key, failed in by_group.items():
        moments = Counter(row[4] if isinstance(row[4], datetime) else row[4][:_TO_THE_HOUR] for row in failed)
        hours: Counter[int] = Counter()
        for moment, count in moments.items():
            hours[int(read_moment(moment).timestamp()) // HOUR] += count
        first, last = min(row[4] for row in failed), max(row[4] for row in failed)
        names, workers = Counter(row[2] for row in failed if row[2]), Counter(row[3] for row in failed if row[3])
        task_ids = [row[0] for row in failed]
        found[key] = VisibleFailures(len(failed), read_moment(first), read_moment(last), names, workers, hours, task_ids, len(rows) >= most)
    return found
