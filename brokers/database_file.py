"""Detects that the database file was deleted or replaced: writes of this process would go to a file that nobody reads."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.db import connection

log = structlog.get_logger(__name__)


class OpenedFile:
    """The database file at the time of construction."""

    def __init__(self) -> None:
        self._path = Path(connection.settings_dict["NAME"])
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
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
