"""Reads a message or task: parses the JSON, then recognizes its format. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.layout import json_fields
from dashboard.why.message_formats import celery_formats, rabbitmq_formats
from dashboard.why.message_formats.content import JSON, ParsedMessage, UnknownFormat

FORMATS = (
    "a message as the management API or rabbitmqadmin get shows it (exchange, routing_key, properties, payload)",
    "a kombu message (body, headers, properties)",
    "a Celery message or only its headers (task, id, …), including protocol 1",
    "an event such as task-sent or task-received",
    "a task as celery inspect active or reserved shows it",
    "a question for Hareline’s API (exchange, routing_key, headers; or task, options, conf)",
)


def read(text: str) -> ParsedMessage:
    """The parsed message. Raises UnknownFormat with the line and column of a JSON error, or with the supported formats.

    >>> read('[{"exchange": "t", "routing_key": "a.b", "properties": [], "payload": "x", "payload_encoding": "string"}]').question["routing_key"]
    'a.b'
    """
    if len(text) > json_fields.LARGEST_CHARACTERS:
        raise UnknownFormat(f"This has {len(text):,} characters; at most {json_fields.LARGEST_CHARACTERS:,} are read.")
    try:
        value = json_fields.parse(text)
    except json_fields.JsonProblem as error:
        raise UnknownFormat(str(error)) from None
    if isinstance(value, list):
        return _listed(value)
    if not isinstance(value, dict):
        raise UnknownFormat(f"This is a single value, not a message. {_known_formats()}")
    return _recognised(value)


def _listed(values: list[Any]) -> ParsedMessage:
    """The first message of a list, as `rabbitmqadmin get` prints it."""
    if not values:
        raise UnknownFormat("This list is empty: it holds no message.")
    if isinstance(values[0], list) and len(values) == 3 and isinstance(values[1], dict):
        raise UnknownFormat("This is the body of a Celery task without its headers, which name the task. Paste the whole message.")
    if not isinstance(values[0], dict):
        raise UnknownFormat(f"This list holds no message. {_known_formats()}")
    found = _recognised(values[0])
    if len(values) > 1:
        found.notes = [f"The list holds {len(values):,}; the first of them is explained.", *found.notes]
    return found


def _recognised(item: JSON) -> ParsedMessage:
    """The parsed object. Raises UnknownFormat."""
    for is_it, reader in _READERS:
        if is_it(item):
            return reader(item)
    raise UnknownFormat(f"The format of this JSON is not known. {_known_formats()}")


def _known_formats() -> str:
    return f"Supported formats: {'; '.join(FORMATS)}."


_READERS: tuple[tuple[Callable[[JSON], bool], Callable[[JSON], ParsedMessage]], ...] = (
    (celery_formats.is_event, celery_formats.event),
    (rabbitmq_formats.is_trace, rabbitmq_formats.trace),
    (celery_formats.is_worker_task, celery_formats.worker_task),
    (celery_formats.is_kombu, celery_formats.kombu),
    (rabbitmq_formats.is_message, rabbitmq_formats.message),
    (rabbitmq_formats.is_question, rabbitmq_formats.question),
    (celery_formats.is_task_question, celery_formats.task_question),
    (celery_formats.is_headers, celery_formats.headers),
    (celery_formats.is_protocol_1, celery_formats.protocol_1),
)
"""The more specific format first: an event has an exchange and a key as well."""
