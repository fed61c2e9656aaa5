"""Sending a test task for a person: checks permission, predicts the route, sends once, and records it.

Used by the page and by the API alike. Celery itself is in `workers.sending.sender`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.routing.past import is_delay_level
from brokers.scope import EVERYTHING, Scope
from dashboard import queries, store
from dashboard.layout import amqp_targets, changing, formatting, queue_levels
from dashboard.layout.changing import Change
from dashboard.models import AuditEvent, User
from dashboard.people.audited import audited
from dashboard.send import prediction
from dashboard.send.order import Order
from dashboard.why import loaded_vhost
from dashboard.why.task_answer import TaskExplanation
from workers import queries as worker_queries
from workers.models import Task
from workers.sending import send_options, sender
from workers.task_filter import TaskFilter

ACTION = "send task"
CHANGE = Change(ACTION, "send", "send", "sending to")
MOST_LOOKED_AT = 20
KEPT_CHARACTERS = 20_000
ROW_SECONDS = 1.5
ONCE_SECONDS = 3600
TAKEN = ("RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE")


class Prediction(msgspec.Struct, frozen=True):
    """An order as it would be sent, and the answer of `dashboard.send.prediction` about it."""

    order: Order
    answer: TaskExplanation
    default_queue: str = send_options.DEFAULT_QUEUE  # of the application


class Done(msgspec.Struct, frozen=True):
    sent: sender.Sent
    event: AuditEvent


def why_not(user: User | AnonymousUser, broker: str, vhost: str) -> str:
    """Why this person can't send there, as a sentence that names what would allow it; "" if they can."""
    return changing.why_not(CHANGE, user, broker, vhost)


def refusal(user: User | AnonymousUser, broker: Broker, vhost: str, now: datetime) -> tuple[str, int]:
    """(why nothing can be sent there by this person now, "" if it can; the status of the answer: 503 for what passes by itself)."""
    return changing.refusal(CHANGE, user, broker, vhost, now)


def predict(scope: Scope, order: Order, broker: Broker, vhost: str, now: datetime) -> Prediction:
    """Where this order would go now, with a queue where none was set, from what the person may view. Nothing is sent."""
    place = loaded_vhost.load(scope, broker, vhost, now)
    known = loaded_vhost.known_task(scope, broker, vhost, order.task)
    application = prediction.as_application(place, order, known)
    resolved = _with_usual_route(scope, order, broker, vhost, application)
    return Prediction(resolved, prediction.prediction(place, resolved, known, application), prediction.default_queue(known))


def _with_usual_route(scope: Scope, order: Order, broker: Broker, vhost: str, application: TaskExplanation) -> Order:
    """The order with a queue where none was set: where the application's own configuration sends it, as far as it is known; else that of the last
    task of this name that a worker took, else what its workers registered. Without any trace Celery's default queue stays.
    """
    options = order.options
    if (options.exchange and options.routing_key) or "*" in order.task:
        return order
    usual, source = prediction.usual_options(application), application.configuration
    whose = f"the application {source.name}" if source.source == "application" else f"worker node {source.name}"
    if usual and prediction.is_delayed(usual):
        why = f"native delayed delivery, as configured by {whose}"
        return msgspec.structs.replace(order, options=msgspec.structs.replace(options, queue=None, **usual), usual=why)
    if options.queue:
        return order
    if usual:
        return msgspec.structs.replace(order, options=msgspec.structs.replace(options, **usual), usual=f"the route configured by {whose}")
    taken = TaskFilter(broker=broker.pk, vhost=vhost, name=order.task, states=TAKEN)
    for task in worker_queries.tasks(scope, filter=taken, page_size=20).items:
        if task.received_at is None or task.routing_key is None or is_delay_level(task.exchange or ""):
            continue
        if not task.exchange:
            why = f"the route {order.task} last took"
            return msgspec.structs.replace(order, options=msgspec.structs.replace(options, queue=task.routing_key), usual=why)
        if not options.exchange and not options.routing_key:
            routed = msgspec.structs.replace(options, exchange=task.exchange, routing_key=task.routing_key)
            return msgspec.structs.replace(order, options=routed, usual=f"the route {order.task} last took")
    for name, attributes, _ in worker_queries.registered_tasks(scope, broker=broker.pk, vhost=vhost):
        if name == order.task and attributes.get("queue"):
            routed = msgspec.structs.replace(options, queue=str(attributes["queue"]))
            return msgspec.structs.replace(order, options=routed, usual=f"the queue attribute of {order.task}")
    return order


