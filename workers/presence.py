"""The state of stored workers and event sources when they are read: unknown once their writer has stopped.

The receiver's thread of a virtual host stores when it last did so (`beat_at`). If that is long ago, it does not run, is stuck, or nothing can be stored;
nobody who could write it down would notice, so it is decided at each reading. Pure, but for a look at the database file then.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q

from brokers import database_file
from workers.models import EventSource, Worker

LATE_AFTER = timedelta(seconds=15)  # it stores at least every 5 s
EVENTS_ARE_FRESH = timedelta(seconds=10)  # a worker sends a heartbeat every 2 s


def is_late(beat_at: datetime | None, now: datetime) -> bool:
    """False also where nobody watches (None)."""
    return beat_at is not None and now - beat_at > LATE_AFTER


def events_arrive(source: EventSource, now: datetime) -> bool:
    """Whether events have arrived there in the last seconds."""
    return source.state == EventSource.RECEIVING and source.received_at is not None and now - source.received_at < EVENTS_ARE_FRESH


def worker_as_of(worker: Worker, now: datetime) -> Worker:
    """The row, or a copy that is unknown if the row is online and its `beat_at` (its source's, annotated by `workers.queries`) is late."""
    beat_at: datetime | None = getattr(worker, "beat_at", None)
    if beat_at is None or worker.state != Worker.ONLINE or not is_late(beat_at, now):
        return worker
    found = copy.copy(worker)
    found.state, found.since, found.reason, found.silence = Worker.UNKNOWN, beat_at, _nothing_since(beat_at), ""
    return found


def process_began_at(worker: Worker) -> datetime | None:
    """When its present process was first seen, by our clock; None if it did not take the place of one that was known."""
    began = worker.reconciliation.get("began_timestamp")
    return None if began is None else datetime.fromtimestamp(began - (worker.clock_skew_seconds or 0.0), UTC)


def lost_events(worker: Worker) -> int | None:
    """How many of its task events are known to be lost; None where there is nothing to compare them with: it reports no count of processed tasks, or
    sends no task events."""
    if worker.lost_events > 0:
        return worker.lost_events
    return None if worker.events_off or worker.processed_at_first_sight is None else 0


def mended_tasks(worker: Worker) -> int:
    """Of how many of its tasks its own lists have put the state right after an event was lost."""
    found = worker.reconciliation.get("mended")
    return found if isinstance(found, int) and found > 0 else 0


def has_left(worker: Worker, now: datetime, gone_for: timedelta) -> bool:
    """Whether it is no longer listed: gone for so long and not pinned, or forgotten by a person and not received anything of since."""
    if worker.state == Worker.ONLINE:
        return False
    if worker.forgotten_at is not None and all(at is None or at <= worker.forgotten_at for at in (worker.heartbeat_at, worker.inspected_at)):
        return True
    return worker.state == Worker.GONE and not worker.pinned and worker.since is not None and now - worker.since > gone_for


def left(now: datetime, gone_for: timedelta) -> Q:
    """The same as a condition on rows."""
    forgotten = Q(forgotten_at__isnull=False) & ~Q(state=Worker.ONLINE)
    for field in ("heartbeat_at", "inspected_at"):
        forgotten &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lte": F("forgotten_at")})
    return forgotten | Q(state=Worker.GONE, pinned=False, since__isnull=False, since__lt=now - gone_for)


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
    why = database_file.why_nothing_is_stored().removesuffix(".")
    why = why.replace("The ", "the ", 1) if why.startswith("The ") else why
    return f"nothing of it was stored since {beat_at:%Y-%m-%d %H:%M:%S} UTC: {why or 'the receiver does not run or is stuck'}"
