"""What is kept of a definition before and after a change: bounded in size, and without what may be a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from brokers.masked_addresses import masked

MOST_BYTES = 4000
LONGEST_VALUE = 400
MOST_NAMES = 100
"""Of objects that changed together, and are one change."""
_SECRET = re.compile(r"passw|secret|token|credential|api.?key|private.?key", re.IGNORECASE)
_HAS_LOGIN = re.compile(r"^\w[\w+.-]*://[^/\s]*@")
HIDDEN = "(hidden)"


def detail_of(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition as it is kept.

    >>> detail_of({"type": "topic", "arguments": {"upstream": "amqp://u:p@up.example", "password": "x"}})
    {'type': 'topic', 'arguments': {'upstream': 'amqp://up.example', 'password': '(hidden)'}}
    >>> len(detail_of({"pattern": "x" * 9_000})["pattern"])
    401
    """
    kept: dict[str, Any] = _kept(definition)
    if _size(kept) <= MOST_BYTES:
        return kept
    return {name: value if _size(value) <= LONGEST_VALUE else f"({_size(value):,} bytes)" for name, value in list(kept.items())[:MOST_NAMES]}


def names_detail(names: Iterable[str]) -> dict[str, Any]:
    """Which objects changed together: the first ones by name, and how many there are.

    >>> names_detail(["b", "a"])
    {'names': ['a', 'b'], 'count': 2}
    """
    found = sorted(names)
    return {"names": [_short(name) for name in found[:MOST_NAMES]], "count": len(found)}


def _kept(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _kept(each, str(key)) for key, each in value.items()}
    if _SECRET.search(name) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, list | tuple):
        return [_kept(each, name) for each in value]
    if isinstance(value, str):
        return masked(value) if _HAS_LOGIN.match(value) else _short(value)
    return value


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))
