"""Remote-control messages in the formats that workers accept: requests written, answers read. Pure.

A pickled answer is read without running any of its code: nothing but plain values is loaded, and a name of a class or function is refused.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter
from typing import Any

import msgspec

from workers.inspection.audience import JSON, MSGPACK, PICKLE, YAML
from workers.messages import Undecodable, plain_yaml

_WORDS = {"json": JSON, "yaml": YAML, "msgpack": MSGPACK, "python-serialize": PICKLE, "pickle": PICKLE}
MOST_VALUES = 1_000_000
_DEEPEST = 60


class Unreadable(ValueError):
    """An answer in a form that is not read; `str()` names it."""


def write(request: dict[str, Any], content_type: str) -> tuple[bytes, str]:
    """(the body, its content encoding). Types of the user's own are taken as JSON, unless their name says otherwise."""
    kind = kind_of(content_type)
    if kind == MSGPACK:
        return msgspec.msgpack.encode(request), "binary"
    if kind == PICKLE:
        return pickle.dumps(request, protocol=2), "binary"
    return msgspec.json.encode(request), "utf-8"  # JSON is YAML too


def read(body: bytes, content_type: str | None) -> Any:
    """The answer's value. Raises Unreadable."""
    kind = kind_of(content_type or "")
    try:
        if kind == MSGPACK:
            return msgspec.msgpack.decode(body)
        if kind == YAML:
            return plain_yaml(body.decode())
        if kind == PICKLE:
            return _bounded(_Plain(io.BytesIO(body)).load())
        if kind == JSON:
            return msgspec.json.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError, Undecodable) as error:
        raise Unreadable(f"{content_type}: {str(error)[:200]}") from None
    except Exception as error:  # noqa: BLE001  (pickle documents none of the many errors that hostile bytes cause)
        raise Unreadable(f"{content_type}: {type(error).__name__}") from None
    raise Unreadable(f"{content_type or 'no content type'} is not read here")


def kind_of(content_type: str) -> str:
    """Which of the four formats a content type is written in; "" for none of them.

    >>> kind_of("application/x-super-json"), kind_of("text/plain")
    ('application/json', '')
    """
    name = content_type.partition(";")[0].strip().lower()
    return next((kind for word, kind in _WORDS.items() if word in name), "")


class _Plain(pickle.Unpickler):
    """Loads lists, tables, texts and numbers alone, and the counts in an answer to `stats`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "Counter"):
            return Counter
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not loaded")


def _bounded(value: Any) -> Any:
    """The value, made of lists and tables of its own: pickled ones may contain themselves, or one another a million times. Raises ValueError."""
    left = [MOST_VALUES]

    def copied(found: Any, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > _DEEPEST:
            raise ValueError("it holds too many values")
        if isinstance(found, dict):
            return {str(name): copied(inner, depth + 1) for name, inner in found.items()}
        if isinstance(found, list | tuple | set | frozenset):
            return [copied(inner, depth + 1) for inner in found]
        return found

    return copied(value, 0)
