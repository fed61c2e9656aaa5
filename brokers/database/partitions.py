"""Tables of PostgreSQL with a partition for each day, so that retention drops a day at once. Nothing of this is on SQLite.

A table is partitioned by a key that begins with the day. What it held before stays one partition, `…_before`; rows of a day without a partition of
its own are kept in `…_other`, until `add_day` makes one and moves them.
"""

# ruff: noqa: S608  (the names in statements are those of our own tables)

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import msgspec
import structlog
from django.db import OperationalError, connection, transaction

from brokers.database import engine

DAYS_AHEAD = 3
ID_BITS = 36  # of a key that begins with a day, those below it
LOCK_MILLISECONDS = 100  # below the second after which PostgreSQL looks for deadlocks
ATTEMPTS, PAUSE_SECONDS = 20, 0.1
_MAKING = 0x70617274  # "part": the key of the advisory lock
log = structlog.get_logger(__name__)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Partitioned(msgspec.Struct, frozen=True):
    """`key` is the column whose value has the day; `start` is the literal of its least value of a day. `unique`: columns that no two rows of a day share."""

    table: str
    key: str
    start: Callable[[int], str]
    day: str  # of a row, in SQL
    unique: tuple[str, ...] = ()

    def of(self, day: int) -> str:
        """The name of a day's partition."""
        return f"{self.table}_{beginning(day):%Y%m%d}"


def day_of(moment: datetime) -> int:
    """Days are counted from 1970, in UTC."""
    return (moment - _FIRST) // timedelta(days=1)


def beginning(day: int) -> datetime:
    return _FIRST + timedelta(days=day)


def first_id(day: int) -> int:
    """The least key of a row of a day, where keys begin with it."""
    return day << ID_BITS


def by_id(table: str, key: str, unique: tuple[str, ...] = ()) -> Partitioned:
    return Partitioned(table, key, lambda day: str(first_id(day)), f"{key} >> {ID_BITS}", unique)


def by_time(table: str, key: str) -> Partitioned:
    return Partitioned(table, key, lambda day: f"'{beginning(day):%Y-%m-%d} 00:00:00+00'", f"floor(extract(epoch FROM {key}) / 86400)::bigint")


def convert(execute: Callable[..., Any], parts: Partitioned, primary_key: tuple[str, ...], first_day: int, unique_name: str = "") -> None:
    """Makes the table a partitioned one, of which all rows that it has are the first partition: none is written anew. For migrations.

    `unique_name`: the constraint on `parts.unique`, which holds in each partition from now on.
    """
    table, before = parts.table, f"{parts.table}_before"
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s", [table])
        indexes = cursor.fetchall()
        cursor.execute("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'", [table])
        references = cursor.fetchall()
    execute(f"ALTER TABLE {table} RENAME TO {before}", None)
    for name, _ in indexes:
        execute(f"ALTER INDEX {name} RENAME TO {name[:55]}_before", None)
    execute(f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE ({parts.key})", None)
    execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY ({', '.join(primary_key)})", None)
    if primary_key != ("id",) and "id" in primary_key:
        execute(f"ALTER TABLE {before} DROP CONSTRAINT {table}_pkey_before", None)
    for name, definition in indexes:
        if name not in (f"{table}_pkey", unique_name):
            execute(definition, None)
    for name, definition in references:
        execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}", None)
    execute(f"ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO ({parts.start(first_day)})", None)
    execute(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT", None)
    _make_unique(execute, parts, f"{table}_other")


def _make_unique(execute: Callable[..., Any], parts: Partitioned, partition: str) -> None:
    if parts.unique:
        execute(f"CREATE UNIQUE INDEX {partition}_unique ON {partition} ({', '.join(parts.unique)})", None)


def days(parts: Partitioned) -> list[int]:
    """The days that have a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass(%s) AND relname ~ '_[0-9]{8}$'",
            [parts.table],
        )
        names = [name for (name,) in cursor.fetchall()]
    return sorted(day_of(datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC)) for name in names)


def add_day(parts: Partitioned, day: int) -> int:
    """Makes the partition of a day; how many rows of it were moved there from `…_other`."""
    table, name, other = parts.table, parts.of(day), f"{parts.table}_other"
    first, end = parts.start(day), parts.start(day + 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        _make_unique(cursor.execute, parts, name)
        where = f"{parts.key} >= {first} AND {parts.key} < {end}"
        cursor.execute(f"WITH moved AS (DELETE FROM {other} WHERE {where} RETURNING *) INSERT INTO {name} SELECT * FROM moved")
        moved = int(cursor.rowcount)
        cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_day CHECK ({where})")  # so that attaching it reads nothing
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})")
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {name}_day")
        if moved:
            cursor.execute(f"ANALYZE {name}")
    return moved


def drop_day(parts: Partitioned, day: int) -> None:
    """Within the caller's transaction. The day's rows are gone with its partition."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {parts.table} DETACH PARTITION {parts.of(day)}")
        cursor.execute(f"DROP TABLE {parts.of(day)}")


def drop_days(parts: Sequence[Partitioned], wanted: Iterable[int], also: Callable[[int], object] = lambda day: None) -> list[int]:
    """The days that were dropped, each from all of these tables and with what is to be done `also`, in a transaction of its own. None that readers hold
    for long: these are to be dropped at the next call."""
    dropped = []
    for day in wanted:
        for one in _attempts():
            with one:
                for table in parts:
                    drop_day(table, day)
                also(day)
                dropped.append(day)
                break
        else:
            break
    return dropped


def add_days(parts: Sequence[Partitioned], now: datetime) -> tuple[int, int]:
    """Makes the partitions of today and of the next days that are missing, and of those of which rows came without one.

    (how many rows had come so and were moved, how many are left in `…_other`: of days still to come after these).
    """
    last, moved, left = day_of(now) + DAYS_AHEAD, 0, 0
    for table in parts:
        there, waiting = days(table), _days_without(table)
        left += sum(rows for day, rows in waiting.items() if day > last)
        for day in sorted({*range(max([day_of(now), *there[:1]]), last + 1), *(day for day in waiting if day <= last)} - set(there)):
            for one in _attempts():
                with one:
                    engine.lock_until_committed(_MAKING)
                    moved += 0 if day in days(table) else add_day(table, day)
                    break
    if moved or left:
        log.warning("rows_without_a_partition", moved=moved, left=left)
    return moved, left


def _days_without(parts: Partitioned) -> dict[int, int]:
    """{day: how many rows of it are without a partition of its own}."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {parts.day}, count(*) FROM {parts.table}_other GROUP BY 1")
        return dict(cursor.fetchall())


def _attempts() -> Iterator[_Attempt]:
    """Transactions in which what others hold is waited for briefly, so that nobody waits behind it for longer; another one while that was too short."""
    for number in range(ATTEMPTS):
        attempt = _Attempt()
        yield attempt
        if number < ATTEMPTS - 1:
            time.sleep(PAUSE_SECONDS)
    log.info("partition_in_use", attempts=ATTEMPTS)


class _Attempt:
    def __enter__(self) -> None:
        self._stack = ExitStack()
        self._stack.enter_context(engine.waiting_at_most(LOCK_MILLISECONDS))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._stack.__exit__(kind, error, trace)
        return isinstance(error, OperationalError) and "lock timeout" in str(error)
