"""Rows of a run's database as they are stored, read from outside: a file of SQLite, read-only, or an address of PostgreSQL."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Database = Path | str


def rows(database: Database, statement: str, *parameters: Any) -> list[Any]:
    """What a SELECT with `?` for its parameters answers."""
    if isinstance(database, Path):
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(statement, parameters).fetchall()
    import psycopg  # only where PostgreSQL is used

    with psycopg.connect(database) as server:
        return server.execute(statement.replace("?", "%s").encode(), parameters).fetchall()


def moment_of(stored: str | datetime) -> datetime:
    """A moment as the engine gives it."""
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored).replace(tzinfo=UTC)
