"""The dead-letter history of a message, from the headers that RabbitMQ added: queues, reasons, counts, and how it was first published.

Pure. Source: the header x-death (https://www.rabbitmq.com/docs/dlx): one entry for each queue and reason, the newest first, with the exchange and
keys of its first occurrence. RabbitMQ 3 trusts such a header from a client, RabbitMQ 4 does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from dashboard.layout import formatting

REASONS = {
    "expired": "it expired",
    "maxlen": "the queue was full",
    "rejected": "a consumer rejected it",
    "delivery_limit": "it exceeded the delivery limit",
}
MOST_LISTED = 20


class DeadLettering(msgspec.Struct, frozen=True):
    """One entry of x-death: the queue that dead-lettered the message, and a sentence."""

    queue: str
    text: str


class DeadLetterHistory(msgspec.Struct, frozen=True):
    """`entries`, the newest first. `exchange` and `key`: how it was first published, None if unknown."""

    entries: list[DeadLettering] = []
    exchange: str | None = None
    key: str | None = None
    first: str = ""  # a sentence on the first publish and the first dead-lettering; "" if unknown


def dead_letter_history(headers: Mapping[str, Any]) -> DeadLetterHistory:
    """The history in the headers (plain JSON); no entries without a valid x-death.

    >>> dead_letter_history({"x-death": [{"queue": "mail", "reason": "expired", "count": 2, "exchange": "", "routing-keys": ["mail"]}]}).entries[0].text
    'Dead-lettered 2 times from mail: it expired.'
    """
    found = headers.get("x-death")
    entries = [one for one in found if isinstance(one, Mapping) and isinstance(one.get("queue"), str)] if isinstance(found, list) else []
    if not entries:
        return DeadLetterHistory()
    oldest = entries[-1]
    exchange, keys = oldest.get("exchange"), oldest.get("routing-keys")
    key = keys[0] if isinstance(keys, list) and keys and isinstance(keys[0], str) else None
    known = exchange if isinstance(exchange, str) else None
    return DeadLetterHistory([_dead_lettering(one) for one in entries[:MOST_LISTED]], known, key, _first(headers, known, key))


def _dead_lettering(entry: Mapping[str, Any]) -> DeadLettering:
    count, reason, queue = entry.get("count"), str(entry.get("reason")), entry["queue"]
    times = f"{formatting.number(count)} times " if type(count) is int and count > 1 else ""
    at = _moment(entry.get("time"))
    when = "" if at is None else f" The first time was {at:%Y-%m-%d %H:%M:%S} UTC." if times else f" That was {at:%Y-%m-%d %H:%M:%S} UTC."
    why = REASONS.get(reason, f"the reason is “{reason}”")
    limit = entry.get("original-expiration")
    why += f" (its expiration was {limit} ms)" if reason == "expired" and isinstance(limit, str) else ""
    return DeadLettering(queue, f"Dead-lettered {times}from {queue}: {why}.{when}")


def _first(headers: Mapping[str, Any], exchange: str | None, key: str | None) -> str:
    queue, reason = headers.get("x-first-death-queue"), headers.get("x-first-death-reason")
    where = "" if exchange is None else f"It was first published to {f'exchange {exchange}' if exchange else 'the default exchange'}"
    where += f" with the key {key or '(empty)'}" if where and key is not None else ""
    first = f"first dead-lettered from {queue} ({REASONS.get(str(reason), reason)})" if isinstance(queue, str) else ""
    text = f"{where}, and was {first}" if where and first else where or f"{first[:1].upper()}{first[1:]}"
    return f"{text}." if text else ""


def _moment(value: Any) -> datetime | None:
    """The time of an entry, given in seconds since 1970; None if it is invalid."""
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) in (int, float) and value > 0 else None
    except (OverflowError, ValueError, OSError):
        return None
