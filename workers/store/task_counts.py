"""How many tasks there are of each state, by virtual host and day: kept with each batch, in its transaction, so that no page counts them.

A batch adds its differences, which the receiver's memory knows, by one statement. `repair_counts` compares with the rows themselves.
"""

# ruff: noqa: S608  (the names in statements are those of our own models)

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import structlog
from django.db import connection, transaction

from brokers.database import engine
from workers.receiving.task_state import TaskRecord
from workers.store.task_columns import TABLE

COUNTS = "workers_taskcount"
_CELL = ("broker_id", "vhost", "day", "state")
_DAY_MICROSECONDS = 86_400_000_000
AT_ONCE = 100
_NONE: Mapping[str, str | None] = {}
log = structlog.get_logger(__name__)


@lru_cache(maxsize=64)
def day_of(first_seen_at: float) -> int:
    """The day in UTC, counted from 1970; of a moment as it is stored, to the microsecond."""
    return round(first_seen_at * 1_000_000) // _DAY_MICROSECONDS


def day_in_sql() -> str:
    """The same of a row."""
    if engine.is_postgresql():
        return "floor(extract(epoch FROM first_seen_at) / 86400)::bigint"
    return "CAST(strftime('%%s', first_seen_at) AS INTEGER) / 86400"


def differences(records: Iterable[TaskRecord], before: Mapping[str, str | None] = _NONE, untouched: Collection[str] = ()) -> Counter[tuple[int, str]]:
    """{(day, state): by how much storing these records changes it}. `before`: {uuid: the state of its row, None without one}, where memory expected
    another; `untouched`: the uuids of those that changed no row."""
    found: Counter[tuple[int, str]] = Counter()
    for record in records:
        was = record.stored_state if record.stored else None
        if before or untouched:
            was = before.get(record.uuid, was)
            if record.uuid in untouched:
                continue
        if was == record.state:
            continue
        day = day_of(record.first_seen_at)
        found[day, record.state] += 1
        if was is not None:
            found[day, was] -= 1
    return found


def add(broker_id: int, vhost: str, changes: Mapping[tuple[int, str], int]) -> None:
    """Within the transaction that stores what makes the difference."""
    rows = sorted((day, state, change) for (day, state), change in changes.items() if change)  # all in one order, so that no two wait for each other
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(part))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {COUNTS} ({', '.join(_CELL)}, tasks) VALUES {values} "
                f"ON CONFLICT ({', '.join(_CELL)}) DO UPDATE SET tasks = {COUNTS}.tasks + excluded.tasks",
                [value for day, state, change in part for value in (broker_id, vhost, day, state, change)],
            )


def of_rows(where: str, parameters: Sequence[Any], locked: bool = False) -> dict[tuple[int, str], Counter[tuple[int, str]]]:
    """{(broker, virtual host): {(day, state): how many rows}} of those that fulfil a condition; `locked`: nobody changes them until the transaction ends."""
    lock = " FOR UPDATE" if locked and engine.is_postgresql() else ""
    found: dict[tuple[int, str], Counter[tuple[int, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT broker_id, vhost, {day_in_sql()}, state FROM {TABLE} WHERE {where}{lock}", parameters)
        for broker_id, vhost, day, state in cursor.fetchall():
            found.setdefault((broker_id, vhost), Counter())[day, state] += 1
    return found


def repair_counts() -> int:
    """How many counts were wrong. They are corrected by the difference, so that what is stored meanwhile counts too, and logged."""
    if not (_margin_differs("state") or _margin_differs("broker_id, vhost")):
        return 0
    day = day_in_sql()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT broker_id, vhost, day, state, sum(tasks) FROM ("
            f"SELECT broker_id, vhost, {day} AS day, state, count(*) AS tasks FROM {TABLE} GROUP BY broker_id, vhost, {day}, state "
            f"UNION ALL SELECT broker_id, vhost, day, state, -tasks FROM {COUNTS}) AS both_sides GROUP BY broker_id, vhost, day, state HAVING sum(tasks) <> 0",
            [],
        )
        wrong = cursor.fetchall()
        for broker_id, vhost, its_day, state, difference in wrong:
            add(broker_id, vhost, {(its_day, state): int(difference)})
    for broker_id, vhost, its_day, state, difference in wrong[:20]:
        log.warning("task_count_repaired", broker_id=broker_id, vhost=vhost, day=its_day, state=state, difference=int(difference))
    if wrong:
        log.warning("task_counts_repaired", counts=len(wrong), difference=int(sum(abs(row[-1]) for row in wrong)))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {COUNTS} WHERE tasks = 0")
    return len(wrong)


def _margin_differs(columns: str) -> bool:
    """Whether the sums by these columns differ from those of the rows, which an index has: by two of them, nearly every wrong count shows."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM (SELECT {columns}, count(*) AS tasks FROM {TABLE} GROUP BY {columns} "
            f"UNION ALL SELECT {columns}, -tasks FROM {COUNTS}) AS both_sides GROUP BY {columns} HAVING sum(tasks) <> 0 LIMIT 1"
        )
        return cursor.fetchone() is not None
