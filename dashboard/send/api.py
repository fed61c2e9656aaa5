"""`POST tasks/send`: one task, sent once through Celery itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.visible_reasons import visible_reason
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import broker_named, scope
from dashboard.layout import amqp_targets, formatting, json_fields, levels
from dashboard.people import access
from dashboard.send import action as sending
from dashboard.send.order import Order
from dashboard.why.api import TaskExplanation, in_turn, plain
from workers.sending import send_options

router = Router(tags=["tasks"])

LARGEST_BODY_BYTES = 2 * json_fields.LARGEST_CHARACTERS
FIELDS = ("broker", "vhost", "task", "args", "kwargs", "options", "dry_run")


class SendOptions(Schema):
    model_config = ConfigDict(extra="forbid")

    queue: str | None = Field(None, max_length=255, description="Absent: by the workers' routing, or the route this task last took, else Celery's default")
    exchange: str | None = Field(None, max_length=255, description="Only with a routing key; Celery ignores it otherwise")
    routing_key: str | None = Field(None, max_length=255, description="Only with an exchange; Celery ignores it otherwise")
    countdown: float | None = Field(None, ge=0, description="Seconds")
    eta: str | None = Field(None, description="A time; instead of a countdown")
    priority: int | None = Field(None, ge=0, le=255)
    expires: float | None = Field(None, gt=0, description="Seconds")


class TaskToSend(Schema):
    model_config = ConfigDict(extra="forbid")

    broker: str
    vhost: str
    task: str = Field(max_length=500)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    options: dict[str, Any] = {}
    dry_run: bool = Field(False, description="Only predict: nothing is sent, and no permission is needed")


class TaskSent(Schema):
    uuid: str
    id: int | None = Field(description="The task's id; null until an event of it arrives")
    confirmed: bool | None = Field(description="true: a queue has it; false: unroutable, it is lost; null: unknown, the connection broke")
    reason: str | None = Field(description="Why it is not confirmed")
    exchange: str | None
    routing_key: str | None


class TaskPredicted(Schema):
    exchange: str
    routing_key: str
    queues: list[str] = Field(description="That would receive it; [] if it would be unroutable")
    prediction: TaskExplanation = Field(description="As the answer of routing/explain-task")


def _described() -> dict[str, Any]:
    """The body for the OpenAPI description; it is read by hand, so that an error can name line and column."""
    schema = TaskToSend.model_json_schema()
    schema["properties"]["options"] = SendOptions.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post(
    "/tasks/send",
    response={200: TaskPredicted, 202: TaskSent, 403: ErrorAnswer, 413: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="send_task",
    openapi_extra=_described(),
)
def send(request: HttpRequest) -> Status[Any]:
    """Sends the task once, with publisher confirms; never retried. Recorded in the audit log. With dry_run it only predicts where it would go."""
    given = _body(request)
    broker_name, vhost = _text(given, "broker"), _text(given, "vhost")
    order = _order(given)
    now = timezone.now()
    if given.get("dry_run"):
        return Status(200, _predicted(request, order, broker_named(request, broker_name), vhost, now))
    if not access.may(request.user, "send", broker_name, vhost):
        why = sending.why_not(request.user, broker_name, vhost)
        sending.note_refusal(request.user, broker_name, vhost, order.task, why, now)
        raise Problem(403, why, "broker")
    broker = broker_named(request, broker_name)
    if why := sending.why_not(request.user, broker.name, vhost) or amqp_targets.refusal(broker):
        sending.note_refusal(request.user, broker.name, vhost, order.task, why, now)
        raise Problem(403, why, "broker")
    _check_vhost(request, broker, vhost)
    if blocked := levels.blocked_text(broker, now):
        sending.note_refusal(request.user, broker.name, vhost, order.task, blocked, now)
        raise Problem(503, blocked, "broker")
    with in_turn():
        predicted = sending.predict(scope(request), order, broker, vhost, now)
    done = sending.send(request.user, broker, vhost, predicted, str(uuid4()), now)
    reason = visible_reason(scope(request), broker.name, done.sent.reason) if done else ""
    if done is not None and done.sent.grant:
        raise Problem(403, f"{reason} To grant it: {done.sent.grant}", "broker")
    if done is None or done.sent.outcome == "not sent":
        raise Problem(503, reason if done else "This was sent before.", "broker")
    sent = done.sent
    stored = None if sent.outcome == "returned" else sending.stored_task(broker, vhost, sent.uuid)
    return Status(
        202,
        TaskSent(
            uuid=sent.uuid,
            id=stored.pk if stored else None,
            confirmed=sent.confirmed,
            reason=reason or None,
            exchange=sent.exchange,
            routing_key=sent.routing_key,
        ),
    )


def _check_vhost(request: HttpRequest, broker: Broker, vhost: str) -> None:
    if broker_queries.virtual_host(scope(request), broker.pk, vhost) is None:
        raise not_found(f"There is no virtual host {vhost} on {broker.name}.", "vhost")


def _predicted(request: HttpRequest, order: Order, broker: Broker, vhost: str, now: datetime) -> dict[str, Any]:
    _check_vhost(request, broker, vhost)
    with in_turn():
        found = sending.predict(scope(request), order, broker, vhost, now)
    to = send_options.destination(found.order.options)
    return {"exchange": to.exchange, "routing_key": to.routing_key, "queues": found.answer.queues, "prediction": plain(found.answer)}


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body, its fields known."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    largest = min(LARGEST_BODY_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or LARGEST_BODY_BYTES)
    size = int(length) if str(length).isascii() and str(length).isdigit() and len(length) < 19 else 0
    if size > largest or len(request.body) > largest:
        limit = formatting.data_size(largest)
        raise Problem(413, f"args: the body has {formatting.data_size(max(size, largest + 1))}; at most {limit} are read. Nothing was sent.", "args")
    try:
        given = json_fields.parse(request.body.decode(), dict)
    except UnicodeDecodeError:
        raise Problem(400, "The body is not UTF-8.") from None
    except json_fields.JsonProblem as error:
        raise Problem(400, f"The body is not valid JSON. {error}") from None
    for name in given:
        if name not in FIELDS:
            raise invalid(name[:80], f"{name[:80]}: no such field; there are {', '.join(FIELDS)}.")
    if not isinstance(given.get("dry_run", False), bool):
        raise invalid("dry_run", "dry_run: expected true or false. Nothing was sent.")
    return given


def _text(given: dict[str, Any], field: str) -> str:
    value = given.get(field)
    if not isinstance(value, str) or not value or len(value) > 255 or "\x00" in value:
        raise invalid(field, f"{field}: expected a name of up to 255 characters.")
    return value


def _order(given: dict[str, Any]) -> Order:
    try:
        task = send_options.task_name(given.get("task"))
    except ValueError as error:
        raise invalid("task", error) from None
    args, kwargs, options = given.get("args", []), given.get("kwargs", {}), given.get("options", {})
    for field, value, kind, words in (("args", args, list, "a list"), ("kwargs", kwargs, dict, "an object"), ("options", options, dict, "an object")):
        if not isinstance(value, kind):
            raise invalid(field, f"{field}: expected {words}.")
    parsed, problems = send_options.parse(options)
    if problems:
        raise invalid(problems[0].field, problems[0].text)
    return Order(task, args, kwargs, parsed, json_fields.written(args), json_fields.written(kwargs))
