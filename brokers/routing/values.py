"""AMQP field values with their types, and when RabbitMQ's headers exchange considers two of them equal.

Pure. Rules: the AMQP 0-9-1 field table as RabbitMQ reads it, observed on 3.10.8 and 4.0.5.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Any

import msgspec

RANGES = {
    "byte": (-(2**7), 2**7),
    "unsignedbyte": (0, 2**8),
    "short": (-(2**15), 2**15),
    "unsignedshort": (0, 2**16),
    "signedint": (-(2**31), 2**31),
    "unsignedint": (0, 2**32),
    "long": (-(2**63), 2**63),
    "timestamp": (0, 2**64),
}
INTEGERS = frozenset(RANGES) - {"timestamp"}
FLOATS = frozenset({"float", "double"})
NUMBERS = INTEGERS | FLOATS | {"timestamp", "decimal"}
TYPES = NUMBERS | {"longstr", "binary", "bool", "void", "table", "array"}
MOST_DEPTH = 32


class Value(msgspec.Struct, frozen=True):
    """A field value. A table's `value` is {name: Value} in the order of the wire, an array's a tuple of Values, a decimal's (scale, digits).

    `exact` is False where the type was guessed from JSON.
    """

    type: str
    value: Any
    exact: bool = True


VOID = Value("void", None)
Table = Mapping[str, Value]


class Sameness(Enum):
    """UNKNOWN: whether they are equal depends on types that JSON has lost."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class InvalidValue(ValueError):
    """A value that AMQP can't carry; `path` names it (`headers.a.b`)."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


def from_json(value: Any, path: str = "value", depth: int = 0) -> Value:
    """The AMQP value for plain JSON: an integer has 32 bits if they suffice, a number with a decimal point is a double, null void.

    Python's AMQP clients write them like this. Raises InvalidValue.

    >>> from_json(1).type, from_json(1.0).type
    ('signedint', 'double')
    """
    if depth > MOST_DEPTH:
        raise InvalidValue(path, f"nested deeper than {MOST_DEPTH}")
    if value is None:
        return VOID
    if isinstance(value, bool):
        return Value("bool", value, False)
    if isinstance(value, str):
        return Value("longstr", value, False)
    if isinstance(value, int):
        kind = "signedint" if -(2**31) <= value < 2**31 else "long"
        return Value(kind, _in_range(kind, value, path), False)
    if isinstance(value, float):
        return Value("double", value, False)
    if isinstance(value, Mapping):
        return Value("table", {str(name): from_json(item, f"{path}.{name}", depth + 1) for name, item in value.items()}, False)
    if isinstance(value, list | tuple):
        return Value("array", tuple(from_json(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)), False)
    raise InvalidValue(path, f"{type(value).__name__} is not JSON")


def from_pair(pair: Any, path: str = "value", depth: int = 0) -> Value:
    """The value of an exact `[type, value]` pair. Raises InvalidValue for an unknown type or a value that doesn't fit it.

    >>> from_pair(["short", 7])
    Value(type='short', value=7, exact=True)
    """
    if depth > MOST_DEPTH:
        raise InvalidValue(path, f"nested deeper than {MOST_DEPTH}")
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str) or pair[0] not in TYPES:
        raise InvalidValue(path, f"expected [type, value] with a type of {', '.join(sorted(TYPES))}")
    kind, value = pair
    if kind == "void":
        return VOID
    if kind == "table" and isinstance(value, Mapping):
        return Value(kind, {str(name): from_pair(item, f"{path}.{name}", depth + 1) for name, item in value.items()})
    if kind == "array" and isinstance(value, list | tuple):
        return Value(kind, tuple(from_pair(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)))
    return Value(kind, _scalar(kind, value, path))


def _scalar(kind: str, value: Any, path: str) -> Any:
    if kind in RANGES and type(value) is int:
        return _in_range(kind, value, path)
    if kind == "double" and type(value) in (int, float):
        return _as_float(value, path)
    if kind == "float" and type(value) in (int, float):
        try:
            return struct.unpack(">f", struct.pack(">f", value))[0]
        except OverflowError:
            raise InvalidValue(path, f"{value} is too large for a float") from None
    if kind == "decimal" and isinstance(value, list | tuple) and len(value) == 2 and all(type(part) is int for part in value):
        return (_in_range("unsignedbyte", value[0], path), _in_range("unsignedint", value[1], path))
    if (kind == "bool" and isinstance(value, bool)) or (kind in ("longstr", "binary") and isinstance(value, str)):
        return value
    raise InvalidValue(path, f"{str(value)[:60]!r} is not a {kind}")


def _in_range(kind: str, value: int, path: str) -> int:
    low, high = RANGES[kind]
    if not low <= value < high:
        raise InvalidValue(path, f"a {kind} must be between {low} and {high - 1}")
    return value


def _as_float(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InvalidValue(path, "too large for a double") from None


def table_from_json(table: Mapping[str, Any], path: str) -> dict[str, Value]:
    """A headers table of plain JSON. Raises InvalidValue."""
    return {name: from_json(value, f"{path}.{name}") for name, value in table.items()}


def table_from_pairs(table: Mapping[str, Any], path: str) -> dict[str, Value]:
    """A headers table of exact types. Raises InvalidValue."""
    return {name: from_pair(pair, f"{path}.{name}") for name, pair in table.items()}


def comparable(value: Value, version: tuple[int, ...], in_message: bool) -> Hashable:
    """What RabbitMQ compares at the top level of a headers match: equal values have equal comparables.

    3.10 compares integers, floats and timestamps by number. 4.0 keeps integers and floats apart (0.0 from -0.0 too) and reads a
    message's timestamp in milliseconds.

    >>> comparable(Value("short", 1), (3, 10), True) == comparable(Value("double", 1.0), (3, 10), False)
    True
    """
    kind, raw = value.type, value.value
    if kind in ("longstr", "binary"):
        return ("s", raw)
    new = version >= (4,)
    if kind in INTEGERS:
        return ("i" if new else "n", raw)
    if kind == "timestamp":
        return ("i", raw * 1000 if in_message else raw) if new else ("n", raw)
    if kind in FLOATS:
        return ("f", struct.pack(">d", raw)) if new else ("n", raw)
    return _nested(value, version)


def _nested(value: Value, version: tuple[int, ...]) -> Hashable:
    """Inside tables and arrays exact types count, and in a table the order."""
    kind, raw = value.type, value.value
    if kind == "table":
        return ("t", tuple((name, _nested(item, version)) for name, item in raw.items())) if raw else ("empty",)
    if kind == "array":
        return ("a", tuple(_nested(item, version) for item in raw)) if raw else ("empty",)
    if kind in FLOATS and version >= (4,):
        return (kind, struct.pack(">d", raw))
    return (kind, raw)


def sameness(wanted: Value, given: Value, version: tuple[int, ...]) -> Sameness:
    """Whether a message's value equals a binding's, as far as types are known.

    >>> sameness(from_json({"a": 1}), from_pair(["table", {"a": ["long", 1]}]), (4, 0)).value
    'unknown'
    """
    if wanted.type in ("table", "array") or given.type in ("table", "array"):
        return _same_inside(wanted, given, version)
    if wanted.type == "void" or comparable(wanted, version, False) == comparable(given, version, True):
        return Sameness.SAME
    if "decimal" in (wanted.type, given.type) and not (wanted.exact and given.exact) and _loose(wanted) == _loose(given):
        return Sameness.UNKNOWN
    return Sameness.DIFFERENT


def _same_inside(wanted: Value, given: Value, version: tuple[int, ...]) -> Sameness:
    sure = wanted.exact and given.exact
    if wanted.type in ("table", "array") and given.type in ("table", "array"):
        if not wanted.value and not given.value:
            return Sameness.SAME
        if wanted.type != given.type or len(wanted.value) != len(given.value):
            return Sameness.DIFFERENT
        if wanted.type == "array":
            return _all_same([_same_inside(one, other, version) for one, other in zip(wanted.value, given.value, strict=True)])
        if wanted.value.keys() != given.value.keys():
            return Sameness.DIFFERENT
        found = _all_same([_same_inside(item, given.value[name], version) for name, item in wanted.value.items()])
        if found is not Sameness.DIFFERENT and list(wanted.value) != list(given.value):
            return Sameness.DIFFERENT if sure else Sameness.UNKNOWN
        return found
    if wanted.type == given.type:
        if _nested(wanted, version) != _nested(given, version):
            return Sameness.DIFFERENT
        return Sameness.SAME if sure or not _may_hide(wanted, given) else Sameness.UNKNOWN
    return Sameness.UNKNOWN if not sure and _loose(wanted) == _loose(given) else Sameness.DIFFERENT


def _may_hide(wanted: Value, given: Value) -> bool:
    """Whether the JSON may hide another type: a number always; text may be bytes (if the other side is exact) or void."""
    if wanted.type in NUMBERS:
        return True
    return wanted.type == "longstr" and (wanted.value == "undefined" or wanted.exact != given.exact)


def _all_same(found: list[Sameness]) -> Sameness:
    if Sameness.DIFFERENT in found:
        return Sameness.DIFFERENT
    return Sameness.UNKNOWN if Sameness.UNKNOWN in found else Sameness.SAME


def _loose(value: Value) -> Hashable:
    """The value as the HTTP API shows it: numbers without their types, a decimal 3.14 as 2.314, void as "undefined"."""
    kind, raw = value.type, value.value
    if kind == "decimal":
        return ("n", float(f"{raw[0]}.{raw[1]}"))
    if kind in NUMBERS:
        return ("n", raw)
    if kind == "void":
        return ("s", "undefined")
    return ("s", raw) if kind in ("longstr", "binary") else (kind, str(raw))


KINDS = {"longstr": "text", "binary": "bytes", "bool": "a truth value", "timestamp": "timestamp", "decimal": "decimal", "table": "table", "array": "list"}


def described(value: Value) -> str:
    """The value with its type, for a verdict.

    >>> described(Value("longstr", "1")), described(Value("short", 1))
    ('"1" (text)', '1 (integer)')
    """
    if value.type == "void":
        return "empty (void)"
    kind = "integer" if value.type in INTEGERS else "number with a decimal point" if value.type in FLOATS else KINDS[value.type]
    return f"{plain_text(value)[:80]} ({kind})"


def plain_text(value: Value) -> str:
    """The value without its type."""
    raw = value.value
    if value.type in ("table", "array"):
        items = [f"{name}: {plain_text(item)}" for name, item in raw.items()] if value.type == "table" else [plain_text(item) for item in raw]
        return ("{%s}" if value.type == "table" else "[%s]") % ", ".join(items)
    if value.type == "bool":
        return "true" if raw else "false"
    if value.type == "decimal":
        return f"{raw[1]} with {raw[0]} decimals"
    return f'"{raw}"' if value.type in ("longstr", "binary") else str(raw)


def as_json(value: Value) -> Any:
    """The value as plain JSON."""
    if value.type == "table":
        return {name: as_json(item) for name, item in value.value.items()}
    if value.type == "array":
        return [as_json(item) for item in value.value]
    return list(value.value) if value.type == "decimal" else value.value
