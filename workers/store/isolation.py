"""Stores rows together where that works, and finds those that prevent it where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, OperationalError, connection, transaction

from brokers.database import engine

Row = TypeVar("Row")


def save_each(rows: Sequence[Row], save: Callable[[Sequence[Row]], object]) -> list[tuple[Row, Exception]]:
    """The rows that `save` can't take, with the errors; all others are saved. Within the caller's transaction.

    Raises OperationalError if the database itself does not work now: it is locked, full or gone, and no row is to blame.
    """
    if not rows:
        return []
    try:
        with transaction.atomic():
            save(rows)
    except OperationalError:
        raise
    except Exception as error:
        if isinstance(error, DatabaseError) and engine.is_of_database(error):
            raise OperationalError(str(error)) from error
        if len(rows) > 1:
            middle = len(rows) // 2
            return save_each(rows[:middle], save) + save_each(rows[middle:], save)
        if isinstance(error, DatabaseError):
            _check_database(error)
        return [(rows[0], error)]
    return []


def _check_database(error: DatabaseError) -> None:
    """Raises OperationalError if the connection is broken, which some libraries report like a bad value."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        raise OperationalError(f"the database does not answer: {error}") from error
