"""`GET routing/reach`: what reaches a queue or a worker node, and which queues on a task's way nobody consumes."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers.models import Broker
from brokers.routing.fields import InvalidQuestion
from brokers.scope import Scope
from dashboard.api.errors import ERRORS, invalid, not_found
from dashboard.api.parameters import Name, broker_named, scope
from dashboard.why import loaded_vhost, reach
from dashboard.why.task_configuration import Tellers

router = Router(tags=["routing"])

LONGEST_TASK = 500


class Example(Schema):
    exchange: str
    routing_key: str
    headers: dict[str, Any] | None


class Leg(Schema):
    exchange: str
    type: str
    leads: str = Field(description="binding, alternate, or name: the default exchange takes the routing key for a queue's name")
    to: str
    condition: str = Field(description="What a message must be like, in words")
    bindings: list[dict[str, Any]] = Field(description="Any of them is enough: {routing_key, arguments}")
    bindings_left_out: int


class WayItem(Schema):
    exchange: str = Field(description="Where a client publishes")
    legs: list[Leg] = Field(description="From there to the queue; all of them must be taken")
    example: Example | None = Field(description="A message that was routed to see it arrive this way")
    certain: bool
    why: str | None = Field(description="Why there is no example, or why its arrival is not certain")


class DeadLetterItem(Schema):
    queue: str = Field(description="Where the message dies; what reaches that queue is a question of its own")
    reasons: list[str] = Field(description="For what it may die there: expired, maxlen, delivery_limit, rejected")
    key: str | None = Field(description="The dead letter's routing key; null: those that it had")
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
    tasks: list[TaskReaching] = Field(description="Registered Celery tasks that end there when they are called without options")
    tasks_left_out: int = Field(description="Registered tasks that were not looked at")
    complete: bool = Field(description="False: there are more ways than are told")
    consumers: int | None
    workers: list[dict[str, Any]] | None
    text: str


class Waiting(Schema):
    queue: str
    dead_letters_of: str | None = Field(description="The queue whose dead letters go there; null: it is reached as it is")


class Reached(Schema):
    of: str = Field(description="queue, worker, task")
    name: str
    queues: list[QueueReached] = Field(description="The queue, or those that the worker node consumes; none for a task")
    queues_left_out: int
    waiting: list[Waiting] = Field(description="Queues among them, or on the task's way, that nobody consumes")
    certain: bool = Field(description="That these are all ways into the queues; of tasks, that it goes that way")
    unknown: list[str] = Field(description="What takes certainty away, in sentences")
    tasks_unknown: list[str] = Field(description="What takes certainty away from the tasks of queues")
    text: str


class ReachAsked(Schema):
    broker: Name
    vhost: Name
    queue: Name | None = Field(None, description="One of queue, worker and task")
    worker: Name | None = Field(None, description="The host name of a worker node that is online")
    task: str | None = Field(None, min_length=1, max_length=LONGEST_TASK)


@router.get("/routing/reach", response={200: Reached, **ERRORS}, operation_id="reach")
def reached(request: HttpRequest, asked: Query[ReachAsked]) -> Any:
    """What reaches a queue: every way from an exchange that a client may publish to, each with an example that was routed. Nothing is sent."""
    named = [name for name in ("queue", "worker", "task") if getattr(asked, name) is not None]
    if len(named) != 1:
        raise invalid(named[1] if named else "queue", f"{named[1] if named else 'queue'}: expected exactly one of queue, worker and task.")
    seen, broker = scope(request), broker_named(request, asked.broker)
    if asked.vhost not in loaded_vhost.vhost_names(seen, broker):
        raise not_found(f"Broker {broker.name} has no virtual host {asked.vhost}.", "vhost")
    try:
        return _plain(_answer(seen, broker, asked))
    except InvalidQuestion as error:
        raise invalid(error.field, error) from error


def _answer(seen: Scope, broker: Broker, asked: ReachAsked) -> dict[str, Any]:
    place, tellers = loaded_vhost.place(seen, broker, asked.vhost, timezone.now()), loaded_vhost.tellers(seen, broker, asked.vhost)
    if asked.task is not None:
        return reach.of_task(place, asked.task, loaded_vhost.known_of(seen, broker, asked.vhost, asked.task))
    if asked.worker is not None:
        return reach.of_worker(place, asked.worker, _consumed(asked.worker, tellers), tellers)
    if asked.queue not in {queue.name for queue in place.topology.queues}:
        raise not_found(f"There is no queue {asked.queue} in virtual host {asked.vhost}.", "queue")
    return reach.of_queue(place, asked.queue or "", tellers)


def _consumed(hostname: str, tellers: Tellers) -> list[str]:
    if hostname not in tellers.hostnames:
        raise not_found(f"No worker node {hostname} is online there.", "worker")
    consumed = tellers.queues_of(hostname)
    if consumed is None:
        raise not_found(f"Worker node {hostname} has not told its queues yet.", "worker")
    return consumed


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """Values of arguments that JSON has no form for are told as text."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer, enc_hook=repr))
    return plain
