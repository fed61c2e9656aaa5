"""Copies of the database, made and put back while Hareline runs: by SQLite's own backup, which reads and writes as one transaction.

A file that is copied or replaced by other means lacks what SQLite keeps beside it (`-wal`), or takes over what belongs to another one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from django.db import connection

from brokers.database import engine

WAIT_SECONDS = 30.0  # for a process that is writing


class CopyFailed(Exception):
    """With a sentence that says what is wrong, and what to do."""


def database_file() -> Path:
    """The file of this installation. Raises CopyFailed where there is none."""
    if engine.is_postgresql():
        raise CopyFailed("PostgreSQL is backed up by its own tools, pg_dump and pg_restore (docs/postgresql.md).")
    return Path(connection.settings_dict["NAME"])


def back_up(source: Path, copy: Path) -> None:
    """Writes a copy of the database file into a new file that only its owner may read. Raises CopyFailed."""
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(_opened(source)) as read, closing(sqlite3.connect(copy)) as written:
            read.backup(written)
            written.execute("PRAGMA journal_mode=DELETE")  # one file, which can be read from a folder that can't be written
    except FileExistsError:
        raise CopyFailed(f"{copy} exists already; name a new file") from None
    except (OSError, sqlite3.Error) as error:
        raise CopyFailed(f"{source} can't be copied to {copy} ({error})") from None


def restore(path: Path, copy: Path) -> None:
    """Puts what a copy holds into the database file, also into one that is damaged in the middle. Keys that were given since the copy was made are not
    given again. Raises CopyFailed; then nothing was changed."""
    _check(copy)
    given = _last_keys(path)
    try:
        path.touch(0o600)
        with closing(_opened(copy)) as read, closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as written:
            read.backup(written)
            _go_on_after(given, written)
    except (OSError, sqlite3.Error) as error:
        hint = f"stop Hareline, move {path.name}, {path.name}-wal and {path.name}-shm away, and run this again"
        raise CopyFailed(f"{path} can't be written ({error}): {hint}") from None


def _last_keys(path: Path) -> dict[str, int]:
    """{table: the last key that it gave to a row}; {} where that can't be read."""
    try:
        with closing(_opened(path)) as database:
            return dict(database.execute("SELECT name, seq FROM sqlite_sequence"))
    except sqlite3.Error:  # there is no such file, or it is damaged
        return {}


def _go_on_after(given: Mapping[str, int], database: sqlite3.Connection) -> None:
    """An address with a key, an open page and what processes keep of a list (by count and last key) would else mean another row."""
    with suppress(sqlite3.Error), database:  # the copy is in its place already
        for table, key in given.items():
            found = database.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (key, table))
            if not found.rowcount and database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone():
                database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, key))


def _opened(path: Path) -> sqlite3.Connection:
    """Without making a file that is not there."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)


def _check(copy: Path) -> None:
    try:
        with closing(_opened(copy)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise CopyFailed(f"{copy} is damaged too ({found}); name another copy")
            database.execute("SELECT count(*) FROM django_migrations")
    except sqlite3.Error as error:
        raise CopyFailed(f"{copy} is no copy of Hareline's database ({error}); name another one") from None
