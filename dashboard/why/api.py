"""`POST routing/explain` and `POST routing/explain-task`: where a message or a task goes, and why. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from dashboard.limits.at_once import Busy
from dashboard.why import explanations, large_questions, loaded_vhost, task_explanations, turns
from dashboard.why.explanations import LoadedVhost
from dashboard.why.question_vhost import VhostUnavailable, load_question_vhost, moment_in, name_in
from dashboard.why.task_answer import TaskExplanation as TaskAnswer

router = Router(tags=["routing"])

LARGEST_BODY_BYTES = 16 * 1024 * 1024


class MessageQuestion(Schema):
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
    what_if: list[dict[str, Any]] | None = Field(None, description="Hypothetical changes, each with its change; nothing is changed in the broker")


class TaskQuestion(Schema):
    broker: str | None = Field(None, description="With vhost: against the virtual host as it is now")
    vhost: str | None = None
    conf: dict[str, Any] | None = Field(None, description="Celery's settings; without them its defaults are taken and the answer is not certain")
    task: str | dict[str, Any] = Field(description='A name, or {"name", "attributes"?, "unregistered"?}')
    options: dict[str, Any] | None = Field(None, description="Those of apply_async")
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    via: str | None = None
    sig_options: dict[str, Any] | None = None
    predeclare: dict[str, Any] | None = Field(None, description="What exists in the broker, and its default_queue_type; only without broker")
    what_if: list[dict[str, Any]] | None = Field(None, description="Hypothetical changes in the broker or in task_routes; nothing is changed")


class Explanation(Schema):
    outcome: str = Field(description="routed, unroutable, refused, unknown: an exchange whose rules are not known is on the path")
    refused: str | None
    reason: str
    queues: list[str]
    possible: list[str] = Field(description="With unknown: further queues that the bindings of such an exchange may lead to")
    one_of: list[list[str]] | None
    certain: bool
    steps: list[dict[str, Any]]
    after: list[dict[str, Any]]
    text: str


class WhatIf(Schema):
    answer: Explanation = Field(description="The whole answer after the changes")
    gained: list[str] = Field(description="Queues that it would reach in addition")
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
    unknown: list[str] = Field(description="Reasons why the answer is not certain, as sentences")
    differing: list[str] = Field(description="Keys for which the often expected precedence (routers, call, task’s class) would give another value")
    differences: list[dict[str, Any]] = Field(description="The same keys: {key, learned_layer, learned, layer, value}")
    configuration: dict[str, Any] | None = Field(
        None,
        description="Only with broker: {source: question, application, worker or defaults; name, worker_id, at, same: how many more workers reported it; text}",
    )
    sent: dict[str, Any] | None = Field(
        None,
        description="The last task actually sent: {uuid, id, at, queue, exchange, routing_key, arrived (the queues it went to), agrees (null: it named its own "
        "exchange), text}",
    )
    decided_by: str | None = Field(
        None, description="Only with broker: what the address is from: configuration, last_sent (the last task really sent), or assumption"
    )
    what_if: dict[str, Any] | None = Field(None, description="Only where the question has what_if: {answer, gained, lost, text}")


def _described(schema: type[Schema]) -> dict[str, Any]:
    """The request body for the OpenAPI description; it is parsed by hand, so that errors name their field."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema.model_json_schema()}}}}


@contextmanager
def in_turn() -> Iterator[None]:
    """Raises Problem where it is nobody's turn in time."""
    try:
        with turns.EXPLANATIONS.turn():
            yield
    except Busy:
        raise Problem(503, turns.busy_text()) from None


@router.post(
    "/routing/explain",
    response={200: MessageExplanation, 413: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="explain",
    openapi_extra=_described(MessageQuestion),
)
@in_turn()
def explain(request: HttpRequest) -> Any:
    """Where a message goes and why: in a monitored broker or in definitions. Nothing is sent."""
    raw = _raw_body(request)
    question = _decoded(raw)
    if "cases" in question:
        raise invalid("cases", "cases: only one question per call; use manage.py explain for many.")
    try:
        if question.get("definitions") is not None:
            return questions.answer(question) if len(raw) < large_questions.LARGE_BYTES else _answer_apart(raw)
        return questions.as_answer(explanations.explain_message(_load_vhost(request, question)[1], question))
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


@router.post(
    "/routing/explain-task",
    response={200: TaskExplanation, 413: ErrorAnswer, 503: ErrorAnswer, **ERRORS},
    operation_id="explain_task",
    openapi_extra=_described(TaskQuestion),
)
@in_turn()
def explain_task(request: HttpRequest) -> Any:
    """Where Celery sends a task, by which option, attribute, route or default, and what the broker does with it. Nothing is sent."""
    question = _body(request)
    try:
        if question.get("broker") is None:
            return _checked_answer(task_explanations.explain_given_task({name: value for name, value in question.items() if name not in ("broker", "vhost")}))
        found, loaded = _load_vhost(request, question)
        task = question.get("task")
        named = task if isinstance(task, str) else ""
        known = loaded_vhost.known_task(scope(request), found, loaded.topology.vhost, named, moment_in(question, "at"))
        return _checked_answer(task_explanations.explain_live_task(loaded, question, known))
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


def _checked_answer(found: TaskAnswer) -> dict[str, Any]:
    """The answer; an invalid question becomes an API error."""
    if found.problem:
        raise invalid(found.problem[0], " ".join(found.problem))
    return plain(found)


def plain(found: TaskAnswer) -> dict[str, Any]:
    """The answer as JSON, with values that JSON can't represent as text."""
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found.as_json(), enc_hook=repr))
    return shown


def _load_vhost(request: HttpRequest, question: Mapping[str, Any]) -> tuple[Broker, LoadedVhost]:
    try:
        broker_named(request, name_in(question, "broker"))
        return load_question_vhost(scope(request), question, timezone.now())
    except VhostUnavailable as error:
        raise (not_found(str(error), error.field) if error.code == "not_found" else invalid(error.field, error)) from error


def _answer_apart(raw: bytes) -> dict[str, Any]:
    try:
        found = large_questions.answer(raw)
    except large_questions.TooLarge as error:
        raise Problem(413, f"The explanation {error}: give fewer definitions.", "definitions") from None
    if problem := found.get("error"):
        raise invalid(problem["field"], problem["message"])
    return found


def _body(request: HttpRequest) -> dict[str, Any]:
    return _decoded(_raw_body(request))


def _raw_body(request: HttpRequest) -> bytes:
    """The body, which may be larger than a form's: a big broker's definitions are megabytes. It may have no Content-Length."""
    raw = request.read(LARGEST_BODY_BYTES + 1)
    if len(raw) > LARGEST_BODY_BYTES:
        raise Problem(413, f"The body is larger than the limit of {formatting.data_size(LARGEST_BODY_BYTES)}.", "body")
    return raw


def _decoded(raw: bytes) -> dict[str, Any]:
    """Its JSON object."""
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("body", f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise invalid("body", "The body is nested too deeply.") from None
    if not isinstance(given, dict):
        raise invalid("body", "The body must be a JSON object.")
    return given
