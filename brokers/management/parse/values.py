"""Single values of RabbitMQ's JSON, including what it sends in place of unknown ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from brokers.errors import BrokerAnswerUnusable

Answer = TypeVar("Answer")
Row = TypeVar("Row")
Loose = Any
"""A number, text or table, or what RabbitMQ sends in its place."""

_LARGEST = 2**63 - 1  # what the database can hold


class Counters(msgspec.Struct):
    """`message_stats` of a broker, queue or exchange."""

    publish: Loose = None
    deliver_get: Loose = None
    ack: Loose = None
    redeliver: Loose = None
    drop_unroutable: Loose = None
    return_unroutable: Loose = None
    publish_in: Loose = None
    publish_out: Loose = None


def decoded(body: bytes, kind: type[Answer]) -> Answer:
    """The JSON as `kind`. Bytes that are not UTF-8 (names may hold any) become U+FFFD. Raises BrokerAnswerUnusable."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:
        body = body.decode("utf-8", errors="replace").encode()
    except msgspec.ValidationError as error:
        raise BrokerAnswerUnusable(f"the answer has an unexpected shape: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BrokerAnswerUnusable(f"the answer is not JSON: {error}") from error
    return decoded(body, kind)


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """A part of a list."""

    rows: list[Row]
    is_last: bool


class _Page(msgspec.Struct):
    items: msgspec.Raw
    page_count: Loose = 1


def page(body: bytes, parser: Callable[[bytes], list[Row]], number: int) -> Page[Row]:
    """A page of a list. A broker that knows no pages answers the first one with all, as a plain list; one beyond the last is empty."""
    if body.lstrip()[:1] == b"[":
        return Page(parser(body), True)
    found = decoded(body, _Page)
    return Page(parser(bytes(found.items)), number >= (integer(found.page_count) or 1))


def integer(value: Loose) -> int | None:
    """A whole number; None for what is no number ("" stood for "not known" up to 3.7), and beyond what can be stored.

    >>> integer(3), integer(3.0), integer(""), integer(None), integer(True)
    (3, 3, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _LARGEST:
        return None
    return int(value)


def count(value: Loose) -> int | None:
    """How many there are; None for what is no number, and for a negative one, which some versions report for a while (a race of their counters).

    >>> count(3), count(-4)
    (3, None)
    """
    found = integer(value)
    return None if found is None or found < 0 else found


def number(value: Loose) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) else float(value)


def flag(value: Loose) -> bool | None:
    return value if isinstance(value, bool) else None


def text(value: Loose) -> str:
    """The text; "" for whatever is none."""
    return value if isinstance(value, str) else ""


def table(value: Loose) -> dict[str, Any]:
    """A table; {} also for `[]`, as Erlang writes an empty one, and for null and ""."""
    return value if isinstance(value, dict) else {}


def counters(value: Loose) -> Counters:
    return msgspec.convert(table(value), Counters)


def moment(value: Loose, per_second: int) -> datetime | None:
    """A Unix time in units of 1/per_second; None for what is no plausible time (publishers set timestamps as they like)."""
    seconds = number(value)
    try:
        return None if seconds is None or seconds <= 0 else datetime.fromtimestamp(seconds / per_second, UTC)
    except (OverflowError, ValueError, OSError):
        return None
