"""The thread of the maintenance process that plans messages, sends them, and pings. It works while its process holds the lease of maintenance."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from brokers import database_damage
from brokers.database import engine
from dashboard.notifications.delivering import Deliverer
from dashboard.notifications.heartbeat import Pings
from dashboard.notifications.planning import Planner

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0


class NotificationsLoop:
    """`works` returns whether this process may work now."""

    def __init__(self, works: Callable[[], bool]) -> None:
        self._works = works
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._planner, self._deliverer, self._pings = Planner(), Deliverer(), Pings()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._ended.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            if self._works():
                for work in (self._planner.round, self._deliverer.round, self._pings.round):
                    self._do(work)
        connection.close()

    @staticmethod
    def _do(work: Callable[..., object]) -> None:
        """What fails is logged, and done again with the next look; the others go on."""
        name = f"notifications: {work.__qualname__}"
        try:
            work(timezone.now())
            database_damage.passed(name)
        except DatabaseError as error:
            database_damage.note(error, name)
            if engine.is_of_others(error):
                log.warning("notifications wait", reason=str(error).strip())
            else:
                database_damage.log_failure(log, "notifications wait", error)
            connection.close()
        except Exception as error:
            log.exception("notifications failed; they are tried again", error=type(error).__name__)
            connection.close()
