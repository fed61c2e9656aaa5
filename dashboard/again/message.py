"""A Celery message that was seen whole, as by peeking at a dead-letter queue: what is sent to run its task again, or why it isn't known in full. Pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dashboard.layout import json_fields
from dashboard.send.order import Order
from dashboard.why.message_formats import ParsedMessage, UnknownFormat, read
from workers.redaction import REDACTED
from workers.sending import send_options
from workers.sending.send_options import Options

KOMBU_TYPES = ("__type__", "__base64__")
"""Keys by which kombu writes what JSON has not: dates, decimals, bytes."""


class SeenMessage(msgspec.Struct, frozen=True):
    """`order` is None where the message is not known in full; `why` says why. `waits_in`: the queue where the message still is, "" if unknown."""

    order: Order | None
    why: str = ""
    uuid: str = ""
    waits_in: str = ""
    is_dead: bool = False
    left: tuple[str, ...] = ()


def seen_message(text: str) -> SeenMessage:
    """What the text of a message, as the peek page and RabbitMQ's management API give it, shows of its task."""
    try:
        found = read(text)
        item = json.loads(text)
    except UnknownFormat as error:
        return SeenMessage(None, str(error))
    except (ValueError, RecursionError):
        return SeenMessage(None, "The message is not JSON.")
    why = _why_not(found, item)
    dead = found.dead_letters.entries
    about: dict[str, Any] = {"uuid": found.uuid, "waits_in": found.queue, "is_dead": bool(dead)}
    if why or found.message is None:
        return SeenMessage(None, why or "It is no task of Celery.", **about)
    args, kwargs = found.message.args or [], found.message.kwargs or {}
    order = Order(found.task, args, kwargs, _options(found), json_fields.written(args), json_fields.written(kwargs))
    return SeenMessage(order, "", **about, left=_left(found))


def _why_not(found: ParsedMessage, item: object) -> str:
    """Why the message is not known in full, as a sentence; "" if it is."""
    if found.message is None or not found.task:
        return "It is no task of Celery, or its body was not seen."
    payload = item.get("payload") if isinstance(item, dict) else None
    if isinstance(item, dict) and item.get("payload_truncated"):
        return "Its body was cut when it was read, so that its arguments are not known in full."
    if not isinstance(payload, str):
        return "Its body was not seen, so that its arguments are not known in full."
    if isinstance(item, dict) and item.get("payload_encoding") == "base64":
        return "Its body is not plain text (packed, or another format than JSON), so that it can’t be sent as it was."
    if found.message.problem or found.message.args is None or found.message.kwargs is None:
        return found.message.problem or "Its arguments can’t be read."
    if REDACTED in payload:
        return "A secret in it was redacted, so that its arguments are not known in full."
    if any(name in payload for name in KOMBU_TYPES):
        return "It holds dates, decimals or bytes in kombu’s own encoding, which can’t be sent as plain JSON."
    try:
        send_options.task_name(found.task)
        json.dumps([found.message.args, found.message.kwargs], allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return "Its name or its arguments can’t be sent as plain JSON."
    return ""


def _options(found: ParsedMessage) -> Options:
    """Where it was first: the queue that dead-lettered it first, else where it was published, else the queue where it is."""
    dead = found.dead_letters.entries
    if dead:
        return Options(queue=dead[-1].queue)
    question = found.question or {}
    if question.get("exchange") and question.get("routing_key"):
        return Options(exchange=question["exchange"], routing_key=question["routing_key"])
    return Options(queue=question.get("routing_key") or found.queue or None)


def _left(found: ParsedMessage) -> tuple[str, ...]:
    """What of the message is not sent again, by the names that Celery gives it."""
    message = found.message
    if message is None:
        return ()
    named = {"group": message.group, "ETA": message.eta, "expiration": message.expires, "time limits": any(message.time_limits)}
    return tuple(name for name, value in (named | message.follow_ups).items() if value)
