"""The peek page: what peeking changes in the queue and, after it was done, the messages."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers.models import Queue
from brokers.scope import Scope
from dashboard.layout import amqp_targets, json_fields
from dashboard.live import topics
from dashboard.models import User
from dashboard.people import access
from dashboard.queues import peek_action, peek_text
from dashboard.why.message_formats import ParsedMessage, rabbitmq_formats
from workers import queries
from workers.peek import Peek, Peeked

SHOWN_CHARACTERS = 2_000
CARRIED_BYTES = 20_000
DEFAULT_COUNT = 3


class Seen(msgspec.Struct, frozen=True):
    """A message as the page shows it, with long texts truncated. `json` is posted to the page "Why"."""

    parsed: ParsedMessage
    exchange: str
    routing_key: str
    redelivered: bool
    headers: str
    properties: str
    arguments: str
    payload: str
    is_base64: bool
    size: int
    is_cut: bool
    json: str
    task_address: str


class PeekPage:
    """The data of one request about a queue. `count` is the number of messages requested."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, queue: Queue, count: str | None, now: datetime) -> None:
        self.scope, self.user, self.queue, self.now = scope, user, queue, now
        self.broker = queue.broker
        self.count = int(count) if count and count.isascii() and count.isdigit() and len(count) <= 3 and 1 <= int(count) <= peek_action.MOST else DEFAULT_COUNT
        self.done: Peek | None = None
        self.problem = self.grant = ""

    @property
    def most(self) -> int:
        return peek_action.MOST

    @cached_property
    def may_not(self) -> str:
        return peek_action.may_not(self.user, self.broker.name, self.queue.vhost, self.queue.name) or amqp_targets.refusal(self.broker)

    @property
    def shows_content(self) -> bool:
        return peek_action.sees_content(self.user, self.broker.name, self.queue.vhost, self.queue.name)

    @property
    def may_send(self) -> bool:
        """Whether this person may send tasks there, and so run again what a message holds."""
        return access.may(self.user, "send", self.broker.name, self.queue.vhost)

    @cached_property
    def cannot(self) -> str:
        return peek_action.cannot(self.queue)

    @property
    def changes(self) -> list[str]:
        return peek_text.changes(self.queue, self.broker.version)

    def peek(self) -> int:
        """The HTTP status, after peeking where that is permitted and possible."""
        if self.may_not:
            peek_action.refused(self.user, self.broker.name, self.queue.vhost, self.queue.name, self.may_not, self.now)
            return 403
        if self.cannot:
            return 422
        try:
            self.done = peek_action.peek_at(self.user, self.broker, self.queue, self.count, self.now)
        except peek_action.PeekFailed as error:
            self.problem, self.grant = str(error), error.grant
            return 403 if error.grant else 503
        return 200

    @cached_property
    def seen(self) -> list[Seen]:
        return [self._seen(message) for message in self.done.messages] if self.done else []

    def _seen(self, message: Peeked) -> Seen:
        shown = message.as_json()
        parsed = rabbitmq_formats.message(shown)
        found = queries.task(self.scope, parsed.uuid, self.broker.pk, self.queue.vhost) if parsed.uuid else None
        carried = shown if message.is_whole and message.body_bytes <= CARRIED_BYTES else shown | {"payload": None, "payload_truncated": True}
        return Seen(
            parsed=parsed,
            exchange=message.exchange,
            routing_key=message.routing_key,
            redelivered=message.redelivered,
            headers=_cut(json_fields.written(message.headers)) if message.headers else "",
            properties=_cut(", ".join(f"{name}: {value}" for name, value in message.properties.items())),
            arguments=_cut(_arguments(parsed)),
            payload=_cut(str(shown["payload"])),
            is_base64=shown["payload_encoding"] == "base64",
            size=message.body_bytes,
            is_cut=not message.is_whole or len(shown["payload"]) > SHOWN_CHARACTERS,
            json=json_fields.written(carried | {"queue": self.queue.name}),
            task_address=reverse("task", args=[found.pk]) if found else "",
        )

    @property
    def why_address(self) -> str:
        """The address of the page that traces a message's route."""
        return f"{reverse('routing')}?{urlencode({'broker': self.broker.name, 'vhost': self.queue.vhost, 'of': 'existing'})}"

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.broker.pk).name]


def _arguments(parsed: ParsedMessage) -> str:
    """A Celery task's arguments from the body, or else as the sender's repr()."""
    message = parsed.message
    if message is None:
        return ""
    if message.args is not None or message.kwargs is not None:
        return f"{_written(message.args)} {_written(message.kwargs)}"
    return " ".join(text for text in (message.args_repr, message.kwargs_repr) if text)


def _written(value: Any) -> str:
    return json_fields.written(msgspec.to_builtins(value, enc_hook=repr))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
