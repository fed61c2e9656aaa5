"""What Celery does with a task before it reaches the broker: the outcome, and the value from each layer. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.layout import formatting
from dashboard.layout.spans import Span, written
from dashboard.why.last_sent import BY_ASSUMPTION, BY_LAST_SENT
from dashboard.why.task_answer import TaskExplanation

LAYERS = {
    "option": "the call",
    "task": "the task’s class",
    "router": "task_routes",
    "queue": "the queue",
    "default": "a default",
    "delayed": "the delay",
}


class TaskLine(msgspec.Struct, frozen=True):
    """A value from one layer of Celery: `lost_to` is "" if it is used."""

    layer: str
    key: str
    value: str
    lost_to: str
    why: str


def task_lines(answer: TaskExplanation) -> list[TaskLine]:
    """In the order of the answer’s steps."""
    return [TaskLine(LAYERS.get(step.layer, step.layer), str(step.key), _shown(step.value), _layer(step.lost_to), step.why) for step in answer.celery.steps]


def task_headline(answer: TaskExplanation, task: str) -> tuple[str, list[Span]]:
    """(level, sentence): where Celery sends the task. What is only assumed is never stated as the outcome."""
    if answer.decided_by == BY_ASSUMPTION and answer.celery.exchange is not None:
        return _assumed(answer, task)
    if answer.celery.error:
        return "critical", [Span(task, True), Span(" is not sent: "), Span(answer.celery.error)]
    if answer.celery.exchange is None:
        return "notice", [Span(task, True), Span(" is not sent: it runs in the process that calls it.")]
    broker = answer.broker
    reached = answer.queues
    where = [Span(f"{'queue' if len(reached) == 1 else 'queues'} "), Span(formatting.listed(reached[:5]), True)] if reached else [Span("no queue")]
    if not reached and answer.decided_by == BY_LAST_SENT:
        named = [Span("queue "), Span(answer.celery.queue, True)] if answer.celery.queue else [Span(answer.celery.exchange or "the default exchange", True)]
        return "unknown", [Span("The last "), Span(task, True), Span(" was sent to "), *named, Span(", which leads to no queue that is known now.")]
    if broker and broker.outcome == "unknown":
        return "unknown", [Span("Where "), Span(task, True), Span(f" goes is unknown. {broker.reason}")]
    if not reached:
        return "warning", [Span(task, True), Span(" reaches "), *where, Span(".")]
    if broker and (idle := broker.idle):
        return "warning", [
            Span(task, True),
            Span(" goes to "),
            *where,
            Span(" and waits: nobody consumes "),
            Span(formatting.listed(idle[:5]), True),
            Span("."),
        ]
    sent = answer.sent
    if sent is not None and sent.agrees is None and sent.exchange and sent.arrived and set(sent.arrived) != set(reached):
        arrived = [Span("queue " if len(sent.arrived) == 1 else "queues "), Span(formatting.listed(sent.arrived[:5]), True)]
        return "unknown", [
            Span("Called without an exchange, "),
            Span(task, True),
            Span(" goes to "),
            *where,
            Span("; the last call named one, and its task went to "),
            *arrived,
            Span("."),
        ]
    last = ", where the last one was sent" if answer.decided_by == BY_LAST_SENT else ""
    return "ok" if answer.certain else "unknown", [Span(task, True), Span(" goes to "), *where, Span(f"{last}.")]


def _assumed(answer: TaskExplanation, task: str) -> tuple[str, list[Span]]:
    what = "Celery’s defaults" if answer.configuration.source == "defaults" else "what is known of its configuration"
    reached = answer.queues
    guess = [Span(f"; by {what} it would go to {'queue' if len(reached) == 1 else 'queues'} "), Span(formatting.listed(reached[:5]), True)] if reached else []
    return "unknown", [Span("Where "), Span(task, True), Span(" goes is unknown"), *guess, Span(".")]


def _layer(name: str | None) -> str:
    return LAYERS.get(name, name) if name else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else written(value)
