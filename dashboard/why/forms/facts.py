"""A stored task's prediction beside what its events tell: the queue it was sent for, the worker node that took it."""

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


def facts_of(where: Where, task: Task, message: Mapping[str, Any] | None) -> tuple[list[Row], str]:
    """(prediction beside fact, a sentence on bindings that have changed since it was sent or "").

    Predicted is the way of the message that its sender published, as the event tells it, else of `message`; None: that is not the one that was sent, but a
    dead letter of it. Without either there is nothing to compare.
    """
    known = task.exchange is not None and task.routing_key is not None
    question = message_formats.sent_task(task.exchange or "", task.routing_key or "", task.name or "", task.uuid) if known else message
    if question is None:
        return [], ""
    now: list[str] = explanations.explain_message(where.place, question)["queues"]
    predicted, changed = _then(where, task, question, now)
    rows = [] if task.sent_queue is None else [prediction_and_fact.sent_for(predicted, task.sent_queue)]
    if task.queue is not None and task.queue_source in (WORKER, BOTH):
        rows.append(prediction_and_fact.taken_from(predicted, task.queue))
    worker = queries.worker(where.scope, where.broker.pk, where.vhost, task.worker) if task.worker else None
    consumes = None if worker is None or worker.queues is None else [str(one.get("name")) for one in worker.queues]
    behind = {queue: [one.hostname for one in found] for queue, found in where.place.workers.items()}
    return [*rows, prediction_and_fact.taken_by(predicted, behind, task.worker, consumes)], changed


def _then(where: Where, task: Task, question: Mapping[str, Any], now: list[str]) -> tuple[list[str], str]:
    """Where the bindings of the time of sending led; those of now where that is not recorded or led nowhere, since the sender may have made the queue."""
    try:
        place = loaded_vhost.place(where.scope, where.broker, where.vhost, where.now, task.sent_at) if task.sent_at else None
    except NotRecorded:
        place = None
    then: list[str] = explanations.explain_message(place, question)["queues"] if place else []
    if not then or then == now:
        return now, ""
    at, named = formatting.moment_text(task.sent_at, where.now), prediction_and_fact.named
    return then, f"When it was sent, at {at}, the bindings led it to {named(then)}. By those of now it goes to {named(now)}."
