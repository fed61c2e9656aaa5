"""One task as it is known from its events: their moments, and the fields they carried.

Pure. The moments are a set: order and repetition of events make no difference, and a record that was stored and loaded takes the next event
as one that never left memory. `workers.receiving.task_order` derives the state from the moments. A task becomes UNKNOWN where the absence or the
answers of its worker contradict that state (`workers.receiving.orphaned_tasks`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.receiving import task_order
from workers.receiving.events import Event
from workers.receiving.task_fields import (
    CARRIED,
    DETAIL_LENGTH,
    EVERY_FIELD,
    TRACEBACK,
    clean_text,
    has_no_parent,
    kept_by_the_first,
    last_failure,
    left_to_others,
    name_others,
    other_name,
    take,
    take_receipt,
)
from workers.receiving.task_order import FAILED, RANKS, RECEIVED, REJECTED, RETRIED, REVOKED, SENT, STARTED, STATES, SUCCEEDED, UNKNOWN, Course, Moment
from workers.receiving.wrapped_exceptions import WRAPPERS, unwrapped
from workers.state_sources import BACKEND
from workers.task_queue import TaskQueue

FIRST_MOMENTS, LAST_MOMENTS = 10, 40
WAS_CANCELLED = "cancelled when its worker lost its connection or was shut down; it runs again if it is acknowledged late"


class TaskRecord(msgspec.Struct, gc=False):
    """One task, with the types that its row has too. Times are seconds since 1970 by our clock, to the microsecond."""

    uuid: str
    first_seen_at: float
    state: str = "PENDING"
    last_seen_state: str | None = None
    unknown_reason: str = ""
    source: tuple[str, float] | None = None  # what the state is known from, where that is no event, and when it was so (`workers.state_sources`)
    revoked_by: str = ""  # a worker that lists it as revoked, while it has not begun
    name: str | None = None
    worker: str | None = None
    sender: str | None = None
    queue: str | None = None  # according to the sender
    exchange: str | None = None
    routing_key: str | None = None
    found: TaskQueue | None = None  # the queue it is in or was taken from; None: not worked out yet
    sent_at: float | None = None
    received_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    eta: float | None = None
    expires: float | None = None
    runtime: float | None = None
    limit: tuple[float, str] | None = None  # as `workers.time_limits` has it, of its present worker
    retries: int | None = None
    args: str | None = None
    kwargs: str | None = None
    result: str | None = None
    exception: str | None = None
    traceback: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    moments: list[Moment] = []  # in order
    left_out: int = 0  # moments beyond those kept
    stored: bool = False
    stored_state: str | None = None  # of its row, where it is stored
    unread: bool = False  # it may have a row, which could not be read
    details_changed: bool = False  # what is stored of its sending, receipt or worker has changed
    indexed: bool = False  # it can be searched for by its name


class Happening(msgspec.Struct, frozen=True):
    """One moment of a task's timeline. `detail`: the exception of a failed or retried try, how it was revoked, whether it was requeued."""

    event: str
    at: datetime
    worker: str
    detail: str = ""


def merge(record: TaskRecord | None, event: Event, received_at: float, ahead: float = 0.0) -> TaskRecord | None:
    """The record with the event in it, the same object if there was one; None for an event of no task.

    `received_at`: when we received it, seconds since 1970; `ahead`: by how many seconds the sender's clock is ahead of ours.

    >>> merge(None, Event("task-started", "w@h", 60.0, uuid="1"), received_at=61.0).state
    'STARTED'
    """
    if event.uuid and event.type in RANKS:
        if record is None:
            record = TaskRecord(event.uuid, received_at)
        apply(record, event, received_at, ahead)
    return record


def apply(record: TaskRecord, event: Event, received_at: float, ahead: float = 0.0) -> bool:
    """Adds the event. False if it was there before."""
    rank, timestamp = RANKS[event.type], event.timestamp
    if rank >= REJECTED and record.source is not None and record.source[0] == BACKEND:
        record.moments[:] = [moment for moment in record.moments if not _is_read(moment)]  # the event itself takes its place
    if event.exception is not None and event.exception.startswith(WRAPPERS):
        event = msgspec.structs.replace(event, exception=unwrapped(event.exception, event.traceback))
    if timestamp is not None and 0 < timestamp < task_order.LATEST_TIMESTAMP:
        at = timestamp - ahead
        if at > received_at:  # it can't have been sent after we received it: its clock is ahead by more than we know
            at = received_at
    else:
        at, timestamp = received_at, None
    at = int(at * 1e6 + 0.5) / 1e6 if at > 0 else round(at, 6)  # `round` takes five times as long
    moments = record.moments
    last = _place(moments, event, rank, timestamp, at) if moments else True
    if last is None:
        return False
    before = record.name
    detail = "" if rank == SUCCEEDED else _detail(event, rank) if rank >= RETRIED else "" if before is None else other_name(event, before)
    if not CARRIED[rank]:
        fields = 0
    elif last and before is None and rank == RECEIVED:
        fields = take_receipt(record, event)
    else:
        fields = take(record, event, rank, kept_by_the_first(before, detail) if last else EVERY_FIELD)
    moment = Moment(at, rank, event.hostname, timestamp, detail, event.clock, event.pid, fields, event.retries)
    failure = None if last else last_failure(moments)
    moments.append(moment)
    if not last:
        moments[:] = task_order.arranged(moments)
        left = left_to_others(record, moment)
        take(record, event, rank, left)
        if has_no_parent(moment, left):
            record.parent_id = None
        found = last_failure(moments)
        if found is not None and found is not failure and found is not moment:  # a receipt that came late moved its try behind another worker's
            record.exception = found.detail  # what is kept of it
            if failure is not None and failure.fields & TRACEBACK:
                record.traceback = ""
    if event.retries is not None and (record.retries is None or event.retries > record.retries):
        record.retries = event.retries
    if len(moments) > FIRST_MOMENTS + LAST_MOMENTS:
        del moments[FIRST_MOMENTS]
        record.left_out += 1
    if last and SENT < rank != RETRIED and record.ended_at is None and record.state != UNKNOWN:  # as nearly all: the next of a task that has not ended
        if rank == RECEIVED:
            record.received_at = at
        elif rank == STARTED:
            record.started_at, record.limit = at, None
        else:
            record.ended_at = at
        if event.hostname != record.worker:
            record.worker, record.details_changed, record.limit = event.hostname, True, None
        record.state, record.last_seen_state, record.source = STATES[rank], None, None
    else:
        _conclude(record, moment)
    if rank < RETRIED and detail and before is not None and record.name != before:  # the first name of all came late
        name_others(moments, moment, before)
    return True


