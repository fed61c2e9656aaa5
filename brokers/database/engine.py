"""What differs between SQLite and PostgreSQL, in one place: everything else is written once for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection, connections, transaction

PAGES_TO_WRITE_BACK = 1000  # of SQLite's log, its own default
POOL = {"min_size": 0, "max_size": 20, "timeout": 3.0, "max_idle": 120.0, "reconnect_timeout": 1.0}


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def unindexed(column: str) -> str:
    """The column in a condition for which no index of its own is to be taken: + keeps SQLite from it, PostgreSQL decides by its statistics."""
    return column if is_postgresql() else f"+{column}"


def contains(column: str) -> str:
    """The condition that a text contains the one parameter, letter by letter."""
    return f"strpos({column}, %s) > 0" if is_postgresql() else f"instr({column}, %s)"


def is_of_database(error: DatabaseError) -> bool:
    """True if PostgreSQL itself says that no value is to blame: it is read-only, full, without a table. SQLite's errors do not distinguish that."""
    return is_postgresql() and not isinstance(error, (DataError, IntegrityError))


def is_of_others(error: DatabaseError) -> bool:
    """True if another process held what was needed, or the server is away: it passes, and a traceback adds nothing."""
    return "locked" in str(error) or (is_postgresql() and isinstance(error, OperationalError))


@contextmanager
def waiting_at_most(milliseconds: int) -> Iterator[None]:
    """One short write, which fails (DatabaseError) where another process holds what it needs for longer; 0: not at all. Not within a transaction."""
    if is_postgresql():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{max(milliseconds, 1)}ms'")
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {settings.DATABASES['default']['OPTIONS']['timeout'] * 1000}")


@contextmanager
def written_back_later() -> Iterator[None]:
    """Transactions that somebody waits for: SQLite does not write the log back into the database within one of them, which takes two fsyncs and a page each,
    but at the next commit of this connection or another. Not within a transaction; inside the with-block there may be several."""
    if is_postgresql():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_WRITE_BACK}")


@contextmanager
def one_process(key: int) -> Iterator[None]:
    """Other processes that want the same key wait, however long, until this one is done. SQLite: does nothing, one writes at a time anyway."""
    if not is_postgresql():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', '0', false)")
        usual = cursor.fetchone()[0]
        cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        try:
            yield
        finally:
            if connection.is_usable():  # else the lock went with the connection
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [usual])


def lock_until_committed(key: int) -> None:
    """Within a transaction: others that want the same key wait for its end. SQLite: a transaction that writes is alone anyway."""
    if is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def share_connections() -> None:
    """For the web process, each of whose requests has a thread of its own: they take connections of PostgreSQL from a pool. Before the first is made.

    One that can't be had within 3 s is an OperationalError; whether the server answers again is then tried by each request, without a growing pause.
    """
    if is_postgresql():
        connections.settings["default"]["OPTIONS"]["pool"] = dict(POOL)
