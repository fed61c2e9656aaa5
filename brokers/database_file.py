"""The database file: whether it was deleted or replaced (writes would go to a file that nobody reads), and why nothing can be written to it.

PostgreSQL has no file of ours: it is never replaced, and says itself whether it takes writes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from django.db import connection, connections
from django.db.backends.signals import connection_created

from brokers import database_damage
from brokers.database import engine

log = structlog.get_logger(__name__)


LEAST_FREE_BYTES = 2**20
KEPT_SECONDS = 600
LOCK_SECONDS = 0.25
"""How long somebody must hold the lock on the database to be noticed; ours hold it for milliseconds."""

FULL = "The disk with Hareline’s database is full, so nothing can be stored."
LOCKED = "Hareline’s database is locked by some program, so nothing can be stored."


def not_writable() -> str:
    """Why nothing can be stored in the database file now, as a sentence; "" if nothing visible prevents it. Without its folder: strangers may read it."""
    if engine.is_postgresql():
        return _postgresql_not_writable()
    path = Path(connection.settings_dict["NAME"])
    try:
        system = os.statvfs(path.parent)
    except OSError as error:
        return f"The folder of Hareline’s database can’t be read ({error.strerror})."
    if not path.exists():
        return "Hareline’s database file is gone."
    if system.f_flag & os.ST_RDONLY or not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return "Hareline’s database is read-only, so nothing can be stored."
    if system.f_bavail * system.f_frsize < LEAST_FREE_BYTES:
        return FULL
    return database_damage.sentence()


def why_nothing_is_stored() -> str:
    """For where nothing was stored for some time: as `not_writable`, or that the file is locked. Looks once a second at most."""
    return _why_nothing_is_stored(str(connection.settings_dict["NAME"]), int(time.monotonic()))


@lru_cache(maxsize=1)
def _why_nothing_is_stored(path: str, second: int) -> str:
    del second  # distinguishes the entries of the cache
    return not_writable() or (LOCKED if not engine.is_postgresql() and _is_locked(path) else "")


def _is_locked(path: str) -> bool:
    if connection.in_atomic_block and (connection.savepoint_ids or connection.transaction_mode != "DEFERRED"):  # type: ignore[attr-defined]
        return False  # not within `one_moment` alone, which takes no lock: it may be our own
    try:
        found = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True, timeout=LOCK_SECONDS, isolation_level=None)
        try:
            found.execute("BEGIN IMMEDIATE")
            found.execute("ROLLBACK")
        finally:
            found.close()
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.Error:
        pass
    return False


def _postgresql_not_writable() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')")
        is_standby, read_only = cursor.fetchone()
    if is_standby:
        return "Hareline’s database is a standby server, which can only be read, so nothing can be stored."
    return "Hareline’s database is read-only, so nothing can be stored." if read_only == "on" else ""


class OpenedFile:
    """The database file at the time of construction."""

    def __init__(self) -> None:
        self._path = None if engine.is_postgresql() else Path(connection.settings_dict["NAME"])
        self._identity = self._now()

    @property
    def is_current(self) -> bool:
        """False once another file or none is in its place."""
        return self._now() == self._identity

    def is_gone(self) -> bool:
        """True, and logged, once the file is missing or another one. The process should then exit; after a restart it waits for a usable file."""
        gone = not self.is_current
        if gone:
            log.error("database_replaced", hint="the database file was removed or replaced; this process exits so that it can restart with the current file")
        return gone

    def _now(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def keep_connections() -> None:
    """For the web process, before its first connection: each thread keeps its own to SQLite, which takes a millisecond to make and two until what it had
    read before is known again. PostgreSQL's come from a pool."""
    if not engine.is_postgresql():
        connections.settings["default"]["CONN_MAX_AGE"] = KEPT_SECONDS
        connection_created.connect(_note_file)


def leave_replaced() -> None:
    """Closes a connection that was kept, where another file is in the place of its own."""
    opened = getattr(connection, "opened_file", None)
    if opened is not None and connection.connection is not None and not opened.is_current:
        connection.close()


def _note_file(connection: Any, **_: Any) -> None:
    connection.opened_file = OpenedFile()
