"""The bodies of Celery's event messages, parsed: one event or a list of them, by Celery 4 and 5, or by whatever else sends to `celeryev`.

Pure. Never raises: what can't be understood is counted, with an example. Numbers and times that nothing else could compute with (milliseconds,
the year 1, a day from now) are left out here, so that they get nowhere. Only JSON is read, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from workers.receiving.task_order import RANKS

LARGEST_BODY_BYTES = 16 * 1024 * 1024
EXAMPLE_LENGTH = 300
FARTHEST_SECONDS = 86_400.0  # a clock that is off by more does not show when something happened

Count = Annotated[int, Meta(ge=0, le=2**53)]
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Moment = Annotated[float, Meta(ge=1e9, le=4e9)]  # from 2001 to 2096, so not in milliseconds
Load = Annotated[float, Meta(ge=0, le=1e6)]
Duration = Annotated[float, Meta(ge=0, le=1e9)]
Word = Annotated[str, Meta(max_length=255)]


class Event(msgspec.Struct, gc=False):
    """One event. `timestamp` is the sender's clock; `clock` its Lamport clock. The fields from `freq` on are in worker events only, those from
    `uuid` on in task events. Texts of tasks are of any length here, and hold no NUL.
    """

    type: Annotated[str, Meta(min_length=1, max_length=128)]
    hostname: Annotated[str, Meta(min_length=1, max_length=255)]
    timestamp: Moment | None = None
    pid: Small | None = None
    clock: Count | None = None
    freq: Duration | None = None
    active: Small | None = None
    processed: Count | None = None
    loadavg: list[Load] | None = None
    sw_ident: Word | None = None
    sw_ver: Word | None = None
    sw_sys: Word | None = None
    uuid: Word | None = None
    name: str | None = None
    args: str | None = None  # a repr, cut by the sender
    kwargs: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    retries: Small | None = None
    eta: str | None = None  # ISO 8601
    expires: str | None = None
    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    result: str | None = None
    runtime: Duration | None = None
    exception: str | None = None
    traceback: str | None = None
    terminated: bool | None = None
    expired: bool | None = None
    signum: int | str | None = None
    requeue: bool | None = None


class Parsed(msgspec.Struct, gc=False):
    """`refused` counts what was not understood, whole events or fields of them; `example` has a reason and the beginning of one.
    `custom` has those of `events` that name a task and that Celery does not send itself, each with all its fields; None if there are none."""

    events: list[Event] = []
    refused: int = 0
    example: str = ""
    custom: list[tuple[Event, dict[str, Any]]] | None = None


_one = msgspec.json.Decoder(Event)
_many = msgspec.json.Decoder(list[Event])
_REQUIRED = ("type", "hostname")
_OPTIONAL = tuple(field for field in Event.__struct_fields__ if field not in _REQUIRED)
_FIELD_TYPES = {field.name: field.type for field in msgspec.structs.fields(Event)}
_TASK_TEXTS = frozenset(field.name for field in msgspec.structs.fields(Event) if field.type == str | None)
_NUL = b"\\u0000"
_CELERYS = frozenset((*RANKS, "worker-heartbeat", "worker-online", "worker-offline"))


def parse(body: bytes, content_type: str | None = "application/json", received_at: float | None = None) -> Parsed:
    """The events of one message, in order. `received_at`, seconds since 1970: timestamps more than a day from it count as absent.

    >>> parse(b'{"type": "worker-online", "hostname": "w@h", "new_field": 1}').events[0].hostname
    'w@h'
    """
    if "json" not in (content_type or "").lower():  # application/json, or a type of the user's own, which is taken by its name
        return Parsed(refused=1, example=_example(f"content type {content_type or 'missing'}, only JSON is read", body))
    if len(body) > LARGEST_BODY_BYTES:
        return Parsed(refused=1, example=_example(f"{len(body)} bytes are too many", body))
    parsed, has_custom = _parsed(body), False
    for event in parsed.events:
        timestamp = event.timestamp
        if event.type not in _CELERYS:
            has_custom = True
        if (
            event.eta is None
            and event.expires is None
            and (timestamp is None or received_at is None or -FARTHEST_SECONDS <= timestamp - received_at <= FARTHEST_SECONDS)
        ):
            continue
        for problem in _leave_out_times(event, received_at):
            parsed.refused += 1
            parsed.example = parsed.example or _example(problem, body)
    if has_custom and parsed.custom is None:
        parsed.custom = _custom(parsed.events, body)
    return parsed


def _is_custom(event: Event) -> bool:
    return event.uuid is not None and event.type not in _CELERYS


def _custom(events: list[Event], body: bytes) -> list[tuple[Event, dict[str, Any]]]:
    """`events` are all of the body."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []  # what the other parser took and this one can't, has no fields that could be shown
    items = found if isinstance(found, list) else [found]
    return [(event, item) for event, item in zip(events, items, strict=True) if _is_custom(event)]


