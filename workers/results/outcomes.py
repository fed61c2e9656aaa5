"""What a result backend holds of a task, read as Celery wrote it (celery.backends.base, 5.7; django-celery-results 2.6).

Pure. Nothing is ever unpickled: a pickled result could run any code. Where only the result itself is pickled, as in the tables of Celery's own database
backend, it is left out and the rest is read.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.receiving.task_fields import TEXT_LENGTHS, clean_text
from workers.receiving.task_order import FAILED, REVOKED, SUCCEEDED
from workers.redaction import Redaction

LARGEST_BYTES = 1_000_000
ENDS = {"SUCCESS": SUCCEEDED, "FAILURE": FAILED, "REVOKED": REVOKED}
"""Celery's states that are ends, with the rank of their event."""
EARLIEST, LATEST = 1e9, 4e9


class Outcome(msgspec.Struct, frozen=True):
    """How a task ended. `done_at`: seconds since 1970, by the clock of the worker node."""

    uuid: str
    rank: int
    done_at: float
    result: str | None = None
    exception: str | None = None
    traceback: str | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """Something is there that is not read; `reason` is a clause about it."""

    reason: str


Found = Outcome | Unreadable | None
"""None: nothing is there, or no end."""
NOT_JSON = "it is not JSON; pickled results are never unpickled"
TOO_LARGE = f"it is larger than {LARGEST_BYTES:,} bytes"
NO_TIME = "it has no time at which the task ended"


def from_json(uuid: str, body: bytes, redaction: Redaction) -> Found:
    """Of a whole entry, as the key-value backends keep it. `body` at most LARGEST_BYTES; a longer one was cut.

    >>> from_json("1", b'{"status": "STARTED"}', Redaction()) is None
    True
    """
    if len(body) >= LARGEST_BYTES:
        return Unreadable(TOO_LARGE)
    try:
        entry = json.loads(body)
    except (ValueError, RecursionError):
        return Unreadable(NOT_JSON)
    if not isinstance(entry, dict):
        return Unreadable(NOT_JSON)
    status = entry.get("status")
    return from_fields(uuid, status, entry.get("date_done"), entry.get("result"), entry.get("traceback"), redaction)


def from_fields(uuid: str, status: Any, done: Any, result: Any, traceback: Any, redaction: Redaction) -> Found:
    """Of the single fields. `result`: the value, None where it is not read."""
    rank = ENDS.get(status) if isinstance(status, str) else None
    if rank is None:
        return None
    done_at = moment_of(done)
    if done_at is None:
        return Unreadable(NO_TIME)
    trace = _text(traceback, "traceback", redaction) if isinstance(traceback, str) and traceback else None
    if rank == FAILED:
        exception = _exception(result) or (_last_line(trace) if trace else None)
        return Outcome(uuid, rank, done_at, None, None if exception is None else _text(exception, "exception", redaction), trace)
    shown = None if result is None or rank == REVOKED else _text(_written(result), "result", redaction)
    return Outcome(uuid, rank, done_at, shown)


def moment_of(done: Any) -> float | None:
    """Seconds since 1970 of ISO 8601 or a datetime; without a zone it is UTC, as Celery writes it.

    >>> moment_of("2026-11-24T12:00:00"), moment_of("soon"), moment_of(7)
    (1795521600.0, None, None)
    """
    try:
        moment = done if isinstance(done, datetime) else datetime.fromisoformat(done)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if EARLIEST <= seconds <= LATEST else None


def _exception(result: Any) -> str | None:
    """As Python prints it, of Celery's {"exc_type", "exc_message"}."""
    if not isinstance(result, dict) or not isinstance(result.get("exc_type"), str):
        return None
    message = result.get("exc_message")
    arguments = message if isinstance(message, list) else [] if message is None else [message]
    return f"{result['exc_type']}({', '.join(repr(part) for part in arguments[:20])})"


def _last_line(traceback: str) -> str | None:
    return next((line.strip() for line in reversed(traceback.splitlines()) if line.strip()), None)


def _written(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result)


def _text(text: str, field: str, redaction: Redaction) -> str:
    length = TEXT_LENGTHS[field]
    plain = text[: 4 * length].encode("utf-8", "replace").decode().replace("\x00", "�")
    return clean_text(redaction.text(plain), length)
