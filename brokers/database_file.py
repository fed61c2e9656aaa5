"""Whether the database file is still the one that this process has open: a file that was deleted or replaced takes writes that nobody reads."""

from __future__ import annotations

from pathlib import Path

import structlog
from django.db import connection

log = structlog.get_logger(__name__)


class OpenedFile:
    """The database file as it is when this is made."""

    def __init__(self) -> None:
        self._path = Path(connection.settings_dict["NAME"])
        self._identity = self._now()

    @property
    def is_current(self) -> bool:
        """False once another file or none is in its place."""
        return self._now() == self._identity

    def is_gone(self) -> bool:
        """True, and logged, once another file or none is in its place. The process is then to end; started again, it waits for a file that it can use."""
        gone = not self.is_current
        if gone:
            log.error("database_replaced", hint="the database file was removed or replaced; this process ends, to begin again with the one that is there")
        return gone

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
