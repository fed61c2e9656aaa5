"""The deaths of a message, told from the headers that RabbitMQ gave it: in which queues it died, why and how often, and how it was first published.

Pure. Source: the header x-death (https://www.rabbitmq.com/docs/dlx): one entry for each queue and reason, the newest first, which keeps the exchange and
the keys of its first time. RabbitMQ 3 trusts such a header if a client sends it, RabbitMQ 4 does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from dashboard.layout import formatting

REASONS = {
    "expired": "its time there ran out",
    "maxlen": "the queue was full",
    "rejected": "a consumer rejected it",
    "delivery_limit": "it came back to the queue too often",
}
MOST_TOLD = 20


class Death(msgspec.Struct, frozen=True):
    """`says` is the sentence; `queue` is where it died."""

    queue: str
    says: str


class Deaths(msgspec.Struct, frozen=True):
    """`deaths`, the newest first. `exchange` and `key`: how it was published before its first death, None where that is not told."""

    deaths: list[Death] = []
    exchange: str | None = None
    key: str | None = None
    first: str = ""  # a sentence on the first publishing and the first death; "" if nothing is told


def deaths_of(headers: Mapping[str, Any]) -> Deaths:
    """What the headers (plain JSON) tell; no deaths where there is no x-death, or one that can't be read.

    >>> deaths_of({"x-death": [{"queue": "mail", "reason": "expired", "count": 2, "exchange": "", "routing-keys": ["mail"]}]}).deaths[0].says
    'It died 2 times in mail: its time there ran out.'
    """
    found = headers.get("x-death")
    entries = [one for one in found if isinstance(one, Mapping) and isinstance(one.get("queue"), str)] if isinstance(found, list) else []
    if not entries:
        return Deaths()
    oldest = entries[-1]
    exchange, keys = oldest.get("exchange"), oldest.get("routing-keys")
    key = keys[0] if isinstance(keys, list) and keys and isinstance(keys[0], str) else None
    known = exchange if isinstance(exchange, str) else None
    return Deaths([_death(one) for one in entries[:MOST_TOLD]], known, key, _first(headers, known, key))


def _death(entry: Mapping[str, Any]) -> Death:
    count, reason, queue = entry.get("count"), str(entry.get("reason")), entry["queue"]
    times = f"{formatting.number(count)} times " if type(count) is int and count > 1 else ""
    at = _moment(entry.get("time"))
    when = "" if at is None else f" The first time was {at:%Y-%m-%d %H:%M:%S} UTC." if times else f" That was {at:%Y-%m-%d %H:%M:%S} UTC."
    why = REASONS.get(reason, f"the reason is “{reason}”")
    limit = entry.get("original-expiration")
    why += f" (it was published to live {limit} ms)" if reason == "expired" and isinstance(limit, str) else ""
    return Death(queue, f"It died {times}in {queue}: {why}.{when}")


def _first(headers: Mapping[str, Any], exchange: str | None, key: str | None) -> str:
    queue, reason = headers.get("x-first-death-queue"), headers.get("x-first-death-reason")
    where = "" if exchange is None else f"It was first published to {f'exchange {exchange}' if exchange else 'the default exchange'}"
    where += f" with the key {key or '(empty)'}" if where and key is not None else ""
    died = f"it died first in {queue} ({REASONS.get(str(reason), reason)})" if isinstance(queue, str) else ""
    told = f"{where}, and {died}" if where and died else where or f"{died[:1].upper()}{died[1:]}"
    return f"{told}." if told else ""


def _moment(value: Any) -> datetime | None:
    """The time of a death, seconds since 1970."""
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) in (int, float) and value > 0 else None
    except (OverflowError, ValueError, OSError):
        return None
