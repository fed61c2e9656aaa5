"""A message or a task that somebody pasted as JSON: which of the known forms it has, how it was published, and what it tells of itself.

Pure. The forms come from RabbitMQ's management API (`POST queues/…/get`) and its tracing plugin, from kombu (kombu/transport/virtual/base.py), from Celery's
messages (celery/app/amqp.py), its events and `inspect`, and from Hareline's own questions. Nothing pasted is ever loaded but as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dashboard import json_fields
from dashboard.deaths_told import Deaths, deaths_of
from dashboard.pasted_payload import NoPayload, payload_of
from workers import messages
from workers.messages import Message

JSON = Mapping[str, Any]

UNDERSTOOD = (
    "a message as the management API or rabbitmqadmin get shows it (exchange, routing_key, properties, payload)",
    "a message of kombu (body, headers, properties)",
    "a Celery message or only its headers (task, id, …), of protocol 1 too",
    "an event such as task-sent or task-received",
    "a task as celery inspect active or reserved shows it",
    "a question of Hareline’s API (exchange, routing_key, headers; or task, options, conf)",
)
SEEN_PROPERTIES = ("expiration", "priority", "delivery_mode")
"""The others were judged when it was published (user_id, reply_to), or routing never looks at them."""


class NotUnderstood(ValueError):
    """The text is no JSON, or of no form that is known; `str()` is a sentence fit for the page."""


class Pasted(msgspec.Struct):
    """What was pasted. `form` names it; `question` asks for its way through the broker, None where it does not tell exchange and key.

    `task_question`: {"task", "options"?, "conf"?, …} where Celery is asked. `uuid` and `task` are "" where it is no task. `queue` is where it lay or was
    sent to, as far as that is told; `routed` the queues that a trace says it went to, None where nothing tells. `notes` are sentences.
    """

    form: str
    question: dict[str, Any] | None = None
    task_question: dict[str, Any] | None = None
    task: str = ""
    uuid: str = ""
    queue: str = ""
    routed: list[str] | None = None
    redelivered: bool | None = None
    message: Message | None = None
    deaths: Deaths = Deaths()
    notes: list[str] = []


def read(text: str) -> Pasted:
    """What was pasted. Raises NotUnderstood with the line and column of what is no JSON, or with the forms that are understood.

    >>> read('[{"exchange": "t", "routing_key": "a.b", "properties": [], "payload": "x", "payload_encoding": "string"}]').question["routing_key"]
    'a.b'
    """
    if len(text) > json_fields.LARGEST_CHARACTERS:
        raise NotUnderstood(f"This has {len(text):,} characters; at most {json_fields.LARGEST_CHARACTERS:,} are read.")
    try:
        value = json_fields.parse(text)
    except json_fields.JsonProblem as error:
        raise NotUnderstood(str(error)) from None
    if isinstance(value, list):
        return _listed(value)
    if not isinstance(value, dict):
        raise NotUnderstood(f"This is a single value, not a message. {_forms()}")
    return recognised(value)


def _listed(values: list[Any]) -> Pasted:
    """The first message of a list, as `rabbitmqadmin get` prints it."""
    if not values:
        raise NotUnderstood("This list is empty: it holds no message.")
    if isinstance(values[0], list) and len(values) == 3 and isinstance(values[1], dict):
        raise NotUnderstood("This is the body of a Celery task without its headers, which say which task it is. Paste the whole message.")
    if not isinstance(values[0], dict):
        raise NotUnderstood(f"This list holds no message. {_forms()}")
    found = recognised(values[0])
    if len(values) > 1:
        found.notes = [f"The list holds {len(values):,}; the first of them is explained.", *found.notes]
    return found


def recognised(item: JSON) -> Pasted:
    """What an object is. Raises NotUnderstood."""
    for is_it, reader in _FORMS:
        if is_it(item):
            return reader(item)
    raise NotUnderstood(f"This JSON is of no form that is known here. {_forms()}")


def _forms() -> str:
    return f"Understood are: {'; '.join(UNDERSTOOD)}."


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _table(value: Any) -> JSON:
    return value if isinstance(value, Mapping) else {}


def _has_place(item: JSON) -> bool:
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


def _is_event(item: JSON) -> bool:
    return _text(item.get("type")).startswith("task-") and isinstance(item.get("uuid"), str)


def _event(item: JSON) -> Pasted:
    found = Pasted(f"A {item['type'][:40]} event of Celery.", task=_text(item.get("name")), uuid=item["uuid"], queue=_text(item.get("queue")))
    if _has_place(item):
        found.question = sent_task(item["exchange"], item["routing_key"], found.task, found.uuid)
    else:
        found.notes = ["Only the event task-sent tells exchange and routing key."]
    return found


def sent_task(exchange: str, key: str, task: str, uuid: str) -> dict[str, Any]:
    """The question about a task's message as Celery's Python senders write it."""
    headers = {"lang": "py", **({"task": task} if task else {}), "id": uuid}
    return {"exchange": exchange, "routing_key": key, "headers": headers}


def _is_trace(item: JSON) -> bool:
    """A line of the tracing plugin's log, or a message of the exchange amq.rabbitmq.trace, whose headers tell the same."""
    return isinstance(item.get("routing_keys"), list) or item.get("exchange") == "amq.rabbitmq.trace"


