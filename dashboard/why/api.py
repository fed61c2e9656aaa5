"""`POST routing/explain` and `POST routing/explain-task`: where a message or a task goes, and why. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from brokers.models import Broker
from brokers.routing import questions
from brokers.routing.fields import InvalidQuestion
from dashboard.api.errors import ERRORS, ErrorAnswer, Problem, invalid, not_found
from dashboard.api.parameters import broker_named, scope
from dashboard.layout import formatting
from dashboard.why import explanations, loaded_vhost, task_explanations
from dashboard.why.explanations import Place
from dashboard.why.question_vhost import WrongPlace, moment_in, name_in, place_asked

router = Router(tags=["routing"])

LARGEST_BODY_BYTES = 16 * 1024 * 1024


class MessageAsked(Schema):
    broker: str | None = Field(None, description="With vhost: the virtual host as it is now. Instead of definitions")
    vhost: str | None = None
    at: str | None = Field(None, description="A moment, ISO 8601: the virtual host as it was then")
    definitions: dict[str, Any] | None = Field(None, description="What RabbitMQ exports; instead of broker")
    broker_version: str | None = Field(None, description='Such as "3.10.8"; only with definitions')
    exchange: str = Field(description='"" is the default exchange')
    routing_key: str
    headers: dict[str, Any] | None = Field(None, description="An integer is an AMQP integer, a number with a decimal point a double")
    headers_amqp: dict[str, Any] | None = Field(None, description="Exact types instead: {name: [type, value]}")
    properties: dict[str, Any] | None = None
    user: str | None = None
    verdicts: str | None = Field(None, description='"all": the verdict on every binding')
    what_if: list[dict[str, Any]] | None = Field(None, description="Changes to think about, each with its change; nothing is changed in the broker")


class ExplainedTask(Schema):
    broker: str | None = Field(None, description="With vhost: against the virtual host as it is now")
    vhost: str | None = None
    conf: dict[str, Any] | None = Field(None, description="Celery's settings; without them its defaults are taken and the answer is not certain")
    task: str | dict[str, Any] = Field(description='A name, or {"name", "attributes"?, "unregistered"?}')
    options: dict[str, Any] | None = Field(None, description="Those of apply_async")
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    via: str | None = None
    sig_options: dict[str, Any] | None = None
    predeclare: dict[str, Any] | None = Field(None, description="What exists in the broker; only without broker")
    what_if: list[dict[str, Any]] | None = Field(None, description="Changes to think about, in the broker or in task_routes; nothing is changed")


class Explanation(Schema):
    outcome: str = Field(description="routed, unroutable, refused")
    refused: str | None
    reason: str
    queues: list[str]
    one_of: list[list[str]] | None
    certain: bool
    steps: list[dict[str, Any]]
    after: list[dict[str, Any]]
    text: str


class WhatIf(Schema):
    answer: Explanation = Field(description="The whole answer after the changes")
    gained: list[str] = Field(description="Queues that it would reach besides")
    lost: list[str] = Field(description="Queues that it would no longer reach")
    text: str


class MessageExplanation(Explanation):
    what_if: WhatIf | None = Field(None, description="Only where the question has what_if")


class TaskExplanation(Schema):
    queue: str | None
    exchange: str | None
    exchange_type: str | None
    routing_key: str | None
    error: str | None = Field(description="Begins with the exception's name")
    certain: bool
    steps: list[dict[str, Any]]
    broker: Explanation | None = Field(description="What the broker does with the message")
    unknown: list[str] = Field(description="What takes certainty away, in sentences")
    differing: list[str] = Field(description="Keys for which the order people learn (routers, then the call, then the task’s class) would give another value")
    differences: list[dict[str, Any]] = Field(description="The same keys: {key, learned_layer, learned, layer, value}")
    configuration: dict[str, Any] | None = Field(
        None,
        description="Only with broker: {source: question, application, worker or defaults; name, worker_id, at, same: how many more nodes told it; text}",
    )
    sent: dict[str, Any] | None = Field(None, description="The last that was really sent: {uuid, id, at, queue, exchange, routing_key, agrees, text}")
    what_if: dict[str, Any] | None = Field(None, description="Only where the question has what_if: {answer, gained, lost, text}")


def _described(asked: type[Schema]) -> dict[str, Any]:
    """The body for the OpenAPI description; it is read by hand, so that an error names its place in it."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": asked.model_json_schema()}}}}


@router.post("/routing/explain", response={200: MessageExplanation, 413: ErrorAnswer, **ERRORS}, operation_id="explain", openapi_extra=_described(MessageAsked))
def explain(request: HttpRequest) -> Any:
    """Where a message goes and why: in a broker as Hareline sees it, or in definitions. Nothing is sent."""
    asked = _body(request)
    if "cases" in asked:
        raise invalid("cases", "cases: one question a call; many at once are for manage.py explain.")
    try:
        if asked.get("definitions") is not None:
            return questions.answer(asked)
        return explanations.explain_message(_place(request, asked)[1], asked)
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


@router.post(
    "/routing/explain-task",
    response={200: TaskExplanation, 413: ErrorAnswer, **ERRORS},
    operation_id="explain_task",
    openapi_extra=_described(ExplainedTask),
)
def explain_task(request: HttpRequest) -> Any:
    """Where Celery sends a task, by which option, attribute, route or default, and what the broker does with it. Nothing is sent."""
    asked = _body(request)
    try:
        if asked.get("broker") is None:
            return _told(task_explanations.explain_told_task({name: value for name, value in asked.items() if name not in ("broker", "vhost")}))
        found, place = _place(request, asked)
        task = asked.get("task")
        named = task if isinstance(task, str) else ""
        known = loaded_vhost.known_of(scope(request), found, place.topology.vhost, named, moment_in(asked, "at"))
        return _told(task_explanations.explain_live_task(place, asked, known))
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer; a question that can't be read becomes the API's own error."""
    name, _, why = str(answer["error"] or "").partition(": ")
    if name == "BadQuestion":
        raise invalid(why.partition(" ")[0], why)
    return plain(answer)


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with values that JSON has no form for as text."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer, enc_hook=repr))
    return found


def _place(request: HttpRequest, asked: Mapping[str, Any]) -> tuple[Broker, Place]:
    try:
        broker_named(request, name_in(asked, "broker"))
        return place_asked(scope(request), asked, timezone.now())
    except WrongPlace as error:
        raise (not_found(str(error), error.field) if error.code == "not_found" else invalid(error.field, error)) from error


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body, which may be larger than a form's: a big broker's definitions are megabytes. Its length may not be told beforehand."""
    raw = request.read(LARGEST_BODY_BYTES + 1)
    if len(raw) > LARGEST_BODY_BYTES:
        raise Problem(413, f"The body has more than {formatting.data_size(LARGEST_BODY_BYTES)}, the most that is read.", "body")
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("body", f"The body is no JSON: {error}.") from None
    except RecursionError:
        raise invalid("body", "The body is nested too deeply.") from None
    if not isinstance(given, dict):
        raise invalid("body", "The body must be a JSON object.")
    return given
