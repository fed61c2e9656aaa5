"""Conditions that filter a list of queues or connections, such as depth > 1000, checked against a whitelist.

Pure. `brokers.queries` turns them into database filters; the text syntax is defined in `dashboard.layout.filter_language`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import msgspec

Value = str | float | bool

STILL_AFTER = timedelta(seconds=30)
FED_LATELY = timedelta(minutes=2)  # a message every minute is growth too, although most polls see none

TEXT_OPERATORS: tuple[str, ...] = ("=", "!=", "~", "in")
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, ">": gt, "<": lt, ">=": ge, "<=": le}
NUMBER_OPERATORS: tuple[str, ...] = tuple(COMPARISONS)
FLAG_OPERATORS: tuple[str, ...] = ("=", "!=")

CLIENT_TEXT_FIELDS = frozenset({"client", "user", "peer_host", "product", "protocol"})
TEXT_FIELDS = CLIENT_TEXT_FIELDS | {"name", "vhost", "type", "state", "policy", "node"}
COUNT_FIELDS = frozenset({"depth", "ready", "unacknowledged", "consumers", "channels"})
NUMBER_FIELDS = COUNT_FIELDS | {"publish_per_second", "deliver_per_second", "ack_per_second"}
DERIVED_FIELDS = frozenset({"celery_own", "growing", "stuck", "broken", "unclear"})
"""No columns: `celery_own` matches the names of internal queues of Celery and Hareline, `growing` means more in than out, or messages that come while nobody
consumes them, `stuck` nothing acknowledged for a while, `broken` a queue or a member of it that can't be used, `unclear` that it is not known how the queue
is."""
FLAG_FIELDS = frozenset({"durable", "exclusive", "tls"}) | DERIVED_FIELDS
FIELDS = TEXT_FIELDS | NUMBER_FIELDS | FLAG_FIELDS

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Condition(msgspec.Struct, frozen=True):
    """One condition: `value` may be text as typed; `in` takes a tuple, or text with commas. Raises ValueError that lists what is allowed."""

    field: str
    operator: str
    value: Value | tuple[str, ...]

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise ValueError(f"nothing can be filtered by {self.field!r}; allowed: {', '.join(sorted(FIELDS))}")
        if self.operator not in operators(self.field):
            raise ValueError(f"{self.field} can't be compared with {self.operator!r}; allowed: {' '.join(operators(self.field))}")
        self.typed_value()

    def typed_value(self) -> Value | tuple[str, ...]:
        """The value in the field's type: text, a tuple of texts for `in`, a finite number, or a truth value.

        >>> Condition("depth", ">", "1000").typed_value()
        1000.0
        """
        if self.field in NUMBER_FIELDS:
            return _number(self.field, self.value)
        if self.field in FLAG_FIELDS:
            return _flag(self.field, self.value)
        if self.operator == "in":
            return tuple(map(str, self.value)) if isinstance(self.value, tuple) else tuple(part.strip() for part in str(self.value).split(","))
        return str(self.value)


def operators(field: str) -> tuple[str, ...]:
    """The operators of a field; () for an unknown field."""
    if field in TEXT_FIELDS:
        return TEXT_OPERATORS
    if field in NUMBER_FIELDS:
        return NUMBER_OPERATORS
    return FLAG_OPERATORS if field in FLAG_FIELDS else ()


def _number(field: str, value: Value | tuple[str, ...]) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{field}: expected a number, got {value!r}")
    return number


def _flag(field: str, value: Value | tuple[str, ...]) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _FLAGS[str(value).strip().lower()]
    except KeyError:
        raise ValueError(f"{field}: expected true or false, got {value!r}") from None
