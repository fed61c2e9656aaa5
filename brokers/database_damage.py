"""Damage of the database file, as SQLite reports it: what of this process meets it, and the sentence that people read then."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import structlog
from django.db import connection

from brokers.database import engine

log = structlog.get_logger(__name__)

REPORTED = ("malformed", "is not a database", "could not decode to utf-8")
LOGGED_EVERY_SECONDS = 60.0
A_WHILE_SECONDS = 10.0
"""For what is not tried again by itself, such as a page."""

_MARK = " is damaged: "
_met: dict[str, float] = {}  # until when what meets it counts, by its name; monotonic
_logged: list[float] = []


def is_damage(error: BaseException) -> bool:
    """True for the errors of a file that holds something else than it should.

    >>> is_damage(Exception("database disk image is malformed")), is_damage(Exception("database is locked"))
    (True, False)
    """
    return not engine.is_postgresql() and any(words in str(error).lower() for words in REPORTED)


def note(error: BaseException, where: str, seconds: float = math.inf) -> bool:
    """Notes the error if it is damage, until `passed` or for so long, and logs what to do once a minute. True if it is. Thread-safe."""
    if not is_damage(error):
        return False
    now = time.monotonic()
    _met[where] = now + seconds
    if not _logged or now - _logged[-1] > LOGGED_EVERY_SECONDS:
        _logged[:] = [now]
        log.error("database_damaged", file=str(connection.settings_dict["NAME"]), met_by=where, reason=str(error), hint=text())
    return True


def passed(where: str) -> None:
    """What met it works again."""
    _met.pop(where, None)


def sentence() -> str:
    """What people read while anything of this process meets damage; "" otherwise. Names the file without its folder: strangers may read it."""
    now = time.monotonic()
    return text() if any(until > now for until in list(_met.values())) else ""


def text() -> str:
    name = Path(connection.settings_dict["NAME"]).name
    return (
        f"Hareline’s database file {name}{_MARK}put a copy that is whole in its place by `manage.py restore COPY`, or stop Hareline and move it away, "
        "with its -wal and -shm files, to begin with an empty one. What can’t be read or stored meanwhile goes on by itself then."
    )


def reported(problem: str) -> str:
    """What another process reports of damage in its heartbeat, "" if nothing."""
    return problem if _MARK in problem else ""


def log_failure(logger: Any, event: str, error: BaseException, **facts: Any) -> None:
    """One line where the file is damaged, which `note` explains; else with the traceback."""
    if is_damage(error):
        logger.error(event, reason=str(error), **facts)
    else:
        logger.error(event, exc_info=error, **facts)
