"""Values of queue arguments for which RabbitMQ refuses to declare a queue, whatever its type. Pure. Seen on RabbitMQ 3.10.8 and 4.0.5."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_AGE = re.compile(r"[0-9]+[YMDhms]")
_NUMBERS = {
    **dict.fromkeys(("x-message-ttl", "x-max-length", "x-max-length-bytes", "x-max-in-memory-length", "x-max-in-memory-bytes"), 0),
    **{"x-expires": 1, "x-stream-max-segment-size-bytes": 0, "x-max-priority": 0},
}
"""The smallest of each."""
MOST_PRIORITIES = 255
_CHOICES = {
    "x-overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "x-queue-mode": ("default", "lazy"),
    "x-dead-letter-strategy": ("at-most-once", "at-least-once"),
}
_TEXTS = ("x-dead-letter-exchange", "x-dead-letter-routing-key")


def value_refusals(arguments: Mapping[str, Any], version: tuple[int, ...]) -> list[str]:
    """Why RabbitMQ refuses arguments with these values, as sentences without their end.

    >>> value_refusals({"x-message-ttl": "60000"}, (4, 0))
    ['RabbitMQ refuses x-message-ttl: it must be a whole number from 0']
    """
    found = [f"RabbitMQ refuses {name}: it must be {wanted}" for name, value in arguments.items() if (wanted := _wanted(name, value, version))]
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        found.append("RabbitMQ refuses x-dead-letter-routing-key without x-dead-letter-exchange")
    return found


def _wanted(name: str, value: Any, version: tuple[int, ...]) -> str:
    """What the value must be, "" if it is that."""
    if name in _NUMBERS or name == "x-delivery-limit":
        least = _NUMBERS.get(name, -1 if version >= (4,) else 0)
        if name == "x-max-priority" and _is_whole(value) and value > MOST_PRIORITIES:
            return f"at most {MOST_PRIORITIES}"
        return "" if _is_whole(value) and value >= least else f"a whole number from {least}"
    if name in _CHOICES:
        return "" if value in _CHOICES[name] else f"one of {', '.join(_CHOICES[name])}"
    check = _OTHERS.get(name)
    return "" if check is None or check[0](value) else check[1]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_OTHERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_TEXTS, (lambda value: isinstance(value, str), "text")),
    "x-single-active-consumer": (lambda value: isinstance(value, bool), "true or false"),
    "x-max-age": (lambda value: isinstance(value, str) and _AGE.fullmatch(value) is not None, "text such as 7D"),
}
