"""`POST messages/peek`: the first messages of a queue, taken and requeued."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from brokers import queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.layout import amqp_targets
from dashboard.queues import peek_action
from dashboard.why.message_formats import rabbitmq_formats
from workers.peek import Peeked

router = Router(tags=["messages"])


class PeekRequest(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: Name
    vhost: Name
    queue: Name
    count: int = Field(1, ge=1, le=peek_action.MOST, description="Maximum number of messages, from the head of the queue")


class SeenMessage(Schema):
    exchange: str
    routing_key: str
    redelivered: bool = Field(description="The flag before this peek; peeking sets it")
    properties: dict[str, Any] = Field(description="Includes headers, in the form of the management API")
    headers_amqp: dict[str, Any] | None = Field(description="{name: [type, value]} where a header has a type that JSON lacks; otherwise null")
    payload: str = Field(description="At most the first 64 KiB; empty, as are the properties, for a caller who may not see bodies")
    payload_encoding: str = Field(description="string, or base64 for a payload that is not UTF-8")
    payload_bytes: int
    payload_truncated: bool
    task: str | None = Field(description="The Celery task's name; null if the message is not a task")
    uuid: str | None
    deaths: list[str] = Field(description="Earlier dead-lettering in sentences, newest first")
    question: dict[str, Any] | None = Field(description="The request body for routing/explain, without broker and vhost")


class Seen(Schema):
    queue: str
    messages: list[SeenMessage]
    behind: int = Field(description="Ready messages that remain behind these")
    stopped: str | None = Field(description="Why fewer messages than requested were taken")


@router.post("/messages/peek", response={200: Seen, 403: ErrorAnswer, 413: ErrorAnswer, 503: ErrorAnswer, **ERRORS}, operation_id="peek")
def peek(request: HttpRequest, parameters: PeekRequest) -> Seen:
    """Peeks at the first messages of a queue. They are taken and requeued: flagged as redelivered, and a quorum queue counts a delivery. Audited."""
    now, broker = timezone.now(), broker_named(request, parameters.broker)
    if why := peek_action.may_not(request.user, broker.name, parameters.vhost, parameters.queue) or amqp_targets.refusal(broker):
        peek_action.refused(request.user, broker.name, parameters.vhost, parameters.queue, why, now)
        raise Problem(403, why, "broker")
    queue = queries.queue(scope(request), broker.pk, parameters.vhost, parameters.queue)
    if queue is None:
        raise not_found(f"There is no queue {parameters.queue} in virtual host {parameters.vhost} of {broker.name}.", "queue")
    if why := peek_action.cannot(queue):
        raise invalid("queue", why)
    try:
        found = peek_action.peek_at(request.user, broker, queue, parameters.count, now)
    except peek_action.PeekFailed as error:
        raise Problem(403 if error.grant else 503, f"{error} To grant it: {error.grant}" if error.grant else str(error), "queue") from error
    return Seen(queue=queue.name, messages=[_seen(message) for message in found.messages], behind=found.behind, stopped=found.stopped or None)


def _seen(message: Peeked) -> SeenMessage:
    shown = message.as_json()
    parsed = rabbitmq_formats.message(shown)
    dead_letters = [entry.text for entry in parsed.dead_letters.entries]
    beside = {
        "headers_amqp": shown.get("headers_amqp"),
        "task": parsed.task or None,
        "uuid": parsed.uuid or None,
        "deaths": dead_letters,
        "question": parsed.question,
    }
    return SeenMessage(**(shown | beside))