def _parsed(body: bytes) -> Parsed:
    if _NUL in body:
        return _parse_leniently(body)
    try:
        return Parsed(_many.decode(body) if body.startswith(b"[") else [_one.decode(body)])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(body)


def _leave_out_times(event: Event, received_at: float | None) -> list[str]:
    """Takes moments out of the event that can't be true or can't be stored; what was wrong with each."""
    problems = []
    if event.timestamp is not None and received_at is not None and abs(event.timestamp - received_at) > FARTHEST_SECONDS:
        problems.append(f"timestamp: {event.timestamp:.0f} is more than a day from when it was received")
        event.timestamp = None
    if event.eta is not None and not _is_moment(event.eta):
        problems.append("eta: not a moment from 1970 to 9998 in ISO 8601")
        event.eta = None
    if event.expires is not None and not _is_moment(event.expires):
        problems.append("expires: not a moment from 1970 to 9998 in ISO 8601")
        event.expires = None
    return problems


def _is_moment(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
        return 1970 <= (moment.astimezone(UTC) if moment.tzinfo else moment).year <= 9998
    except (ValueError, OverflowError):
        return False


def _parse_leniently(body: bytes) -> Parsed:
    """Event by event and field by field, so that one bad value costs only itself. NaN and infinity, which Python's JSON writes, count as null."""
    try:
        found = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        return Parsed(refused=1, example=_example(f"not JSON ({error})", body))
    custom: list[tuple[Event, dict[str, Any]]] = []
    parsed = Parsed(events=[], custom=custom)
    for item in found if isinstance(found, list) else [found]:
        event, problem = _event(item)
        if event is not None:
            parsed.events.append(event)
            if _is_custom(event):
                problem = ""  # its fields are its sender's own
                custom.append((event, item))
        if problem:
            parsed.refused += 1
            parsed.example = parsed.example or _example(problem, body)
    return parsed


def _event(item: Any) -> tuple[Event | None, str]:
    """(the event without the fields that are wrong, what was wrong with it or "")."""
    if not isinstance(item, dict):
        return None, f"an event is an object, not {type(item).__name__}"
    fields: dict[str, Any] = {}
    problem = ""
    for name in (*_REQUIRED, *_OPTIONAL):
        if name not in item:
            value, wrong = None, "missing" if name in _REQUIRED else ""
        else:
            value, wrong = _value(_as_text(item[name]) if name in _TASK_TEXTS else item[name], _FIELD_TYPES[name])
        if wrong and name in _REQUIRED:
            return None, f"{name}: {wrong}"
        problem = problem or (f"{name}: {wrong}" if wrong else "")
        fields[name] = value
    return Event(**fields), problem


def _value(found: Any, wanted: Any) -> tuple[Any, str]:
    try:
        value = msgspec.convert(_encodable(found), wanted, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        return None, str(error)
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        return None, "not a finite number"
    return value, ""


def _as_text(found: Any) -> Any:
    """What others than Celery send as values where it sends texts, as JSON."""
    return found if found is None or isinstance(found, str) else json.dumps(found)


def _encodable(found: Any) -> Any:
    """Texts without lone surrogates and NUL, which not every database takes."""
    return found.encode("utf-8", "replace").decode().replace("\x00", "�") if isinstance(found, str) else found


def _example(problem: str, body: bytes) -> str:
    text = body[:EXAMPLE_LENGTH].decode("utf-8", "replace").replace("\x00", "�")
    return f"{problem[:EXAMPLE_LENGTH]}: {text}"
