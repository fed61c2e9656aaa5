"""Places in a list of tasks, from which a page goes on: stable, however many tasks come meanwhile. Pure.

A cursor is written as the key of a row, and where the list is sorted by something else than age also the value of that row then: `17~0.25`.
"""

from __future__ import annotations

from typing import Any

import msgspec

TASK_SORTS = ("at", "name", "state", "worker", "queue", "runtime_seconds", "retries")
_NUMBERS: dict[str, type[int] | type[float]] = {"runtime_seconds": float, "retries": int}
_LARGEST = 2**63 - 1


class Cursor(msgspec.Struct, frozen=True):
    """The row after which a page begins, or, `backwards`, before which it ends. `value`: of the sorted column, None unknown."""

    pk: int
    value: Any = None
    backwards: bool = False


def read(text: str, field: str, backwards: bool = False) -> Cursor:
    """ValueError for a text that is no cursor of a list sorted by this field.

    >>> read("17~0.25", "runtime_seconds"), read("17~a~b", "name").value, read("17", "name").value
    (Cursor(pk=17, value=0.25, backwards=False), 'a~b', None)
    """
    key, known, value = text.partition("~")
    if not (key.isascii() and key.isdigit() and len(key) <= 19 and int(key) <= _LARGEST) or (known and field == "at"):
        raise ValueError(f"{text!r} is no cursor of this list")
    if not known:
        return Cursor(int(key), None, backwards)
    try:
        number = _NUMBERS.get(field, str)(value)
    except ValueError:
        raise ValueError(f"{text!r} is no cursor of this list") from None
    if number != number or number in (float("inf"), float("-inf")) or (isinstance(number, int) and abs(number) > _LARGEST):
        raise ValueError(f"{text!r} is no cursor of this list")
    return Cursor(int(key), number, backwards)


def write(key: int, value: Any = None) -> str:
    """The cursor of a row, by its value as the database has it."""
    return str(key) if value is None else f"{key}~{value}"
