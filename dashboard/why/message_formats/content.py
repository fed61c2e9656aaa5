"""What a pasted message or task tells, whatever its form, and how its parts are read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.why.message_formats.dead_letters import Deaths, deaths_of
from dashboard.why.message_formats.payload import NoPayload, payload_of
from workers import messages
from workers.messages import Message

JSON = Mapping[str, Any]

SEEN_PROPERTIES = ("expiration", "priority", "delivery_mode")
"""The others were judged when it was published (user_id, reply_to), or routing never looks at them."""


class NotUnderstood(ValueError):
    """The text is no JSON, or of no form that is known; `str()` is a sentence fit for the page."""


class Pasted(msgspec.Struct):
    """What was pasted. `form` names it; `question` asks for its way through the broker, None where it does not tell exchange and key.

    `task_question`: {"task", "options"?, "conf"?, …} where Celery is asked. `uuid` and `task` are "" where it is no task. `queue` is where it lies,
    `sent_for` the one that a task's sender meant, both "" where nothing tells; `routed` the queues that a trace says it went to, None where nothing tells.
    `notes` are sentences.
    """

    form: str
    question: dict[str, Any] | None = None
    task_question: dict[str, Any] | None = None
    task: str = ""
    uuid: str = ""
    queue: str = ""
    sent_for: str = ""
    routed: list[str] | None = None
    redelivered: bool | None = None
    message: Message | None = None
    deaths: Deaths = Deaths()
    notes: list[str] = []


def text_in(value: Any) -> str:
    return value if isinstance(value, str) else ""


def table_in(value: Any) -> JSON:
    return value if isinstance(value, Mapping) else {}


def has_place(item: JSON) -> bool:
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
    """The question about a task's message as Celery's Python senders write it."""
    headers = {"lang": "py", **({"task": task} if task else {}), "id": uuid}
    return {"exchange": exchange, "routing_key": key, "headers": headers}


def published(form: str, exchange: str, key: str, properties: JSON, item: JSON) -> Pasted:
    """A message of which exchange and key are known."""
    found = _described(form, properties, item)
    kept = {name: properties[name] for name in SEEN_PROPERTIES if properties.get(name) is not None}
    exact = item.get("headers_amqp")
    headers = {"headers_amqp": exact} if exact is not None else {"headers": properties["headers"]} if properties.get("headers") else {}
    found.question = {"exchange": exchange, "routing_key": key, **headers, **({"properties": kept} if kept else {})}
    return found


def without_place(form: str, properties: JSON, item: JSON, note: str) -> Pasted:
    found = _described(form, properties, item)
    found.notes = [*found.notes, note]
    return found


def _described(form: str, properties: JSON, item: JSON) -> Pasted:
    """What the properties, headers and body tell of the message itself."""
    headers = told_headers(item, properties)
    found = Pasted(form, redelivered=truth_in(item.get("redelivered")), queue=text_in(item.get("queue")), deaths=deaths_of(headers))
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


def told_headers(item: JSON, properties: JSON) -> dict[str, Any]:
    exact = item.get("headers_amqp")
    if isinstance(exact, Mapping):
        return plain(exact)
    return dict(table_in(properties.get("headers")) or table_in(item.get("headers")))
