"""The formats of RabbitMQ and Hareline: a message in a queue, a traced message, a question. Pure."""

from __future__ import annotations

from dashboard.why.message_formats.content import JSON, ParsedMessage, UnknownFormat, has_address, message_headers, published, table_in, text_in
from dashboard.why.message_formats.dead_letters import dead_letter_history


def is_trace(item: JSON) -> bool:
    """A line of the tracing plugin's log, or a message of the exchange amq.rabbitmq.trace, whose headers have the same fields."""
    return isinstance(item.get("routing_keys"), list) or item.get("exchange") == "amq.rabbitmq.trace"


def trace(item: JSON) -> ParsedMessage:
    """Sources: https://www.rabbitmq.com/docs/firehose; the log has `exchange` where the firehose's headers have `exchange_name`."""
    fields = (
        table_in(item.get("headers")) or table_in(table_in(item.get("properties")).get("headers")) if item.get("exchange") == "amq.rabbitmq.trace" else item
    )
    exchange, keys = fields.get("exchange_name", fields.get("exchange")), fields.get("routing_keys")
    if not isinstance(exchange, str) or not isinstance(keys, list) or not keys or not isinstance(keys[0], str):
        raise UnknownFormat("This comes from the firehose (amq.rabbitmq.trace), but exchange_name and routing_keys are missing in its headers.")
    found = published(f"A message traced by the firehose{_traced_by(fields)}.", exchange, keys[0], table_in(fields.get("properties")), item)
    if fields is not item or found.queue == "none":  # the queue of the trace itself; "none" in the log of a publish
        found.queue = ""
    routed = fields.get("routed_queues")
    found.routed = sorted(name for name in routed if isinstance(name, str)) if isinstance(routed, list) else None
    return found


def _traced_by(fields: JSON) -> str:
    user, vhost = text_in(fields.get("user")), text_in(fields.get("vhost"))
    return f", published by {user} in {vhost}" if user and vhost else ""


def is_message(item: JSON) -> bool:
    return has_address(item) and any(name in item for name in ("payload", "payload_encoding", "payload_bytes", "message_count", "body", "redelivered"))


def message(item: JSON) -> ParsedMessage:
    """RabbitMQ's management API shows an empty table of properties as []."""
    return published("A message in a queue.", item["exchange"], item["routing_key"], table_in(item.get("properties")), item)


def is_question(item: JSON) -> bool:
    return has_address(item)


def question(item: JSON) -> ParsedMessage:
    kept = ("exchange", "routing_key", "headers", "headers_amqp", "properties", "user", "verdicts")
    question = {name: item[name] for name in kept if item.get(name) is not None}
    headers = message_headers(item, table_in(item.get("properties")))
    found = ParsedMessage("A question for Hareline’s API about a message.", question, task=text_in(headers.get("task")), uuid=text_in(headers.get("id")))
    found.dead_letters = dead_letter_history(headers)
    elsewhere = [name for name in ("definitions", "broker", "vhost", "at") if item.get(name) is not None]
    found.notes = [f"Ignored: {', '.join(elsewhere)}. This page uses the virtual host selected above."] if elsewhere else []
    return found
