"""Takes the first messages of a queue by AMQP get and requeues them at once: AMQP shows the content of a queue only like this.

Nothing is acknowledged, so nothing can be lost by it but what the queue's own rules take: RabbitMQ marks what came back as redelivered, a quorum queue
counts the delivery. While they are out, consumers get the messages behind them. They are given back by closing the channel, as they would be if this
process died: each then keeps its place, while basic.reject moves them to the end of a quorum queue (seen on RabbitMQ 3.10.8).
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from amqp.basic_message import Message
from amqp.channel import Channel

from workers.amqp_connection import Target, close_connection, explained, open_connection, raw_channel
from workers.errors import Unreachable
from workers.redaction import Redaction

MOST_MESSAGES = 10
LARGEST_BYTES = 16 * 1024 * 1024
"""No further message is taken once those taken have this many together; how large one is can't be known before it is taken."""
KEPT_BYTES = 64 * 1024
LONGEST_SECONDS = 20.0
_SHOWN: tuple[str, ...] = (
    "content_type",
    "content_encoding",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
)
_SHOWN += ("user_id", "app_id")


class Peeked(msgspec.Struct, frozen=True):
    """One message as it lay in the queue. `headers` are plain JSON; `exact` has their types where JSON has none of its own (times, decimals), else None.

    `body` is the beginning of it, at most 64 KiB of `body_bytes`.
    """

    exchange: str
    routing_key: str
    redelivered: bool
    properties: dict[str, Any]
    headers: dict[str, Any]
    exact: dict[str, Any] | None
    body: bytes
    body_bytes: int
    is_whole: bool

    def as_json(self) -> dict[str, Any]:
        """As the management API shows a message, with `payload_truncated` and `headers_amqp` beside."""
        try:
            payload, encoding = self.body.decode("utf-8"), "string"
        except UnicodeDecodeError:
            payload, encoding = base64.b64encode(self.body).decode("ascii"), "base64"
        shown: dict[str, Any] = {"exchange": self.exchange, "routing_key": self.routing_key, "redelivered": self.redelivered}
        shown["properties"] = self.properties | ({"headers": self.headers} if self.headers else {})
        shown |= {"payload": payload, "payload_encoding": encoding, "payload_bytes": self.body_bytes, "payload_truncated": not self.is_whole}
        return shown | ({"headers_amqp": self.exact} if self.exact is not None else {})


class Peek(msgspec.Struct, frozen=True):
    """The messages in the queue's order. `behind` are the ready ones that were not taken; `stopped` is why fewer were taken than requested, else ""."""

    messages: list[Peeked]
    behind: int
    stopped: str = ""


def peek(targets: Sequence[Target], queue: str, count: int) -> Peek:
    """The first `count` (1 to 10) ready messages of the queue, given back before this returns (a quorum queue has them a moment later). Raises WatchError."""
    if not 1 <= count <= MOST_MESSAGES:
        raise ValueError(f"count must be 1 to {MOST_MESSAGES}")
    if not targets:
        raise Unreachable("no address of the broker is known")
    with explained(targets[0]):
        connection = open_connection(targets, "peek")
        try:
            channel = raw_channel(connection)
            try:
                found = _taken(channel, queue, count)
            except (ValueError, OverflowError) as error:  # py-amqp's, for headers that it can't read
                raise Unreachable(f"a message there has headers that can't be read ({error}); it was given back") from error
            channel.close()
        finally:
            close_connection(connection)
    return found


def redacted(found: Peek, redaction: Redaction) -> Peek:
    """The messages without secrets in headers and bodies. A body that is no UTF-8 is what it is: nothing can be recognized there."""
    return msgspec.structs.replace(found, messages=[_redacted(message, redaction) for message in found.messages])


def _redacted(message: Peeked, redaction: Redaction) -> Peeked:
    headers = redaction.value(message.headers)
    return msgspec.structs.replace(
        message,
        properties=redaction.texts(message.properties),
        headers=headers,
        exact=message.exact if headers == message.headers else None,
        body=redaction.text(message.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"),
    )


def _taken(channel: Channel, queue: str, count: int) -> Peek:
    """The messages, which are out of the queue until the channel closes."""
    found: list[Peeked] = []
    behind, stopped, deadline = 0, "", time.monotonic() + LONGEST_SECONDS
    while len(found) < count:
        if sum(one.body_bytes for one in found) >= LARGEST_BYTES:
            stopped = f"These have {LARGEST_BYTES // 1024 // 1024} MiB together, so no more were taken."
            break
        if time.monotonic() > deadline:
            stopped = f"The broker was slow: after {LONGEST_SECONDS:g} seconds no more were taken."
            break
        message = channel.basic_get(queue, no_ack=False)
        if message is None:
            behind = 0
            break
        behind = message.delivery_info["message_count"]
        found.append(_read(message))
    return Peek(found, behind, stopped)


def _read(message: Message) -> Peeked:
    properties, info = message.properties, message.delivery_info
    headers = properties.get("application_headers") or {}
    body = message.body if isinstance(message.body, bytes) else bytes(message.body or b"")
    return Peeked(
        exchange=_text(info["exchange"]),
        routing_key=_text(info["routing_key"]),
        redelivered=bool(info["redelivered"]),
        properties={name: _plain(properties[name]) for name in _SHOWN if properties.get(name) is not None},
        headers={_text(name): _plain(value) for name, value in headers.items()},
        exact={_text(name): _pair(value) for name, value in headers.items()} if any(isinstance(one, datetime | Decimal) for one in headers.values()) else None,
        body=body[:KEPT_BYTES],
        body_bytes=len(body),
        is_whole=len(body) <= KEPT_BYTES,
    )


def _text(value: Any) -> str:
    """Names and bytes as text; a replacement character stands for what is not UTF-8."""
    raw = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "replace")


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _plain(value: Any) -> Any:
    """As the management API would show it: a time as seconds."""
    if isinstance(value, datetime):
        return _seconds(value)
    if isinstance(value, Mapping):
        return {_text(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _pair(value: Any) -> list[Any]:
    """[type, value]. py-amqp does not report the width of numbers; where it matters, inside of tables, that of Python's clients is assumed."""
    if isinstance(value, datetime):
        return ["timestamp", _seconds(value)]
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        return ["decimal", [scale, int(value.scaleb(scale))]]
    if isinstance(value, Mapping):
        return ["table", {_text(name): _pair(item) for name, item in value.items()}]
    if isinstance(value, list | tuple):
        return ["array", [_pair(item) for item in value]]
    if value is None:
        return ["void", None]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["signedint" if -(2**31) <= value < 2**31 else "long", value]
    return ["double", value] if isinstance(value, float) and math.isfinite(value) else ["longstr", _text(value)]
