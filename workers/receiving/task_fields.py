"""The fields of a task that its events carry: how long each may be, which event gives it, and which of several events counts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from workers.receiving.events import Event
from workers.receiving.task_order import RECEIVED, Moment

if TYPE_CHECKING:
    from workers.receiving.task_state import TaskRecord

DETAIL_LENGTH = 200
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
CARRIED: tuple[tuple[tuple[str, int, int], ...], ...] = tuple(
    tuple((name, _BITS[name], TEXT_LENGTHS.get(name, 0)) for name in names)
    for names in (_BY_SENDING, _BY_RECEIPT, (), _BY_FAILURE, (), (), _BY_FAILURE, _BY_SUCCESS)
)
EVERY_FIELD = -1
SHORT, LONG = 255, 4000  # characters that every field has room for, and that those of the arguments have
_RECEIPT = sum(_BITS[name] for name in ("name", "args", "kwargs", "root_id"))
_RECEIPT_OF_CHILD = _RECEIPT | _BITS["parent_id"]
_NAME, _ARGUMENTS, _EXCEPTION = _BITS["name"], _BITS["args"] | _BITS["kwargs"], _BITS["exception"]
_PARENT = _BITS["parent_id"]
_ORIGIN = _NAME | _PARENT
"""Kept from the first event of sending or receipt: a task that is retried or replaces itself then names itself, or one of its children, as its parent."""

TRACEBACK = _BITS["traceback"]
CARRIED_BITS = tuple(sum(bit for _, bit, _ in fields) for fields in CARRIED)


def take(record: TaskRecord, event: Event, rank: int, but: int = 0) -> int:
    """Takes over the fields of an event, but for some. Which fields it carries, as bits."""
    if rank <= RECEIVED:
        record.details_changed = True
    carried = 0
    for name, bit, length in CARRIED[rank]:
        value = getattr(event, name)
        if value is not None and (not length or len(value) > length):
            value = _value(event, name)
        if value is not None or (name == "queue" and event.exchange is not None):  # sent to an exchange, it has no queue, whatever an earlier event reported
            carried |= bit
            if not but & bit:
                setattr(record, name, value)
    return carried


def take_receipt(record: TaskRecord, event: Event) -> int:
    """As `take` of a receipt with nothing left out, for the first event of nearly all tasks: the same without its loop, where no text is too long."""
    name, args, kwargs, root_id, parent_id = event.name, event.args, event.kwargs, event.root_id, event.parent_id
    if (
        name is None or args is None or kwargs is None or root_id is None or event.eta is not None or event.expires is not None
        or len(name) > SHORT or len(args) > LONG or len(kwargs) > LONG or len(root_id) > SHORT
    ):  # fmt: skip
        return take(record, event, RECEIVED)
    record.details_changed = True
    record.name, record.args, record.kwargs, record.root_id = name, args, kwargs, root_id
    if parent_id is None:
        return _RECEIPT
    if len(parent_id) > SHORT:
        return take(record, event, RECEIVED)
    record.parent_id = parent_id
    return _RECEIPT_OF_CHILD


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


def other_name(event: Event, name: str | None) -> str:
    """The name in an event of sending or receipt, if it is not `name`: the task replaced itself (`Task.replace` keeps the id)."""
    if not event.name or not name or event.name == name:
        return ""
    return "" if clean_text(event.name, TEXT_LENGTHS["name"]) == name else clean_text(event.name, DETAIL_LENGTH)


def kept_by_the_first(name: str | None, other: str) -> int:
    """The fields that an event after the first with a name does not change, as bits: name and parent, and of a task that replaced itself the arguments."""
    return 0 if name is None else _ORIGIN | _ARGUMENTS if other else _ORIGIN


def left_to_others(record: TaskRecord, moment: Moment) -> int:
    """The fields that an event between others leaves to them, as bits: to the first name and parent, to the last all others."""
    moments = record.moments
    place = next(at for at, known in enumerate(moments) if known is moment)
    found = 0
    for later in moments[place + 1 :]:
        found |= later.fields & CARRIED_BITS[later.rank]
    if not moment.fields & _NAME:
        return found
    if any(earlier.fields & CARRIED_BITS[earlier.rank] & _NAME for earlier in moments[:place]):
        return found | kept_by_the_first(record.name, moment.detail)
    return found & ~(_ORIGIN | _ARGUMENTS if moment.detail else _ORIGIN)


def has_no_parent(moment: Moment, left: int) -> bool:
    """Whether the moment is the first that names the task, and names no parent: what later ones named is none then. `left`: what it leaves to others."""
    named = moment.fields & CARRIED_BITS[moment.rank]
    return bool(named & _NAME) and not left & _NAME and not named & _PARENT


def last_failure(moments: list[Moment]) -> Moment | None:
    """The last of the moments whose event carried an exception."""
    return next((moment for moment in reversed(moments) if moment.fields & CARRIED_BITS[moment.rank] & _EXCEPTION), None)


def name_others(moments: list[Moment], first: Moment, name: str) -> None:
    """Notes on the moments after the first that they gave another name, which the task had until now."""
    for at, known in enumerate(moments):
        if known is first:
            moments[at] = msgspec.structs.replace(known, detail="")
        elif known.rank <= RECEIVED and known.fields & _NAME and not known.detail:
            moments[at] = msgspec.structs.replace(known, detail=clean_text(name, DETAIL_LENGTH))


def clean_text(text: str, length: int) -> str:
    """At most `length` characters; of a longer text the beginning."""
    return text if len(text) <= length else text[: length - 1] + "…"
