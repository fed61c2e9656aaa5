"""Events of a task that its own code sends (`self.send_event("task-progress", current=3, total=10)`): what is kept of them, and the progress they report.

Pure. Whatever they carry is kept under its own name, within bounds that no sender can exceed: of one event at most 2,000 bytes, of one type the latest
five, of one task the eight types of which the latest came last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from workers.redaction import REDACTED, Redaction

Value = str | int | float | bool | None

EVENT_BYTES = 2_000
MOST_FIELDS, NAME_LENGTH, TEXT_LENGTH = 20, 60, 300
MOST_OF_A_TYPE, MOST_TYPES = 5, 8
LARGEST_NUMBER = 2**53
CELERYS = frozenset(("type", "uuid", "hostname", "timestamp", "pid", "clock", "utcoffset"))
"""Fields that Celery adds to every event."""
HIDDEN = "hidden"
DONE = ("current", "done", "completed", "processed", "progress", "n", "i")
TOTAL = ("total", "count", "of")
PERCENT = ("percent", "percentage", "pct")
TEXTS = ("message", "description", "status", "text", "step", "stage")
_CUT_BEFORE_REDACTION = 4 * TEXT_LENGTH
_TOO_DEEP = "nested too deeply to show"


class CustomEvent(msgspec.Struct, frozen=True):
    """`at`: seconds since 1970 by our clock. Values that are no JSON scalars are kept as their JSON, cut. `left_out`: fields beyond those kept."""

    type: str
    at: float
    worker: str
    fields: dict[str, Value]
    left_out: int = 0
    clock: int | None = None

    def without_texts(self) -> CustomEvent:
        """For a person who may not see arguments: any text may hold one. Numbers stay."""
        fields = {name: HIDDEN if isinstance(value, str) else value for name, value in self.fields.items()}
        return msgspec.structs.replace(self, fields=fields)


class Progress(msgspec.Struct, frozen=True):
    """`share` of what is to be done, from 0 to 1; None where the event has no such numbers. `done` and `total` as the event has them."""

    share: float | None
    text: str = ""
    done: float | None = None
    total: float | None = None


def fields_of(item: Mapping[str, Any], redaction: Redaction) -> tuple[dict[str, Value], int]:
    """(the fields of an event that Celery did not add, in order, without secrets; how many were left out).

    >>> fields_of({"type": "task-progress", "uuid": "1", "current": 3, "parts": [1, 2], "password": "x"}, Redaction())
    ({'current': 3, 'parts': '[1,2]', 'password': '[redacted]'}, 0)
    """
    found: dict[str, Value] = {}
    left_out, size = 0, 0
    for name, value in item.items():
        if name in CELERYS:
            continue
        if len(found) == MOST_FIELDS:
            left_out += 1
            continue
        shown = _plain(name[:NAME_LENGTH])
        kept = REDACTED if value is not None and not isinstance(value, bool) and redaction.is_secret(name[:TEXT_LENGTH]) else _value(value, redaction)
        size += len(shown.encode()) + (len(kept.encode()) if isinstance(kept, str) else 20)
        if size > EVENT_BYTES or shown in found:
            left_out += 1
            continue
        found[shown] = kept
    return found, left_out


def _value(value: Any, redaction: Redaction) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_NUMBER:
        return value if redaction.text(str(value)) == str(value) else REDACTED  # the number of a card
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str):
        return _cut(redaction.text(_plain(value[:_CUT_BEFORE_REDACTION])))
    if isinstance(value, int | float):
        return "a number too large to show"
    try:
        written = msgspec.json.encode(value).decode("utf-8", "replace")
    except (RecursionError, ValueError, TypeError, OverflowError):
        return _TOO_DEEP
    return _cut(redaction.text(_plain(written[:_CUT_BEFORE_REDACTION])))


def _plain(text: str) -> str:
    """Without lone surrogates and NUL, which not every database takes."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 1]}…"


def kept(events: Iterable[CustomEvent]) -> list[CustomEvent]:
    """What is kept of a task's events, in order: those of one moment, type and worker once, within the bounds."""
    ordered = sorted({(event.type, event.at, event.clock, event.worker): event for event in events}.values(), key=_order)
    by_type: dict[str, list[CustomEvent]] = {}
    for event in reversed(ordered):
        of_type = by_type.get(event.type)
        if of_type is None and len(by_type) < MOST_TYPES:
            by_type[event.type] = [event]
        elif of_type is not None and len(of_type) < MOST_OF_A_TYPE:
            of_type.append(event)
    return sorted((event for of_type in by_type.values() for event in of_type), key=_order)


def _order(event: CustomEvent) -> tuple[float, int]:
    return event.at, event.clock or 0


def progress(fields: Mapping[str, Value]) -> Progress:
    """What an event reports of how far a task is.

    >>> progress({"current": 3, "total": 10, "message": "packing"})
    Progress(share=0.3, text='packing', done=3, total=10)
    >>> progress({"progress": 0.4}).share is None  # of 1 or of 100: the event does not contain it
    True
    """
    text = next((value for name in TEXTS if isinstance(value := fields.get(name), str) and value and value != HIDDEN), "")
    done, total, percent = _number(fields, DONE), _number(fields, TOTAL), _number(fields, PERCENT)
    if done is not None and total is not None and total > 0 and 0 <= done <= total:
        return Progress(done / total, text, done, total)
    if percent is not None and 0 <= percent <= 100:
        return Progress(percent / 100, text)
    return Progress(None, text)


def _number(fields: Mapping[str, Value], names: Iterable[str]) -> float | None:
    """The first of these fields that is a number."""
    return next((value for name in names if isinstance(value := fields.get(name), int | float) and not isinstance(value, bool)), None)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[CustomEvent]).decode


def stored(events: list[CustomEvent]) -> str:
    return _encode(events).decode()


def resumed(text: str) -> list[CustomEvent]:
    """As they were stored; [] for what an earlier version stored otherwise."""
    try:
        return _decode(text)
    except msgspec.MsgspecError:
        return []