def _trace(item: JSON) -> Pasted:
    """Sources: https://www.rabbitmq.com/docs/firehose; the log has `exchange` where the firehose's headers have `exchange_name`."""
    told = _table(item.get("headers")) or _table(_table(item.get("properties")).get("headers")) if item.get("exchange") == "amq.rabbitmq.trace" else item
    exchange, keys = told.get("exchange_name", told.get("exchange")), told.get("routing_keys")
    if not isinstance(exchange, str) or not isinstance(keys, list) or not keys or not isinstance(keys[0], str):
        raise NotUnderstood("This comes from the firehose (amq.rabbitmq.trace), but exchange_name and routing_keys are missing in its headers.")
    found = _published(f"A message as the firehose traced it{_traced_by(told)}.", exchange, keys[0], _table(told.get("properties")), item)
    routed = told.get("routed_queues")
    found.routed = sorted(name for name in routed if isinstance(name, str)) if isinstance(routed, list) else None
    return found


def _traced_by(told: JSON) -> str:
    user, vhost = _text(told.get("user")), _text(told.get("vhost"))
    return f", published by {user} in {vhost}" if user and vhost else ""


def _is_worker_task(item: JSON) -> bool:
    return isinstance(item.get("request"), Mapping) or (isinstance(item.get("delivery_info"), Mapping) and isinstance(item.get("name", item.get("task")), str))


def _worker_task(item: JSON) -> Pasted:
    told = _table(item.get("request")) or item
    place = _table(told.get("delivery_info"))
    task, uuid = _text(told.get("name", told.get("task"))), _text(told.get("id"))
    found = Pasted("A task that a worker holds, as Celery’s inspect shows it.", task=task, uuid=uuid, redelivered=_truth(place.get("redelivered")))
    if _has_place(place):
        found.question = sent_task(place["exchange"], place["routing_key"], task, uuid)
    return found


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _is_kombu(item: JSON) -> bool:
    return "body" in item and isinstance(item.get("properties"), Mapping) and not isinstance(item.get("exchange"), str)


def _kombu(item: JSON) -> Pasted:
    """As kombu puts it into a transport without AMQP, Redis for one: `content-type` beside the body, `delivery_info` in the properties."""
    properties = dict(item["properties"])
    place = _table(properties.get("delivery_info")) or _table(item.get("delivery_info"))
    properties |= {name.replace("-", "_"): item[name] for name in ("content-type", "content-encoding", "headers") if item.get(name) is not None}
    form = "A message of kombu."
    if not _has_place(place):
        return _without_place(form, properties, item, "It tells no exchange and routing key (delivery_info).")
    return _published(form, place["exchange"], place["routing_key"], properties, item)


def _is_message(item: JSON) -> bool:
    return _has_place(item) and any(name in item for name in ("payload", "payload_encoding", "payload_bytes", "message_count", "body", "redelivered"))


def _message(item: JSON) -> Pasted:
    """RabbitMQ's management API shows an empty table of properties as []."""
    return _published("A message as it lies in a queue.", item["exchange"], item["routing_key"], _table(item.get("properties")), item)


def _is_question(item: JSON) -> bool:
    return _has_place(item)


