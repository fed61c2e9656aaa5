"""The forms in which RabbitMQ and Hareline show a message: as it lies in a queue, traced, as a question. Pure."""

from __future__ import annotations

from dashboard.why.message_formats.content import JSON, NotUnderstood, Pasted, has_place, published, table_in, text_in, told_headers
from dashboard.why.message_formats.dead_letters import deaths_of


def is_trace(item: JSON) -> bool:
    """A line of the tracing plugin's log, or a message of the exchange amq.rabbitmq.trace, whose headers tell the same."""
    return isinstance(item.get("routing_keys"), list) or item.get("exchange") == "amq.rabbitmq.trace"


def trace(item: JSON) -> Pasted:
    """Sources: https://www.rabbitmq.com/docs/firehose; the log has `exchange` where the firehose's headers have `exchange_name`."""
    told = table_in(item.get("headers")) or table_in(table_in(item.get("properties")).get("headers")) if item.get("exchange") == "amq.rabbitmq.trace" else item
    exchange, keys = told.get("exchange_name", told.get("exchange")), told.get("routing_keys")
    if not isinstance(exchange, str) or not isinstance(keys, list) or not keys or not isinstance(keys[0], str):
        raise NotUnderstood("This comes from the firehose (amq.rabbitmq.trace), but exchange_name and routing_keys are missing in its headers.")
    found = published(f"A message as the firehose traced it{_traced_by(told)}.", exchange, keys[0], table_in(told.get("properties")), item)
    if told is not item or found.queue == "none":  # the queue of the trace itself; the log's word for what was published
        found.queue = ""
    routed = told.get("routed_queues")
    found.routed = sorted(name for name in routed if isinstance(name, str)) if isinstance(routed, list) else None
    return found


def _traced_by(told: JSON) -> str:
    user, vhost = text_in(told.get("user")), text_in(told.get("vhost"))
    return f", published by {user} in {vhost}" if user and vhost else ""


def is_message(item: JSON) -> bool:
    return has_place(item) and any(name in item for name in ("payload", "payload_encoding", "payload_bytes", "message_count", "body", "redelivered"))


def message(item: JSON) -> Pasted:
    """RabbitMQ's management API shows an empty table of properties as []."""
    return published("A message as it lies in a queue.", item["exchange"], item["routing_key"], table_in(item.get("properties")), item)


def is_question(item: JSON) -> bool:
    return has_place(item)


def question(item: JSON) -> Pasted:
    kept = ("exchange", "routing_key", "headers", "headers_amqp", "properties", "user", "verdicts")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    headers = told_headers(item, table_in(item.get("properties")))
    found = Pasted("A question of Hareline’s API about a message.", question, task=text_in(headers.get("task")), uuid=text_in(headers.get("id")))
    found.deaths = deaths_of(headers)
    elsewhere = [name for name in ("definitions", "broker", "vhost", "at") if item.get(name) is not None]
    found.notes = [f"What it says of {', '.join(elsewhere)} is passed over: this page asks the virtual host that is chosen above."] if elsewhere else []
    return found
