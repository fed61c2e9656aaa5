"""`GET routing/reach`: what reaches a queue or a worker node, and which queues on a task's path have no consumer."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers.models import Broker
from brokers.routing.answer import as_json
from brokers.routing.fields import InvalidQuestion
from brokers.scope import Scope
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.why import loaded_vhost, reach
from dashboard.why.task_configuration import ReportingWorkers

router = Router(tags=["routing"])

LONGEST_TASK = 500


class Example(Schema):
    exchange: str
    routing_key: str
    headers: dict[str, Any] | None


class Leg(Schema):
    exchange: str
    type: str
    leads: str = Field(description="binding, alternate, or name: the default exchange routes to the queue named by the routing key")
    to: str
    condition: str = Field(description="The condition for a message, as text")
    bindings: list[dict[str, Any]] = Field(description="Any of them is enough: {routing_key, arguments}")
    bindings_left_out: int


class WayItem(Schema):
    exchange: str = Field(description="Where a client publishes")
    legs: list[Leg] = Field(description="From there to the queue; all of them must be taken")
    example: Example | None = Field(description="A message that was tested by routing it on this path")
    certain: bool
    why: str | None = Field(description="Why there is no example, or why its arrival is not certain")


class DeadLetterItem(Schema):
    queue: str = Field(description="The queue that dead-letters the message; what reaches it is a separate question")
    reasons: list[str] = Field(description="Why it may be dead-lettered there: expired, maxlen, delivery_limit, rejected")
    key: str | None = Field(description="The dead letter's routing key; null: it keeps its keys")
    legs: list[Leg]
    example: Example | None
    certain: bool
    why: str | None


class TaskReaching(Schema):
    task: str
    exchange: str
    routing_key: str
    certain: bool


class QueueReached(Schema):
    queue: str
    ways: list[WayItem]
    ways_left_out: int
    dead_letters: list[DeadLetterItem]
    dead_letters_left_out: int
    tasks: list[TaskReaching] = Field(description="Registered Celery tasks that reach it when called without options")
    tasks_left_out: int = Field(description="Registered tasks that were not examined")
    complete: bool = Field(description="False: there are more paths than are listed")
    consumers: int | None
    workers: list[dict[str, Any]] | None
    text: str


class Waiting(Schema):
    queue: str
    dead_letters_of: str | None = Field(description="The queue whose dead letters go there; null: it is reached directly")


class Reached(Schema):
    of: str = Field(description="queue, worker, task")
    name: str
    queues: list[QueueReached] = Field(description="The queue, or those that the worker node consumes; none for a task")
    queues_left_out: int
    waiting: list[Waiting] = Field(description="Queues among them, or on the task's path, without consumers")
    certain: bool = Field(description="Whether these are all paths into the queues; for a task, whether it takes this path")
    unknown: list[str] = Field(description="Reasons why the answer is not certain, as sentences")
    tasks_unknown: list[str] = Field(description="Reasons why the tasks of queues are not certain")
    text: str


class ReachQuery(Schema):
    broker: Name
    vhost: Name
    queue: Name | None = Field(None, description="One of queue, worker and task")
    worker: Name | None = Field(None, description="The host name of a worker node that is online")
    task: str | None = Field(None, min_length=1, max_length=LONGEST_TASK)


@router.get("/routing/reach", response={200: Reached, **ERRORS}, operation_id="reach")
def reached(request: HttpRequest, query: Query[ReachQuery]) -> Any:
    """What reaches a queue: every path from an exchange that clients may publish to, each with a tested example. Nothing is sent."""
    named = [name for name in ("queue", "worker", "task") if getattr(query, name) is not None]
    if len(named) != 1:
        raise invalid(named[1] if named else "queue", f"{named[1] if named else 'queue'}: expected exactly one of queue, worker and task.")
    seen, broker = scope(request), broker_named(request, query.broker)
    if query.vhost not in loaded_vhost.vhost_names(seen, broker):
        raise not_found(f"Broker {broker.name} has no virtual host {query.vhost}.", "vhost")
    try:
        return _plain(_answer(seen, broker, query))
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


def _answer(seen: Scope, broker: Broker, query: ReachQuery) -> reach.ReachAnswer:
    loaded, reporting_workers = loaded_vhost.load(seen, broker, query.vhost, timezone.now()), loaded_vhost.reporting_workers(seen, broker, query.vhost)
    if query.task is not None:
        return reach.of_task(loaded, query.task, loaded_vhost.known_task(seen, broker, query.vhost, query.task))
    if query.worker is not None:
        return reach.of_worker(loaded, query.worker, _consumed(query.worker, reporting_workers), reporting_workers)
    if query.queue not in {queue.name for queue in loaded.topology.queues}:
        raise not_found(f"There is no queue {query.queue} in virtual host {query.vhost}.", "queue")
    return reach.of_queue(loaded, query.queue or "", reporting_workers)


def _consumed(hostname: str, reporting_workers: ReportingWorkers) -> list[str]:
    if hostname not in reporting_workers.hostnames:
        raise not_found(f"No worker node {hostname} is online there.", "worker")
    consumed = reporting_workers.queues_of(hostname)
    if consumed is None:
        raise not_found(f"Worker node {hostname} has not reported its queues yet.", "worker")
    return consumed


def _plain(answer: reach.ReachAnswer) -> dict[str, Any]:
    """The answer as JSON, with values that JSON can't represent as text."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(as_json(answer), enc_hook=repr))
    return plain
