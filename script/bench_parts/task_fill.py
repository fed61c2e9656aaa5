"""A million tasks and more, made in the database itself: some taken in as events are, then copied under new names, to minutes or days before."""

# ruff: noqa: S608  (the names in statements are those of our own models)

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from script.bench_parts.intake_run import Intake
from script.bench_parts.task_events import NAMES, bodies

FIRST_TASKS = 20_000
DAYS = 7
OTHERS = ("id", "uuid", "first_seen_at")


def fill(tasks: int) -> None:
    """So many rows, with the words that are searched for and the counts that are kept."""
    from brokers.database import engine
    from workers import store
    from workers.models import Task

    Intake().take(bodies(FIRST_TASKS, random.Random(2)))  # noqa: S311  (the same in every run)
    for part in {name.split(".")[1] for name in NAMES}:
        Task.objects.filter(name__startswith=f"shop.{part}.").update(queue=part)
    if engine.is_postgresql():
        _fill_postgresql(tasks)
    else:
        _fill_sqlite(tasks)
    store.repair_counts()


def _columns() -> str:
    from workers.models import Task

    return ", ".join(f'"{field.column}"' for field in Task._meta.concrete_fields if field.column not in OTHERS)


def _fill_sqlite(tasks: int) -> None:
    from django.db import connection

    columns = _columns()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
        for back in range(1, tasks // FIRST_TASKS):
            cursor.execute(
                f"INSERT INTO workers_task ({columns}, uuid, first_seen_at) SELECT {columns}, lower(hex(randomblob(16))), "
                f"strftime('%Y-%m-%d %H:%M:%f', first_seen_at, '-{back} minutes') || '000' FROM workers_task WHERE id <= {FIRST_TASKS}"
            )
        cursor.execute(
            "INSERT INTO workers_task_words (rowid, words) SELECT id, name || ' ' || coalesce(exception, '') || ' ' || args || ' ' || kwargs "
            "FROM workers_task WHERE id > %s",
            [FIRST_TASKS],
        )
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill_postgresql(tasks: int) -> None:
    """Over seven days, each a partition: the oldest first, as they come."""
    from django.db import connection

    from brokers.database import partitions
    from workers.store.task_days import TASKS, WORDS

    columns, copies = _columns(), tasks // FIRST_TASKS - 1
    today = partitions.day_of(datetime.now(UTC))
    with connection.cursor() as cursor:
        for parts in (TASKS, WORDS):  # the partition of what was before ends where today's begins
            before = f"{parts.table}_before"
            cursor.execute(f"ALTER TABLE {parts.table} DETACH PARTITION {before}")
            cursor.execute(f"ALTER TABLE {parts.table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({parts.start(today - DAYS)})")
            for day in range(today - DAYS, today):
                partitions.add_day(parts, day)
        indexes = _drop_indexes(cursor)
        cursor.execute("CREATE TEMP TABLE source AS SELECT * FROM workers_task")
        for back in range(copies, 0, -1):
            at = f"first_seen_at - {back / copies * (DAYS - 0.5)} * interval '1 day'"
            cursor.execute(
                f"INSERT INTO workers_task (id, {columns}, uuid, first_seen_at) "
                f"SELECT hareline_task_id({at}), {columns}, gen_random_uuid()::text, {at} FROM source"
            )
        cursor.execute(
            "INSERT INTO workers_task_words (task_id, words) SELECT id, to_tsvector('simple', regexp_replace(lower("
            "concat_ws(' ', name, exception, args, kwargs)), '[^a-z0-9]+', ' ', 'g')) FROM workers_task ON CONFLICT DO NOTHING"
        )
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM (ANALYZE) workers_task, workers_task_words")


def _drop_indexes(cursor: Any) -> list[str]:
    """All but those of the keys, since each costs more a row than the row does; what makes them again."""
    tables = "(SELECT 'workers_task' UNION SELECT 'workers_task_words' UNION SELECT inhrelid::regclass::text FROM pg_inherits)"
    cursor.execute(
        f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN {tables} AND tablename LIKE 'workers_task%%' "
        "AND (tablename IN ('workers_task', 'workers_task_words') OR indexname LIKE '%%_unique') AND indexname NOT LIKE '%%_pkey'",
        [],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition.replace(" ON ONLY ", " ON ") for _, definition in found]
