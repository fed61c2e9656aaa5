"""What a binding lets through, in words, by the type of the exchange it comes from.

Pure; the rules are those of RabbitMQ 3.10 and 4.0. Whether a given message matches is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.queues.settings_text import shown

HASHED = frozenset({"x-consistent-hash", "x-modulus-hash"})


class BindingWords(msgspec.Struct, frozen=True):
    """`key` is the binding key as typed (None where it plays no part), `words` explain what passes."""

    key: str | None
    words: str


def binding_words(exchange_type: str, source: str, key: str, arguments: Mapping[str, Any]) -> BindingWords:
    """What passes through the binding. An unknown type ("") explains nothing.

    >>> binding_words("topic", "orders", "order.#", {}).words
    'keys that begin with order'
    """
    if not source:
        return BindingWords(key, "implicit: the default exchange reaches every queue by its name")
    if exchange_type == "fanout" or exchange_type == "x-recent-history":
        return BindingWords(None, "every message")
    if exchange_type == "headers":
        return BindingWords(None, _headers(arguments))
    if exchange_type in ("topic", "x-event"):
        return BindingWords(key, _topic(key))
    if exchange_type == "direct":
        return BindingWords(key, "exactly this key" if key else "messages without a routing key")
    if exchange_type in HASHED:
        return BindingWords(key, f"a share of the messages, with weight {key}")
    if exchange_type in ("x-random", "x-local-random"):
        return BindingWords(key, "some of the messages, by chance")
    return BindingWords(key, f"as exchanges of type {exchange_type} decide" if exchange_type else "the exchange's type is unknown")


def _topic(pattern: str) -> str:
    words = pattern.split(".") if pattern else []
    if not words:
        return "messages without a routing key"
    if set(words) == {"#"}:
        return "every message"
    if not {"*", "#"} & set(words):
        return "exactly this key"
    fixed = [word for word in words if word not in ("*", "#")]
    if words[-1] == "#" and len(fixed) == len(words) - 1:
        return f"keys that begin with {'.'.join(fixed)}"
    if words[0] == "#" and len(fixed) == len(words) - 1:
        return f"keys that end with {'.'.join(fixed)}"
    parts = ["* is one word"] * ("*" in words) + ["# any number of words"] * ("#" in words)
    return ", ".join(parts)


_MODES = {
    "all": "all of",
    "any": "any of",
    "all-with-x": "all of",
    "any-with-x": "any of",
}


def _headers(arguments: Mapping[str, Any]) -> str:
    """The header values that are wanted; what `all` and `any` mean over nothing is said too."""
    mode = str(arguments.get("x-match", "all"))
    with_x = mode.endswith("-with-x")
    wanted = {name: value for name, value in arguments.items() if name != "x-match" and (with_x or not name.startswith("x-"))}
    if not wanted:
        return "every message: nothing is demanded" if mode.startswith("all") else "no message: any of nothing never matches"
    described = [f"{name} is present" if value == "undefined" or value is None else f"{name} = {shown(value)}" for name, value in sorted(wanted.items())]
    return f"{_MODES.get(mode, mode)} " + ", ".join(described)
