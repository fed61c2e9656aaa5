"""`POST messages/peek`: the first messages of a queue, taken out and given back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from brokers import queries
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.queues import peek_action
from dashboard.why.message_formats import rabbitmq_formats
from workers.peek import Peeked

router = Router(tags=["messages"])


class PeekAsked(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: Name
    vhost: Name
    queue: Name
    count: int = Field(1, ge=1, le=peek_action.MOST, description="How many messages at most, from the head of the queue")


class SeenMessage(Schema):
    exchange: str
    routing_key: str
    redelivered: bool = Field(description="As it was before this look; afterwards true")
    properties: dict[str, Any] = Field(description="headers among them, as the management API shows them")
    headers_amqp: dict[str, Any] | None = Field(description="{name: [type, value]}, where JSON has no form for a header of its own; else null")
    payload: str = Field(description="At most 64 KiB of it")
    payload_encoding: str = Field(description="string, or base64 for what is no UTF-8")
    payload_bytes: int
    payload_truncated: bool
    task: str | None = Field(description="The Celery task's name; null if it is none")
    uuid: str | None
    deaths: list[str] = Field(description="Where it died before, in sentences, the newest first")
    question: dict[str, Any] | None = Field(description="What to ask routing/explain about it, with broker and vhost")


class Seen(Schema):
    queue: str
    messages: list[SeenMessage]
    behind: int = Field(description="Ready messages behind those")
    stopped: str | None = Field(description="Why fewer were taken than asked for")


@router.post("/messages/peek", response={200: Seen, 403: ErrorAnswer, 413: ErrorAnswer, 503: ErrorAnswer, **ERRORS}, operation_id="peek")
def peek(request: HttpRequest, asked: PeekAsked) -> Seen:
    """Looks at the first messages of a queue. They are taken out and given back: marked as redelivered, a quorum queue counts a delivery. Audited."""
    now, broker = timezone.now(), broker_named(request, asked.broker)
    if why := peek_action.may_not(request.user, broker.name, asked.vhost, asked.queue):
        peek_action.refused(request.user, broker.name, asked.vhost, asked.queue, why, now)
        raise Problem(403, why, "broker")
    queue = queries.queue(scope(request), broker.pk, asked.vhost, asked.queue)
    if queue is None:
        raise not_found(f"There is no queue {asked.queue} in virtual host {asked.vhost} of {broker.name}.", "queue")
    if why := peek_action.cannot(queue):
        raise invalid("queue", why)
    try:
        found = peek_action.look(request.user, broker, queue, asked.count, now)
    except peek_action.Failed as error:
        raise Problem(503, str(error), "queue") from error
    return Seen(queue=queue.name, messages=[_seen(message) for message in found.messages], behind=found.behind, stopped=found.stopped or None)


def _seen(message: Peeked) -> SeenMessage:
    shown = message.as_json()
    told = rabbitmq_formats.message(shown)
    deaths = [death.says for death in told.deaths.deaths]
    beside = {"headers_amqp": shown.get("headers_amqp"), "task": told.task or None, "uuid": told.uuid or None, "deaths": deaths, "question": told.question}
    return SeenMessage(**(shown | beside))
