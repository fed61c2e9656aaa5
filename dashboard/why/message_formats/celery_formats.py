"""The formats of Celery and kombu: an event, a task from inspect, a message or a part of one, a question about a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dashboard.why.message_formats.content import JSON, ParsedMessage, has_address, published, sent_task, table_in, text_in, truth_in, without_address
from workers import messages


def is_event(item: JSON) -> bool:
    return text_in(item.get("type")).startswith("task-") and isinstance(item.get("uuid"), str)


def event(item: JSON) -> ParsedMessage:
    found = ParsedMessage(f"A Celery {item['type'][:40]} event.", task=text_in(item.get("name")), uuid=item["uuid"], sent_for=text_in(item.get("queue")))
    if has_address(item):
        found.question = sent_task(item["exchange"], item["routing_key"], found.task, found.uuid)
    else:
        found.notes = ["Only the task-sent event has the exchange and routing key."]
    return found


def is_worker_task(item: JSON) -> bool:
    return isinstance(item.get("request"), Mapping) or (isinstance(item.get("delivery_info"), Mapping) and isinstance(item.get("name", item.get("task")), str))


def worker_task(item: JSON) -> ParsedMessage:
    request = table_in(item.get("request")) or item
    delivery = table_in(request.get("delivery_info"))
    task, uuid = text_in(request.get("name", request.get("task"))), text_in(request.get("id"))
    found = ParsedMessage("A worker’s task, as shown by Celery’s inspect.", task=task, uuid=uuid, redelivered=truth_in(delivery.get("redelivered")))
    if has_address(delivery):
        found.question = sent_task(delivery["exchange"], delivery["routing_key"], task, uuid)
    return found


def is_kombu(item: JSON) -> bool:
    return "body" in item and isinstance(item.get("properties"), Mapping) and not isinstance(item.get("exchange"), str)


def kombu(item: JSON) -> ParsedMessage:
    """The format of kombu's transports without AMQP, such as Redis: `content-type` beside the body, `delivery_info` in the properties."""
    properties = dict(item["properties"])
    delivery = table_in(properties.get("delivery_info")) or table_in(item.get("delivery_info"))
    properties |= {name.replace("-", "_"): item[name] for name in ("content-type", "content-encoding", "headers") if item.get(name) is not None}
    format_name = "A kombu message."
    if not has_address(delivery):
        return without_address(format_name, properties, item, "It has no exchange and routing key (delivery_info).")
    return published(format_name, delivery["exchange"], delivery["routing_key"], properties, item)


def is_task_question(item: JSON) -> bool:
    named = isinstance(item.get("task"), Mapping) and isinstance(item["task"].get("name"), str)
    return named or (isinstance(item.get("task"), str) and ("options" in item or "conf" in item))


def task_question(item: JSON) -> ParsedMessage:
    kept = ("task", "options", "conf", "args", "kwargs", "via", "sig_options")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    name = item["task"] if isinstance(item["task"], str) else item["task"]["name"]
    return ParsedMessage("A question for Hareline’s API about a task.", task_question=question, task=name)


def is_headers(item: JSON) -> bool:
    """The headers of protocol 2, alone or under `headers`."""
    inner = table_in(item.get("headers")) or table_in(table_in(item.get("properties")).get("headers"))
    return isinstance(inner.get("task"), str) or (isinstance(item.get("task"), str) and any(name in item for name in ("lang", "argsrepr", "root_id")))


def headers(item: JSON) -> ParsedMessage:
    properties = dict(table_in(item.get("properties")))
    if isinstance(item.get("headers"), Mapping):
        properties["headers"] = item["headers"]
    elif "headers" not in properties:
        properties["headers"] = item
    return without_address("The headers of a Celery message.", properties, item, "They do not include how it was published (exchange and routing key).")


def is_protocol_1(item: JSON) -> bool:
    return isinstance(item.get("task"), str) and any(name in item for name in ("args", "kwargs", "id"))


def protocol_1(item: JSON) -> ParsedMessage:
    message = messages.decode(msgspec.json.encode(item), {"content_type": "application/json"})
    found = ParsedMessage("The body of a Celery message, protocol 1.", task=item["task"], uuid=message.id or "", message=message)
    found.notes = ["It does not include how it was published (exchange and routing key)."]
    return found
