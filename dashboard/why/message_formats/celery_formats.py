"""The forms in which Celery and kombu show a task: an event, what a worker holds, a message or a part of one, a question about a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dashboard.why.message_formats.content import JSON, Pasted, has_place, published, sent_task, table_in, text_in, truth_in, without_place
from workers import messages


def is_event(item: JSON) -> bool:
    return text_in(item.get("type")).startswith("task-") and isinstance(item.get("uuid"), str)


def event(item: JSON) -> Pasted:
    found = Pasted(f"A {item['type'][:40]} event of Celery.", task=text_in(item.get("name")), uuid=item["uuid"], sent_for=text_in(item.get("queue")))
    if has_place(item):
        found.question = sent_task(item["exchange"], item["routing_key"], found.task, found.uuid)
    else:
        found.notes = ["Only the event task-sent tells exchange and routing key."]
    return found


def is_worker_task(item: JSON) -> bool:
    return isinstance(item.get("request"), Mapping) or (isinstance(item.get("delivery_info"), Mapping) and isinstance(item.get("name", item.get("task")), str))


def worker_task(item: JSON) -> Pasted:
    told = table_in(item.get("request")) or item
    place = table_in(told.get("delivery_info"))
    task, uuid = text_in(told.get("name", told.get("task"))), text_in(told.get("id"))
    found = Pasted("A task that a worker holds, as Celery’s inspect shows it.", task=task, uuid=uuid, redelivered=truth_in(place.get("redelivered")))
    if has_place(place):
        found.question = sent_task(place["exchange"], place["routing_key"], task, uuid)
    return found


def is_kombu(item: JSON) -> bool:
    return "body" in item and isinstance(item.get("properties"), Mapping) and not isinstance(item.get("exchange"), str)


def kombu(item: JSON) -> Pasted:
    """As kombu puts it into a transport without AMQP, Redis for one: `content-type` beside the body, `delivery_info` in the properties."""
    properties = dict(item["properties"])
    place = table_in(properties.get("delivery_info")) or table_in(item.get("delivery_info"))
    properties |= {name.replace("-", "_"): item[name] for name in ("content-type", "content-encoding", "headers") if item.get(name) is not None}
    form = "A message of kombu."
    if not has_place(place):
        return without_place(form, properties, item, "It tells no exchange and routing key (delivery_info).")
    return published(form, place["exchange"], place["routing_key"], properties, item)


def is_task_question(item: JSON) -> bool:
    named = isinstance(item.get("task"), Mapping) and isinstance(item["task"].get("name"), str)
    return named or (isinstance(item.get("task"), str) and ("options" in item or "conf" in item))


def task_question(item: JSON) -> Pasted:
    kept = ("task", "options", "conf", "args", "kwargs", "via", "sig_options")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    name = item["task"] if isinstance(item["task"], str) else item["task"]["name"]
    return Pasted("A question of Hareline’s API about a task.", task_question=question, task=name)


def is_headers(item: JSON) -> bool:
    """The headers of protocol 2, alone or under `headers`."""
    inner = table_in(item.get("headers")) or table_in(table_in(item.get("properties")).get("headers"))
    return isinstance(inner.get("task"), str) or (isinstance(item.get("task"), str) and any(name in item for name in ("lang", "argsrepr", "root_id")))


def headers(item: JSON) -> Pasted:
    properties = dict(table_in(item.get("properties")))
    if isinstance(item.get("headers"), Mapping):
        properties["headers"] = item["headers"]
    elif "headers" not in properties:
        properties["headers"] = item
    return without_place("The headers of a Celery message.", properties, item, "They do not tell how it was published (exchange and routing key).")


def is_protocol_1(item: JSON) -> bool:
    return isinstance(item.get("task"), str) and any(name in item for name in ("args", "kwargs", "id"))


def protocol_1(item: JSON) -> Pasted:
    message = messages.decode(msgspec.json.encode(item), {"content_type": "application/json"})
    found = Pasted("The body of a Celery message of protocol 1.", task=item["task"], uuid=message.id or "", message=message)
    found.notes = ["It does not tell how it was published (exchange and routing key)."]
    return found
