"""The content of a parsed message or task, independent of its format, and how its parts are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.why.message_formats.dead_letters import DeadLetterHistory, dead_letter_history
from dashboard.why.message_formats.payload import NoPayload, payload_of
from workers import messages
from workers.messages import Message

JSON = Mapping[str, Any]

SEEN_PROPERTIES = ("expiration", "priority", "delivery_mode")
"""The others were checked when it was published (user_id, reply_to), or routing does not use them."""


class UnknownFormat(ValueError):
    """The text is not JSON or of an unknown format; `str()` is a sentence for the page."""


class ParsedMessage(msgspec.Struct):
    """A parsed message or task. `format_name` describes its format; `question` is the question about its route, None without an exchange and key.

    `task_question`: {"task", "options"?, "conf"?, …} for a question about a task. `uuid` and `task` are "" if it is not a task. `queue` is its current queue,
    `sent_for` the one in its task-sent event, both "" if unknown; `routed`: the queues in a trace, None if unknown. `notes` are sentences.
    """

    format_name: str
    question: dict[str, Any] | None = None
    task_question: dict[str, Any] | None = None
    task: str = ""
    uuid: str = ""
    queue: str = ""
    sent_for: str = ""
    routed: list[str] | None = None
    redelivered: bool | None = None
    message: Message | None = None
    dead_letters: DeadLetterHistory = DeadLetterHistory()
    notes: list[str] = []


def text_in(value: Any) -> str:
    return value if isinstance(value, str) else ""


def table_in(value: Any) -> JSON:
    return value if isinstance(value, Mapping) else {}


def has_address(item: JSON) -> bool:
    return isinstance(item.get("exchange"), str) and isinstance(item.get("routing_key"), str)


def plain(pairs: JSON) -> dict[str, Any]:
    """Headers of exact types, {name: [type, value]}, as plain JSON.

    >>> plain({"n": ["table", {"a": ["array", [["short", 1]]]}]})
    {'n': {'a': [1]}}
    """
    return {name: _plain(pair) for name, pair in pairs.items()}


def _plain(pair: Any) -> Any:
    if not isinstance(pair, list) or len(pair) != 2:
        return pair
    kind, value = pair
    if kind == "table" and isinstance(value, Mapping):
        return plain(value)
    return [_plain(one) for one in value] if kind == "array" and isinstance(value, list) else value


def truth_in(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def sent_task(exchange: str, key: str, task: str, uuid: str) -> dict[str, Any]:
    """The question about a task's message as sent by Celery for Python."""
    headers = {"lang": "py", **({"task": task} if task else {}), "id": uuid}
    return {"exchange": exchange, "routing_key": key, "headers": headers}


def published(format_name: str, exchange: str, key: str, properties: JSON, item: JSON) -> ParsedMessage:
    """A message whose exchange and key are known."""
    found = _described(format_name, properties, item)
    kept = {name: properties[name] for name in SEEN_PROPERTIES if properties.get(name) is not None}
    exact = item.get("headers_amqp")
    headers = {"headers_amqp": exact} if exact is not None else {"headers": properties["headers"]} if properties.get("headers") else {}
    found.question = {"exchange": exchange, "routing_key": key, **headers, **({"properties": kept} if kept else {})}
    return found


def without_address(format_name: str, properties: JSON, item: JSON, note: str) -> ParsedMessage:
    found = _described(format_name, properties, item)
    found.notes = [*found.notes, note]
    return found


def _described(format_name: str, properties: JSON, item: JSON) -> ParsedMessage:
    """The message described by its properties, headers and body."""
    headers = message_headers(item, properties)
    found = ParsedMessage(
        format_name, redelivered=truth_in(item.get("redelivered")), queue=text_in(item.get("queue")), dead_letters=dead_letter_history(headers)
    )
    try:
        body = payload_of(item, properties)
    except NoPayload as error:
        found.notes, body = [str(error)], None
    decoded = messages.decode(body or b"", properties, headers)
    if decoded.protocol is not None:
        found.message = decoded
        found.task, found.uuid = decoded.task or "", decoded.id or ""
        decoded.problem = decoded.problem if body is not None else ""
    return found


def message_headers(item: JSON, properties: JSON) -> dict[str, Any]:
    exact = item.get("headers_amqp")
    if isinstance(exact, Mapping):
        return plain(exact)
    return dict(table_in(properties.get("headers")) or table_in(item.get("headers")))
