"""Notices that another process has stored something: SQLite counts commits, PostgreSQL notifies."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connection

from brokers.database import engine

if TYPE_CHECKING:
    from psycopg import Connection

log = structlog.get_logger(__name__)

CHANNEL = "hareline"  # of the triggers of brokers_broker and workers_eventsource
LOOK_ANYWAY_SECONDS = 1.0  # where notifications can't be had, as behind a pooler of transactions, or one was lost with its connection
LISTEN_AGAIN_SECONDS = 10.0


class Commits:
    """For one thread. `changed` may raise DatabaseError, or be True for a commit that changed nothing."""

    def __init__(self) -> None:
        self._version: Any = None
        self._listening: Connection[Any] | None = None
        self._listen_at = self._look_at = 0.0

    def changed(self) -> bool:
        """True if another connection committed since the last call, and after `forget`. Costs some 10 us, whatever the size of the database."""
        if engine.is_postgresql():
            return self._notified()
        with connection.cursor() as cursor:
            version = cursor.execute("PRAGMA data_version").fetchone()
        changed, self._version = version != self._version, version
        return changed

    def forget(self) -> None:
        """The next call says that something changed."""
        self._version, self._look_at = None, 0.0

    def close(self) -> None:
        self.forget()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _notified(self) -> bool:
        now = time.monotonic()
        if self._listening is None and now >= self._listen_at:
            self._listen(now)
        if not self._received() and now < self._look_at:
            return False
        self._look_at = now + LOOK_ANYWAY_SECONDS
        return True

    def _received(self) -> bool:
        from psycopg import Error

        if self._listening is None:
            return False
        try:
            return bool(list(self._listening.notifies(timeout=0)))
        except Error as error:
            log.warning("notifications ended; live pages look at the database once a second meanwhile", reason=str(error))
            self.close()
            return True

    def _listen(self, now: float) -> None:
        """On a connection of its own: that of queries is given back between two looks."""
        from psycopg import Error, connect

        self._listen_at = now + LISTEN_AGAIN_SECONDS
        with contextlib.suppress(Error):  # the next query says what is wrong with the database
            self._listening = connect(**connection.get_connection_params(), autocommit=True)
            self._listening.execute(f"LISTEN {CHANNEL}")
            self._look_at = 0.0
