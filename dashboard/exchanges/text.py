"""Which messages a binding matches, as text, by the type of its source exchange.

Pure; the rules are those of RabbitMQ 3.10 and 4.0. Matching a given message is `brokers.routing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.layout.formatting import shown

HASHED = frozenset({"x-consistent-hash", "x-modulus-hash"})


class BindingText(msgspec.Struct, frozen=True):
    """`key` is the binding key (None where the exchange ignores it), `text` what it matches."""

    key: str | None
    text: str


def binding_text(exchange_type: str, source: str, key: str, arguments: Mapping[str, Any]) -> BindingText:
    """What the binding matches; for an unknown type ("") only that it is unknown.

    >>> binding_text("topic", "orders", "order.#", {}).text
    'keys that begin with order'
    """
    if not source:
        return BindingText(key, "implicit: the default exchange routes to every queue by name")
    if exchange_type == "fanout" or exchange_type == "x-recent-history":
        return BindingText(None, "every message")
    if exchange_type == "headers":
        return BindingText(None, _headers(arguments))
    if exchange_type in ("topic", "x-event"):
        return BindingText(key, _topic(key))
    if exchange_type == "direct":
        return BindingText(key, "exactly this key" if key else "messages without a routing key")
    if exchange_type in HASHED:
        return BindingText(key, f"a share of the messages, with weight {key}")
    if exchange_type in ("x-random", "x-local-random"):
        return BindingText(key, "some of the messages, at random")
    return BindingText(key, f"by the rules of {exchange_type}" if exchange_type else "the exchange's type is unknown")


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
    parts = ["* = one word"] * ("*" in words) + ["# = zero or more words"] * ("#" in words)
    return ", ".join(parts)


_MODES = {
    "all": "all of",
    "any": "any of",
    "all-with-x": "all of",
    "any-with-x": "any of",
}


def _headers(arguments: Mapping[str, Any]) -> str:
    """The header values that the binding requires, also where it requires none."""
    mode = str(arguments.get("x-match", "all"))
    with_x = mode.endswith("-with-x")
    wanted = {name: value for name, value in arguments.items() if name != "x-match" and (with_x or not name.startswith("x-"))}
    if not wanted:
        return "every message: no header is required" if mode.startswith("all") else "no message: x-match any without headers matches nothing"
    described = [f"{name} is present" if value == "undefined" or value is None else f"{name} = {shown(value)}" for name, value in sorted(wanted.items())]
    return f"{_MODES.get(mode, mode)} " + ", ".join(described)
