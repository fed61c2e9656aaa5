"""How a process of Hareline reports itself: a heartbeat with what it is and what it measures, and its orderly end.

What it reports holds no secret: of the secret key and of each setting that all processes must share only a fingerprint, keyed with that secret.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from brokers import database_damage
from brokers.polling import holders, leases

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
LIBRARIES = ("Django", "celery", "kombu", "amqp", "channels", "daphne", "requests", "msgspec", "numpy", "psycopg")


class Presence:
    """Of one process. `brokers`: the names of those that it can work for."""

    def __init__(self, kind: str, holder: str = "", brokers: Sequence[str] = ()) -> None:
        self.kind, self.holder = kind, holder or holders.this_process()
        self.reported = leases.Facts(
            started_at=datetime.now(UTC),
            version=settings.VERSION,
            brokers=list(brokers),
            facts={"software": software(), "secret": settings.SECRET_FINGERPRINT, "configuration": settings.SHARED_FINGERPRINTS},
        )

    def beat(self, standby: bool = False, problem: str = "", measured: Mapping[str, Any] | None = None) -> None:
        """A heartbeat. One that can't be stored is logged and lost."""
        try:
            leases.beat(self.kind, self.holder, datetime.now(UTC), standby, problem, self.reported, {**of_this_process(), **(measured or {})})
            database_damage.passed("heartbeat")
        except DatabaseError as error:
            database_damage.note(error, "heartbeat")
            log.error("heartbeat_lost", kind=self.kind, reason=str(error))
            connection.close()

    def leave(self) -> None:
        """The process stops in good order. Where that can't be stored, it counts as gone."""
        try:
            leases.note_end(self.kind, self.holder, datetime.now(UTC))
        except DatabaseError as error:
            log.warning("end_not_stored", kind=self.kind, reason=str(error))
        finally:
            connection.close()


def of_this_process() -> dict[str, Any]:
    """{"memory_bytes", "data_free_bytes"}: resident memory, and what is free where the data directory is; without what can't be read."""
    found: dict[str, Any] = {}
    try:
        found["data_free_bytes"] = shutil.disk_usage(settings.DATA_DIR).free
        found["memory_bytes"] = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        pass
    return found


def software() -> dict[str, str]:
    """{"Python": "3.11.7", "Django": …}, of what is installed."""
    found = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
