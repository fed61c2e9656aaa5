"""Compares the predicted route of a stored task with its events: the queue it was sent to, the worker that received it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.errors import NotRecorded
from dashboard.layout import formatting
from dashboard.why import explanations, loaded_vhost, message_formats, prediction_and_fact
from dashboard.why.prediction_and_fact import Row
from dashboard.why.where import Where
from workers import queries
from workers.models import Task
from workers.task_queue import BOTH, WORKER


def facts_of(where: Where, task: Task, message: Mapping[str, Any], queues: list[str], is_dead_letter: bool) -> tuple[list[Row], str]:
    """(predicted and actual route, a sentence if the bindings have changed since it was sent, else "").

    The prediction is for the message described by the task-sent event, else for `message`, which reaches `queues`, unless that is a dead letter and not the
    message that was sent. Without either there is nothing to compare.
    """
    known = task.exchange is not None and task.routing_key is not None
    question = message_formats.sent_task(task.exchange or "", task.routing_key or "", task.name or "", task.uuid) if known else message
    if is_dead_letter and not known:
        return [], ""
    now = queues if question == message else explanations.explain_message(where.loaded, question).queues
    predicted, changed = _then(where, task, question, now)
    rows = [] if task.sent_queue is None else [prediction_and_fact.sent_for(predicted, task.sent_queue)]
    if task.queue is not None and task.queue_source in (WORKER, BOTH):
        rows.append(prediction_and_fact.received_from(predicted, task.queue))
    worker = queries.worker(where.scope, where.broker.pk, where.vhost, task.worker) if task.worker else None
    consumes = None if worker is None or worker.queues is None else [str(one.get("name")) for one in worker.queues]
    behind = {queue: [one.hostname for one in found] for queue, found in where.loaded.workers.items()}
    return [*rows, prediction_and_fact.received_by(predicted, behind, task.worker, consumes)], changed


def _then(where: Where, task: Task, question: Mapping[str, Any], now: list[str]) -> tuple[list[str], str]:
    """(queues by the bindings at the time of sending, a sentence on the difference or ""). By the current bindings if those are not
    recorded or led nowhere, since the sender may have declared the queue."""
    try:
        loaded = loaded_vhost.load(where.scope, where.broker, where.vhost, where.now, task.sent_at) if task.sent_at else None
    except NotRecorded:
        loaded = None
    predicted = explanations.explain_message(loaded, question).queues if loaded else []
    if not predicted or predicted == now:
        return now, ""
    at, named = formatting.moment_text(task.sent_at, where.now), prediction_and_fact.named
    return predicted, f"When it was sent, at {at}, the bindings routed it to {named(predicted)}. The current bindings route it to {named(now)}."