def send(user: User | AnonymousUser, broker: Broker, vhost: str, predicted: Prediction, uuid: str, now: datetime, again_of: str = "") -> Done | None:
    """Sends its order once and notes it beside what was predicted, and beside the task that it runs again. None if this uuid was sent before or is being sent:
    a form that came twice."""
    order = predicted.order
    sent_before = any(event.detail.get("uuid") == uuid for event in queries.audit_events_of(ACTION, now - timedelta(days=1), 200))
    if sent_before or not store.once(f"send-{uuid}", ONCE_SECONDS):
        return None
    targets, options = amqp_targets.targets(broker, vhost), send_options.celery_options(order.options)
    sends_as = sender.SendsAs(_event_exchange(broker, vhost), predicted.default_queue if "exchange" in options else send_options.DEFAULT_QUEUE)
    with audited(user, ACTION, broker=broker.name, vhost=vhost, name=order.task, task=order.task, uuid=uuid) as act:
        sent = sender.send(targets, order.task, order.args, order.kwargs, options, uuid, sends_as)
        sent = with_down_queues(sent, broker, vhost, predicted.answer.queues)
        act.outcome = store.DONE if sent.outcome == "confirmed" else store.FAILED
        act.detail |= _detail(order) | {"outcome": sent.outcome, "reason": sent.reason, "exchange": sent.exchange, "routing_key": sent.routing_key}
        act.detail |= {"again_of": again_of} if again_of else {}
        act.detail |= {"grant": sent.grant} if sent.grant else {}
        act.detail |= {"sent_at": sent.at.isoformat(), "predicted": msgspec.to_builtins(prediction.kept(predicted.answer, order))}
    return Done(sent, act.event)


def with_down_queues(sent: sender.Sent, broker: Broker, vhost: str, queues: Sequence[str]) -> sender.Sent:
    """The same, with the better reason where an exchange led to queues that are down: RabbitMQ takes their bindings away until their node is back."""
    if sent.outcome != "returned" or not sent.exchange:
        return sent
    rows = [broker_queries.queue(EVERYTHING, broker.pk, vhost, name) for name in queues[:MOST_LOOKED_AT]]
    down = [f"{row.name} (on {row.node})" if row.node else row.name for row in rows if row is not None and row.state in queue_levels.BROKEN_STATES]
    if not down:
        return sent
    where = f"{place_text(sent.exchange, sent.routing_key)} leads to {formatting.listed(down)}, {'which is' if len(down) == 1 else 'which are'} down"
    return msgspec.structs.replace(sent, reason=f"It reached no queue and is gone: {where}.")


def _event_exchange(broker: Broker, vhost: str) -> str:
    """The exchange for the task-sent event, "" where there is none."""
    names = worker_queries.names_of(broker.pk, vhost).event_exchanges
    return next((name for name in names if broker_queries.exchange(EVERYTHING, broker.pk, vhost, name) is not None), "")


def event_of(uuid: str, now: datetime) -> AuditEvent | None:
    """The event of this sending, waited for a moment: the first of two equal forms may still be being sent."""
    deadline = time.monotonic() + sender.LONGEST_SECONDS
    while True:
        for event in queries.audit_events_of(ACTION, now - timedelta(days=1), 200):
            if event.detail.get("uuid") == uuid:
                return event
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)


def note_refusal(user: User | AnonymousUser, broker: str, vhost: str, task: str, why: str, now: datetime) -> None:
    """An attempt that was not allowed."""
    changing.note_refusal(CHANGE, user, broker, vhost, task, why, now)


def stored_task(broker: Broker, vhost: str, uuid: str) -> Task | None:
    """The task as the receiver stored it, which takes about half a second; None if that takes longer or events are not received."""
    deadline = time.monotonic() + ROW_SECONDS
    while True:
        found = worker_queries.task(EVERYTHING, uuid, broker.pk, vhost)
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def _detail(order: Order) -> dict[str, Any]:
    kept = {name: text if len(text) <= KEPT_CHARACTERS else None for name, text in (("args", order.args_text), ("kwargs", order.kwargs_text))}
    return {"task": order.task, **kept, "options": send_options.as_given(order.options), "usual": order.usual}


def place_text(exchange: str | None, routing_key: str | None) -> str:
    """ "the queue reports", or "the exchange shop.orders with the key order.new.eu"."""
    return f"the exchange {exchange} with the key {routing_key}" if exchange else f"the queue {routing_key or send_options.DEFAULT_QUEUE}"


def options_of(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an audit event."""
    found = detail.get("options")
    return dict(found) if isinstance(found, Mapping) else {}
