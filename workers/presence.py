"""The state of stored workers and event sources when they are read: unknown once their writer has stopped.

Pure. The receiver's thread of a virtual host stores when it last did so (`beat_at`). If that is long ago, it does not run, is stuck, or the
database is locked; nobody who could write it down would notice, so it is decided at each reading.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta

from workers.models import EventSource, Worker

LATE_AFTER = timedelta(seconds=15)  # it stores at least every 5 s


def is_late(beat_at: datetime | None, now: datetime) -> bool:
    """False also where nobody watches (None)."""
    return beat_at is not None and now - beat_at > LATE_AFTER


def worker_as_of(worker: Worker, now: datetime) -> Worker:
    """The row, or a copy that is unknown if the row is online and its `beat_at` (its source's, annotated by `workers.queries`) is late."""
    beat_at: datetime | None = getattr(worker, "beat_at", None)
    if beat_at is None or worker.state != Worker.ONLINE or not is_late(beat_at, now):
        return worker
    found = copy.copy(worker)
    found.state, found.since, found.reason = Worker.UNKNOWN, beat_at, _nothing_since(beat_at)
    return found


def source_as_of(source: EventSource, now: datetime) -> EventSource:
    """The row, or a copy of it that is unknown where its thread fails again and again or its `beat_at` is late."""
    if source.fault:
        return _unknown(source, source.fault, source.fault_since)
    if source.beat_at is not None and is_late(source.beat_at, now):
        return _unknown(source, _nothing_since(source.beat_at), source.beat_at)
    return source


def _unknown(source: EventSource, reason: str, since: datetime | None) -> EventSource:
    found = copy.copy(source)
    found.state, found.reason, found.since, found.grant = EventSource.UNKNOWN, reason, since, ""
    found.inspect_state, found.inspect_reason, found.inspect_grant = "unknown", reason, ""
    return found


def _nothing_since(beat_at: datetime) -> str:
    return f"nothing of it was stored since {beat_at:%Y-%m-%d %H:%M:%S} UTC: the receiver does not run or is stuck, or the database is locked"
