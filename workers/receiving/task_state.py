"""What is known of one task: a set of moments that its events told, and the state that follows from them.

Pure. The set makes order and repetition of events indifferent: a moment is known by its kind, its worker and the timestamp its sender gave,
and the state is that of the latest one by our clock (a sending never outranks what a worker told). So a task that was redelivered after
its end truthfully runs again. What a lost event would have told is missing; what asking its worker shows to be no longer so becomes
UNKNOWN (`workers.receiving.orphaned_tasks`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.receiving.events import Event
from workers.task_queue import TaskQueue

EVENTS = ("task-sent", "task-received", "task-started", "task-retried", "task-rejected", "task-revoked", "task-failed", "task-succeeded")
STATES = ("PENDING", "RECEIVED", "STARTED", "RETRY", "REJECTED", "REVOKED", "FAILURE", "SUCCESS")
"""Celery's names. An event's place in EVENTS is its rank: of two moments at the same time the one of higher rank is the later."""
UNKNOWN = "UNKNOWN"
ENDED = frozenset(("REJECTED", "REVOKED", "FAILURE", "SUCCESS"))
RANKS = {event: rank for rank, event in enumerate(EVENTS)}
SENT, RECEIVED, STARTED, RETRIED, REJECTED, REVOKED, FAILED, SUCCEEDED = range(len(EVENTS))
FIRST_MOMENTS, LAST_MOMENTS = 10, 40
DETAIL_LENGTH = 200
_LATEST_TIMESTAMP = 4e9  # the year 2096

Moment = tuple[float, int, str, float | None, str]
"""(when by our clock, rank, host name, the sender's timestamp, detail)."""

TEXT_LENGTHS = {
    "name": 500, "args": 4000, "kwargs": 4000, "root_id": 255, "parent_id": 255, "eta": 64, "expires": 64, "queue": 255, "exchange": 255,
    "routing_key": 255, "result": 4000, "exception": 4000, "traceback": 20_000,
}  # fmt: skip
HEAVY = ("args", "kwargs", "result", "exception", "traceback")
"""Texts that memory drops once they are stored; None then means: as stored."""
_BY_SENT = ("name", "args", "kwargs", "root_id", "parent_id", "eta", "expires", "queue", "exchange", "routing_key")
_BY_RECEIVED = ("name", "args", "kwargs", "root_id", "parent_id", "eta", "expires")
_TOLD_BY: tuple[tuple[str, ...], ...] = (
    _BY_SENT, _BY_RECEIVED, (), ("exception", "traceback"), (), (), ("exception", "traceback"), ("result", "runtime"),
)  # fmt: skip


class TaskRecord(msgspec.Struct, gc=False):
    """One task. Times are seconds since 1970 by our clock; `eta` and `expires` the words of the event."""

    uuid: str
    first_seen_at: float
    state: str = "PENDING"
    last_seen_state: str | None = None
    unknown_reason: str = ""
    name: str | None = None
    worker: str | None = None
    sender: str | None = None
    queue: str | None = None  # as the sender says
    exchange: str | None = None
    routing_key: str | None = None
    found: TaskQueue | None = None  # the queue it is in or was taken from; None: not worked out yet
    sent_at: float | None = None
    received_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    eta: str | None = None
    expires: str | None = None
    runtime: float | None = None
    retries: int | None = None
    args: str | None = None
    kwargs: str | None = None
    result: str | None = None
    exception: str | None = None
    traceback: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    moments: list[Moment] = []
    left_out: int = 0  # moments beyond those kept
    told: dict[str, tuple[float, int]] = {}  # which moment told a field: the latest that told anything wins
    stored: bool = False
    retold: bool = False  # what is stored of its sending, receipt or worker has changed
    indexed: bool = False  # it can be searched for by its name


class Happening(msgspec.Struct, frozen=True):
    """One moment of a task's timeline. `detail`: the exception of a failed or retried try, how it was revoked, whether it was requeued."""

    event: str
    at: datetime
    worker: str
    detail: str = ""


def merge(record: TaskRecord | None, event: Event, heard_at: float, ahead: float = 0.0) -> TaskRecord | None:
    """The record with what the event tells, the same object if there was one; None for an event of no task.

    `heard_at`: when we received it, seconds since 1970; `ahead`: by how many seconds the sender's clock is ahead of ours.

    >>> merge(None, Event("task-started", "w@h", 60.0, uuid="1"), heard_at=61.0).state
    'STARTED'
    """
    if event.uuid and event.type in RANKS:
        if record is None:
            record = TaskRecord(event.uuid, heard_at)
        apply(record, event, heard_at, ahead)
    return record


def apply(record: TaskRecord, event: Event, heard_at: float, ahead: float = 0.0) -> bool:
    """Adds what the event tells. False if it told nothing new."""
    rank = RANKS[event.type]
    timestamp, hostname, moments = event.timestamp, event.hostname, record.moments
    if timestamp is not None and 0 < timestamp < _LATEST_TIMESTAMP:
        at = timestamp - ahead
        if at > heard_at:  # it can't have been sent after we heard of it: its clock is ahead by more than we know
            at = heard_at
    else:
        at, timestamp = heard_at, None
    for known in moments:
        if known[1] == rank and known[3] == timestamp and known[2] == hostname:
            return False
    moment: Moment = (at, rank, hostname, timestamp, _detail(event, rank) if rank >= RETRIED else "")
    if not moments or _order(moments[-1]) < _order(moment):
        moments.append(moment)
    else:
        insort(moments, moment, key=_order)
    if _TOLD_BY[rank]:
        _tell(record, event, (at, rank))
    _conclude(record, moment)
    return True


def happenings(tries: Iterable[Any]) -> list[Happening]:
    """The timeline of a stored task, from `Task.tries`, in order."""
    return [Happening(EVENTS[rank], datetime.fromtimestamp(at, UTC), worker, detail) for at, rank, worker, _, detail in tries]


def clean_text(text: str, length: int) -> str:
    """At most `length` characters; of a longer text the beginning."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _order(moment: Moment) -> tuple[float, float, int, str]:
    """Where our clock can't tell moments apart, the sender's own does: Celery tells of a failure just before it tells of the rejection."""
    at, rank, hostname, timestamp, _ = moment
    return (at, at if timestamp is None else timestamp, rank, hostname)


def _detail(event: Event, rank: int) -> str:
    if rank in (RETRIED, FAILED):
        return clean_text(event.exception or "", DETAIL_LENGTH)
    if rank == REVOKED:
        words = ["expired"] if event.expired else []
        if event.terminated:
            words.append(f"terminated{f' with signal {event.signum}' if event.signum else ''}")
        return ", ".join(words)
    return "put back into its queue" if rank == REJECTED and event.requeue else ""


def _tell(record: TaskRecord, event: Event, key: tuple[float, int]) -> None:
    """Takes over the fields of an event, each unless a later moment told it."""
    told = record.told
    if key[1] <= RECEIVED:
        record.retold = True
    for name in _TOLD_BY[key[1]]:
        value = getattr(event, name)
        if (value is None and (name != "queue" or event.exchange is None)) or (name in told and told[name] > key):
            continue  # but a sending by an exchange names no queue, whatever the one before did
        if name == "traceback" and len(value) > TEXT_LENGTHS[name]:
            value = "…" + value[1 - TEXT_LENGTHS[name] :]  # its end tells most
        elif name != "runtime" and value is not None and len(value) > TEXT_LENGTHS[name]:
            value = clean_text(value, TEXT_LENGTHS[name])
        setattr(record, name, value)
        told[name] = key
    if event.retries is not None and (record.retries is None or event.retries > record.retries):
        record.retries = event.retries


def _conclude(record: TaskRecord, newest: Moment) -> None:
    """State, worker and times as the moments have them, after `newest` was added."""
    moments = record.moments
    if len(moments) > FIRST_MOMENTS + LAST_MOMENTS:
        del moments[FIRST_MOMENTS]
        record.left_out += 1
    at, rank, hostname = newest[:3]
    if rank == SENT:
        if record.sent_at is None or at <= record.sent_at:
            record.sent_at, record.sender = at, hostname
    elif rank == RECEIVED:
        record.received_at = at if record.received_at is None else max(record.received_at, at)
    elif rank == STARTED:
        record.started_at = at if record.started_at is None else max(record.started_at, at)
    elif rank == RETRIED:
        tries = sum(moment[1] == RETRIED for moment in moments)
        record.retries = tries if record.retries is None else max(record.retries, tries)
    last = moments[-1] if moments[-1][1] != SENT else _deciding(moments)
    if rank != SENT:
        worker = hostname if last is newest else last[2]
        if worker != record.worker:
            record.worker, record.retold = worker, True
    if last is newest or record.state != UNKNOWN:  # a doubt stands until something later is heard
        record.state, record.last_seen_state, record.unknown_reason = STATES[last[1]], None, ""
    record.ended_at = last[0] if last[1] >= REJECTED else None


def _deciding(moments: list[Moment]) -> Moment:
    """The latest moment that a worker told; a sending only where no worker told anything. Celery stamps task-sent after the broker took the
    message, on a machine whose clock we can't measure: a quick worker's events seem to come before it."""
    return next((moment for moment in reversed(moments) if moment[1] != SENT), moments[-1])