def add_read_end(record: TaskRecord, end: Moment, source: tuple[str, float]) -> None:
    """Adds an end of which no event came, after all that is known. `end` has no clock and no timestamp of the worker."""
    record.moments.append(end)
    _conclude(record, end)
    record.source = source


def _is_read(moment: Moment) -> bool:
    return moment.rank >= REJECTED and moment.timestamp is None and moment.clock is None and moment.pid is None


def _place(moments: list[Moment], event: Event, rank: int, timestamp: float | None, at: float) -> bool | None:
    """True if the event is the latest of all by every clock that is comparable; None if it is there already."""
    last, worker, clock = True, event.hostname, event.clock
    for known in moments:
        if known.worker != worker:
            if known.at >= at or (rank != SENT and known.rank != SENT):
                last = False
            continue
        known_timestamp, known_clock = known.timestamp, known.clock
        if known.rank == rank and known_timestamp == timestamp and (known_clock == clock or known_clock is None or clock is None):
            return None
        last = (
            last and known.at <= at and known.pid == event.pid
            and clock is not None and known_clock is not None and known_clock <= clock
            and timestamp is not None and known_timestamp is not None and known_timestamp <= timestamp
            and (known.rank <= rank or known_clock < clock or known_timestamp < timestamp)
        )  # fmt: skip
    return last


def happenings(tries: Iterable[Any]) -> list[Happening]:
    """The timeline of a task, from `Task.tries` or its moments, in order."""
    moments = moments_of(tries)
    return [
        Happening(task_order.EVENTS[moment.rank], datetime.fromtimestamp(at, UTC), moment.worker, moment.detail)
        for moment, at in zip(moments, task_order.times(moments), strict=True)
    ]  # fmt: skip


def moments_of(tries: Iterable[Any]) -> list[Moment]:
    """The moments of a stored task, from `Task.tries`."""
    return [one if isinstance(one, Moment) else Moment(*one) for one in tries]


def course_of(record: TaskRecord) -> Course | None:
    """What its moments amount to; None before the first."""
    return task_order.course(record.moments) if record.moments else None


def _detail(event: Event, rank: int) -> str:
    if event.type == task_order.CANCELLED:
        return WAS_CANCELLED
    if rank in (RETRIED, FAILED):
        return clean_text(event.exception or "", DETAIL_LENGTH)
    if rank == REVOKED:
        words = ["expired"] if event.expired else []
        if event.terminated:
            words.append(f"terminated{f' with signal {event.signum}' if event.signum else ''}")
        return ", ".join(words)
    return "put back into its queue" if rank == REJECTED and event.requeue else ""


def _conclude(record: TaskRecord, newest: Moment) -> None:
    """State, worker and times as the moments have them, after `newest` was added."""
    found = task_order.course(record.moments)
    deciding = found.deciding
    rank = deciding.rank
    if found.sent is not None:
        record.sent_at, record.sender = found.sent.at, found.sent.worker
    record.received_at, record.started_at = found.received_at, found.started_at
    record.ended_at = found.decided_at if rank >= REJECTED else None
    if newest.rank == STARTED:
        record.limit = None  # it may have another by now
    if newest.rank == RETRIED:
        tries = sum(moment.rank == RETRIED for moment in record.moments)
        record.retries = tries if record.retries is None else max(record.retries, tries)
    if rank != SENT and deciding.worker != record.worker:
        record.worker, record.details_changed, record.limit = deciding.worker, True, None
    if record.state != UNKNOWN or deciding is newest or rank >= REJECTED:  # it stays UNKNOWN until something later is received, or its end
        record.state, record.last_seen_state, record.unknown_reason, record.source = STATES[rank], None, "", record.source if _is_read(deciding) else None
