"""The thread of the maintenance process that writes to the long-term store. It works while its process holds the lease of maintenance."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from brokers import database_damage
from brokers.database import engine
from dashboard.exporting.remote_write import Writer
from dashboard.exporting.sending import Sender
from dashboard.exporting.target import RemoteTarget

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0
NAME = "remote write"


class RemoteWriteLoop:
    """`works` returns whether this process may work now. Does nothing where no store is configured."""

    def __init__(self, works: Callable[[], bool]) -> None:
        self._works = works
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        if settings.REMOTE_WRITE is not None:
            self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        target: RemoteTarget | None = settings.REMOTE_WRITE
        assert target is not None  # noqa: S101  (else the thread is not started)
        sender = Sender(target, settings.CA_FILE)
        writer = Writer(target, sender.send, lambda: self._works() and not self._ended.is_set())
        while not self._ended.wait(LOOK_SECONDS):
            if self._works():
                self._round(writer)
            else:
                writer.forget()
        sender.close()
        connection.close()

    @staticmethod
    def _round(writer: Writer) -> None:
        """What fails is logged, and done again with the next look."""
        try:
            writer.round(timezone.now())
            database_damage.passed(NAME)
        except DatabaseError as error:
            database_damage.note(error, NAME)
            if engine.is_of_others(error):
                log.warning("remote_write_waits", reason=str(error).strip())
            else:
                database_damage.log_failure(log, "remote_write_waits", error)
            connection.close()
        except Exception as error:
            log.exception("remote_write_failed", error=type(error).__name__)
            writer.forget()
            connection.close()
