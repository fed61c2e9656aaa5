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
from workers.receiving.task_order import FAILED, RANKS, RECEIVED, REJECTED, RETRIED, REVOKED, SENT, STARTED, STATES, UNKNOWN, Course, Moment
from workers.task_queue import TaskQueue

FIRST_MOMENTS, LAST_MOMENTS = 10, 40
DETAIL_LENGTH = 200
WAS_CANCELLED = "cancelled when its worker lost its connection or was shut down; it runs again if it is acknowledged late"
_END_OF_TIME = 253_402_300_800.0  # the year 10000, which no datetime reaches

TEXT_LENGTHS = {
    "name": 500, "args": 4000, "kwargs": 4000, "root_id": 255, "parent_id": 255, "queue": 255, "exchange": 255, "routing_key": 255,
    "result": 4000, "exception": 4000, "traceback": 20_000,
}  # fmt: skip
HEAVY = ("args", "kwargs", "result", "exception", "traceback")
"""Texts that memory drops once they are stored; None then means: as stored."""
_BY_RECEIPT = ("name", "args", "kwargs", "root_id", "parent_id", "eta", "expires")
_BY_SENDING = (*_BY_RECEIPT, "queue", "exchange", "routing_key")
_BY_FAILURE = ("exception", "traceback")
_BY_SUCCESS = ("result", "runtime")
_BITS = {name: 1 << place for place, name in enumerate((*_BY_SENDING, *_BY_FAILURE, *_BY_SUCCESS))}
_CARRIED: tuple[tuple[tuple[str, int, int], ...], ...] = tuple(
    tuple((name, _BITS[name], TEXT_LENGTHS.get(name, 0)) for name in names)
    for names in (_BY_SENDING, _BY_RECEIPT, (), _BY_FAILURE, (), (), _BY_FAILURE, _BY_SUCCESS)
)
_EVERY_FIELD = -1
_CARRIED_BITS = tuple(sum(bit for _, bit, _ in fields) for fields in _CARRIED)


class TaskRecord(msgspec.Struct, gc=False):
    """One task, with the types that its row has too. Times are seconds since 1970 by our clock, to the microsecond."""

    uuid: str
    first_seen_at: float
    state: str = "PENDING"
    last_seen_state: str | None = None
    unknown_reason: str = ""
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
    if timestamp is not None and 0 < timestamp < task_order.LATEST_TIMESTAMP:
        at = timestamp - ahead
        if at > received_at:  # it can't have been sent after we received it: its clock is ahead by more than we know
            at = received_at
    else:
        at, timestamp = received_at, None
    at = round(at, 6)
    last = _place(record.moments, event, rank, timestamp, at)
    if last is None:
        return False
    fields = _take(record, event, rank, 0 if last else _EVERY_FIELD) if _CARRIED[rank] else 0
    detail = _detail(event, rank) if rank >= RETRIED else ""
    moment = Moment(at, rank, event.hostname, timestamp, detail, event.clock, event.pid, fields, event.retries)
    moments = record.moments
    moments.append(moment)
    if not last:
        moments[:] = task_order.arranged(moments)
        _take(record, event, rank, _fields_after(moments, moment))
    if event.retries is not None and (record.retries is None or event.retries > record.retries):
        record.retries = event.retries
    if len(moments) > FIRST_MOMENTS + LAST_MOMENTS:
        del moments[FIRST_MOMENTS]
        record.left_out += 1
    if last and SENT < rank != RETRIED and record.ended_at is None and record.state != UNKNOWN:
        _go_on(record, moment)
    else:
        _conclude(record, moment)
    return True


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


def clean_text(text: str, length: int) -> str:
    """At most `length` characters; of a longer text the beginning."""
    return text if len(text) <= length else text[: length - 1] + "…"


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


def _take(record: TaskRecord, event: Event, rank: int, but: int = 0) -> int:
    """Takes over the fields of an event, but for some. Which fields it carries, as bits."""
    if rank <= RECEIVED:
        record.details_changed = True
    carried = 0
    for name, bit, length in _CARRIED[rank]:
        value = getattr(event, name)
        if value is not None and (not length or len(value) > length):
            value = _value(event, name)
        if value is not None or (name == "queue" and event.exchange is not None):  # sent to an exchange, it has no queue, whatever an earlier event reported
            carried |= bit
            if not but & bit:
                setattr(record, name, value)
    return carried


def _value(event: Event, name: str) -> Any:
    """As it is kept; None if there is none, or none that can be kept."""
    value = getattr(event, name)
    if value is None or name == "runtime":
        return value
    if name in ("eta", "expires"):
        return _seconds(value)
    length = TEXT_LENGTHS[name]
    if len(value) <= length:
        return value
    return "…" + value[1 - length :] if name == "traceback" else clean_text(value, length)  # a traceback's end shows most


def _seconds(text: str) -> float | None:
    """A moment in ISO 8601 as seconds since 1970; None for what is none. Without a zone it is in UTC, Celery's default."""
    try:
        moment = datetime.fromisoformat(text)
        found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), 6)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < _END_OF_TIME else None


def _fields_after(moments: list[Moment], moment: Moment) -> int:
    """The fields that later moments carried, as bits."""
    found = 0
    for later in reversed(moments):
        if later is moment:
            break
        found |= later.fields & _CARRIED_BITS[later.rank]
    return found


def _go_on(record: TaskRecord, newest: Moment) -> None:
    """As `_conclude`, for what nearly all events are: the next of a task that has not ended."""
    rank, at = newest.rank, newest.at
    if rank == RECEIVED:
        record.received_at = at
    elif rank == STARTED:
        record.started_at = at
    else:
        record.ended_at = at
    if newest.worker != record.worker:
        record.worker, record.details_changed = newest.worker, True
    record.state, record.last_seen_state = STATES[rank], None


def _conclude(record: TaskRecord, newest: Moment) -> None:
    """State, worker and times as the moments have them, after `newest` was added."""
    found = task_order.course(record.moments)
    deciding = found.deciding
    rank = deciding.rank
    if found.sent is not None:
        record.sent_at, record.sender = found.sent.at, found.sent.worker
    record.received_at, record.started_at = found.received_at, found.started_at
    record.ended_at = found.decided_at if rank >= REJECTED else None
    if newest.rank == RETRIED:
        tries = sum(moment.rank == RETRIED for moment in record.moments)
        record.retries = tries if record.retries is None else max(record.retries, tries)
    if rank != SENT and deciding.worker != record.worker:
        record.worker, record.details_changed = deciding.worker, True
    if record.state != UNKNOWN or deciding is newest or rank >= REJECTED:  # it stays UNKNOWN until something later is received, or its end
        record.state, record.last_seen_state, record.unknown_reason = STATES[rank], None, ""
