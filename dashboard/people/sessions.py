"""Sessions in the database that a request which only reads never writes to, so that pages work while the database is locked or read-only."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.utils import timezone

from brokers.database.rows import RowsOf, moment

_SESSIONS = RowsOf(Session)


class SessionStore(DatabaseSessions):
    """`reading` is set for GET and HEAD. What Django would write then (it deletes a session whose password was changed since) is left to
    maintenance, which clears sessions when they expire; such a session lets nobody in meanwhile, since its hash stays wrong."""

    reading = False
    _changed = False

    @property
    def modified(self) -> bool:
        """True if the session is to be saved with the response."""
        return self._changed and not self.reading

    @modified.setter
    def modified(self, changed: bool) -> None:
        self._changed = changed

    def _get_session_from_db(self) -> Session | None:
        found = _SESSIONS.read("WHERE session_key = %s AND expire_date > %s", [self.session_key, moment(timezone.now())])
        if not found:
            self._session_key = None
        return found[0] if found else None

    def flush(self) -> None:
        if not self.reading:
            super().flush()
            return
        self.clear()
        self._session_key = None

    def cycle_key(self) -> None:
        if not self.reading:
            super().cycle_key()
