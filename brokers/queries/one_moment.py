"""Consistent reads: several queries see the database at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from brokers.database import engine


@contextmanager
def one_moment() -> Iterator[None]:
    """A context manager or view decorator: reads inside see one consistent state, without what other processes store meanwhile. For reading only.

    A deferred transaction of SQLite, a repeatable one of PostgreSQL: it takes no lock, so it neither waits for a writer nor blocks one.
    """
    if engine.is_postgresql():
        outermost = not connection.in_atomic_block
        with transaction.atomic():
            if outermost:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    connection.ensure_connection()  # it has no mode before
    usual, connection.transaction_mode = connection.transaction_mode, "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
