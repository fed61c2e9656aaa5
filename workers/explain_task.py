"""Where a task would go, answered: Celery's own code run dry gives the outcome, `destinations` the story, and what they disagree about is a bug.

Bad input gives an answer whose error names the field, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from workers import dry_run
from workers.destinations import BadQuestion, Difference, Outcome, Question, Sending, Step, describe, differences, read_question, send
from workers.destinations.declarations import Broker, Declared, Predeclared, publish
from workers.destinations.terms import Router

log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """One explained call. `existing` is the topology once the sender has declared: what the broker's layer routes in. `differences` are those
    between Celery and the often expected precedence."""

    queue: str | None
    exchange: str | None
    exchange_type: str | None
    routing_key: str | None
    error: str | None
    certain: bool
    steps: list[Step]
    existing: Predeclared = Predeclared()
    priority: Any = None
    differences: list[Difference] = []

    @property
    def differing(self) -> list[str]:
        """The keys in which Celery differs from the often expected precedence."""
        return [one.key for one in self.differences]

    def as_json(self, broker: Any = None) -> dict[str, Any]:
        """The contract's answer; `broker` is what the broker's layer explains, when known."""
        shown = {name: getattr(self, name) for name in ("queue", "exchange", "exchange_type", "routing_key", "error", "certain")}
        return {**shown, "steps": [msgspec.structs.asdict(step) for step in self.steps], "broker": broker}


def explain(question: Any, routers: Mapping[str, Any] | None = None, now: datetime | None = None) -> dict[str, Any]:
    """The contract's answer for one question, without the broker's part.

    >>> explain({"conf": {}, "task": {"name": "shop.mail"}})["routing_key"]
    'celery'
    """
    return answer(question, routers, now).as_json()


def answer(data: Any, routers: Mapping[str, Any] | None = None, now: datetime | None = None) -> Answer:
    """As `explain`, with what the broker's layer needs to go on."""
    try:
        question = read_question(data)
        _know_routers(question, routers)
        return _answer(question, routers, now or datetime.now(UTC))
    except BadQuestion as bad:
        return Answer(None, None, None, None, f"BadQuestion: {bad}", True, [])
    except RecursionError:
        return Answer(None, None, None, None, "BadQuestion: question is nested too deeply", True, [])


def _know_routers(question: Question, routers: Mapping[str, Any] | None) -> None:
    if routers is None:
        return
    for index, router in enumerate(question.settings.routers):
        if isinstance(router, Router) and router.name not in routers:
            raise BadQuestion(f"conf.task_routes[{index}]", f"names a router {router.name!r} that the file of routers does not hold")


def _answer(question: Question, routers: Mapping[str, Any] | None, now: datetime) -> Answer:
    if question.settings.task_always_eager and not question.via.startswith("send_task"):
        why = "With task_always_eager the task runs in the process that calls it, so nothing is sent."
        return Answer(None, None, None, None, None, True, [Step("default", "task_always_eager", True, None, why)])
    ran = dry_run.run(question, routers, now)
    sending = send(question, ran.answers, now)
    outcome = ran.outcome
    agree = same(outcome, sending.outcome)
    if not agree:
        log.error("celery_and_our_explanation_differ", task=question.task, celery=outcome, ours=sending.outcome)
    unread = any(isinstance(table, str) for table in question.settings.task_annotations or ())
    certain = agree and not sending.route.opaque and not (unread and bool(sending.attributes))
    if outcome.error is not None:
        return Answer(None, None, None, None, outcome.error, certain, describe(sending), question.predeclared, differences=differences(sending))
    broker = publish(question.predeclared, list(outcome.declared), outcome.exchange or "", outcome.routing_key or "")
    return Answer(
        queue=outcome.queue,
        exchange=outcome.exchange,
        exchange_type=broker.exchange_type,
        routing_key=outcome.routing_key,
        error=broker.error,
        certain=certain,
        steps=[*describe(sending), *_broker_steps(sending, broker)],
        existing=broker.existing,
        priority=outcome.priority,
        differences=differences(sending),
    )


def _broker_steps(sending: Sending, broker: Broker) -> list[Step]:
    if broker.error is None:
        return []
    layer = "delayed" if sending.delay is not None else "queue"
    return [Step(layer, "error", broker.error, None, f"The broker refuses this, so the message is not routed: {broker.error}.")]


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same; errors by their exception, declarations in any order."""
    if one.error or other.error:
        return _name(one.error) == _name(other.error)
    plain = [(each.queue, each.exchange, each.routing_key, each.priority, sorted(map(_comparable, each.declared))) for each in (one, other)]
    return plain[0] == plain[1]


def _comparable(declared: Declared) -> tuple[str, bytes]:
    return type(declared).__name__, msgspec.json.encode(declared, order="deterministic", enc_hook=repr)


def _name(error: str | None) -> str:
    return (error or "").partition(":")[0]
