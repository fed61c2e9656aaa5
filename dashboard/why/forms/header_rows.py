"""Headers of a message as rows of name, AMQP type and value, beside those that are written as JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from brokers.routing.values import INTEGERS, InvalidValue, Value, from_json
from dashboard.layout import json_fields

_WHOLE = re.compile(r"-?[0-9]{1,40}")
MOST_ROWS = 8
BLANK_ROWS = 2
TYPES = (
    *("longstr", "bool", "byte", "unsignedbyte", "short", "unsignedshort", "signedint", "unsignedint", "long", "float", "double", "decimal"),
    *("timestamp", "void", "binary", "table", "array"),
)
"""As in `headers_amqp` of a question (docs/routing.md), the most usual first."""


def _fields(number: int) -> tuple[str, str, str]:
    return f"header_{number}", f"header_{number}_type", f"header_{number}_value"


FIELDS = tuple(name for number in range(1, MOST_ROWS + 1) for name in _fields(number))


class HeaderRow(msgspec.Struct, frozen=True):
    """One row; `id` begins the names of its three fields."""

    id: str
    name: str
    type: str
    value: str

    @property
    def is_blank(self) -> bool:
        return not self.name and not self.value


class HeaderProblem(ValueError):
    """A row that can't be read; `str()` is a sentence."""


def rows(values: Mapping[str, str]) -> list[HeaderRow]:
    """The rows that are filled in, then a few blank ones, at most MOST_ROWS."""
    found = [HeaderRow(f"header_{number}", *(values[name] for name in _fields(number))) for number in range(1, MOST_ROWS + 1)]
    filled = sum(not row.is_blank for row in found)
    shown = [row for row in found if not row.is_blank] + [row for row in found if row.is_blank]
    return shown[: filled + BLANK_ROWS]


def headers_amqp(values: Mapping[str, str], plain: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The headers as `headers_amqp` of a question: the rows, and `plain` with the types that JSON stands for; None without rows. Raises HeaderProblem."""
    filled = [row for row in rows(values) if not row.is_blank]
    if not filled:
        return None
    try:
        found = {name: _pair(from_json(value, f"headers.{name}")) for name, value in (plain or {}).items()}
    except InvalidValue as error:
        raise HeaderProblem(f"{error.path} {error.why}.") from error
    for row in filled:
        if not row.name:
            raise HeaderProblem(f"A header with the value {row.value} needs a name.")
        if row.name in found:
            raise HeaderProblem(f"{row.name} is there twice.")
        found[row.name] = [row.type or "longstr", _read(row)]
    return found


def _pair(value: Value) -> list[Any]:
    if value.type == "table":
        return ["table", {name: _pair(inner) for name, inner in value.value.items()}]
    if value.type == "array":
        return ["array", [_pair(inner) for inner in value.value]]
    return [value.type, value.value]


def _read(row: HeaderRow) -> Any:
    """The value of its type. Raises HeaderProblem."""
    kind, text = row.type or "longstr", row.value.strip()
    try:
        if kind in INTEGERS or kind == "timestamp":
            if not _WHOLE.fullmatch(text):
                raise ValueError
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "decimal":
            sign, digits, exponent = Decimal(text).as_tuple()
            if sign or not isinstance(exponent, int) or exponent > 0:
                raise ValueError
            return [-exponent, int("".join(map(str, digits)))]
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        if kind in ("table", "array"):
            return _pair(from_json(json_fields.parse(text, dict if kind == "table" else list), row.name))[1]
    except (ValueError, KeyError, InvalidOperation, OverflowError) as error:
        why = f": {error}" if isinstance(error, json_fields.JsonProblem | InvalidValue) else ""
        raise HeaderProblem(f"{row.name}: {text or 'an empty value'} is no {kind}{why}") from error
    return None if kind == "void" else row.value