def _question(item: JSON) -> Pasted:
    kept = ("exchange", "routing_key", "headers", "headers_amqp", "properties", "user", "verdicts")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    headers = _told_headers(item, _table(item.get("properties")))
    found = Pasted("A question of Hareline’s API about a message.", question, task=_text(headers.get("task")), uuid=_text(headers.get("id")))
    found.deaths = deaths_of(headers)
    elsewhere = [name for name in ("definitions", "broker", "vhost", "at") if item.get(name) is not None]
    found.notes = [f"What it says of {', '.join(elsewhere)} is passed over: this page asks the virtual host that is chosen above."] if elsewhere else []
    return found


def _is_task_question(item: JSON) -> bool:
    named = isinstance(item.get("task"), Mapping) and isinstance(item["task"].get("name"), str)
    return named or (isinstance(item.get("task"), str) and ("options" in item or "conf" in item))


def _task_question(item: JSON) -> Pasted:
    kept = ("task", "options", "conf", "args", "kwargs", "via", "sig_options")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    name = item["task"] if isinstance(item["task"], str) else item["task"]["name"]
    return Pasted("A question of Hareline’s API about a task.", task_question=question, task=name)


def _is_headers(item: JSON) -> bool:
    """The headers of protocol 2, alone or under `headers`."""
    inner = _table(item.get("headers")) or _table(_table(item.get("properties")).get("headers"))
    return isinstance(inner.get("task"), str) or (isinstance(item.get("task"), str) and any(name in item for name in ("lang", "argsrepr", "root_id")))


def _headers(item: JSON) -> Pasted:
    properties = dict(_table(item.get("properties")))
    if isinstance(item.get("headers"), Mapping):
        properties["headers"] = item["headers"]
    elif "headers" not in properties:
        properties["headers"] = item
    return _without_place("The headers of a Celery message.", properties, item, "They do not tell how it was published (exchange and routing key).")


def _is_protocol_1(item: JSON) -> bool:
    return isinstance(item.get("task"), str) and any(name in item for name in ("args", "kwargs", "id"))


def _protocol_1(item: JSON) -> Pasted:
    message = messages.decode(msgspec.json.encode(item), {"content_type": "application/json"})
    found = Pasted("The body of a Celery message of protocol 1.", task=item["task"], uuid=message.id or "", message=message)
    found.notes = ["It does not tell how it was published (exchange and routing key)."]
    return found


_FORMS: tuple[tuple[Callable[[JSON], bool], Callable[[JSON], Pasted]], ...] = (
    (_is_event, _event),
    (_is_trace, _trace),
    (_is_worker_task, _worker_task),
    (_is_kombu, _kombu),
    (_is_message, _message),
    (_is_question, _question),
    (_is_task_question, _task_question),
    (_is_headers, _headers),
    (_is_protocol_1, _protocol_1),
)
"""The more telling form first: an event has an exchange and a key as well."""


def _published(form: str, exchange: str, key: str, properties: JSON, item: JSON) -> Pasted:
    """A message of which exchange and key are known."""
    found = _described(form, properties, item)
    kept = {name: properties[name] for name in SEEN_PROPERTIES if properties.get(name) is not None}
    exact = item.get("headers_amqp")
    headers = {"headers_amqp": exact} if exact is not None else {"headers": properties["headers"]} if properties.get("headers") else {}
    found.question = {"exchange": exchange, "routing_key": key, **headers, **({"properties": kept} if kept else {})}
    return found


def _without_place(form: str, properties: JSON, item: JSON, note: str) -> Pasted:
    found = _described(form, properties, item)
    found.notes = [*found.notes, note]
    return found


def _described(form: str, properties: JSON, item: JSON) -> Pasted:
    """What the properties, headers and body tell of the message itself."""
    headers = _told_headers(item, properties)
    found = Pasted(form, redelivered=_truth(item.get("redelivered")), queue=_text(item.get("queue")), deaths=deaths_of(headers))
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


def _told_headers(item: JSON, properties: JSON) -> dict[str, Any]:
    exact = item.get("headers_amqp")
    if isinstance(exact, Mapping):
        return plain(exact)
    return dict(_table(properties.get("headers")) or _table(item.get("headers")))
