"""The form of a test task: read, checked field by field, with warnings before it is sent. Pure.

Every problem and warning names its field, so that the page can show it there and the API can answer with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from dashboard.layout import formatting, json_fields
from dashboard.send.order import Order
from workers.sending import send_options
from workers.sending.send_options import Problem

TEXTS = ("task", "args", "kwargs", "queue", "exchange", "routing_key", "countdown", "priority", "expires")
NAMES_AND_KEY = frozenset({"queue", "exchange", "routing_key"})
"""May begin and end with blanks."""
EMPTY: Mapping[str, str] = dict.fromkeys(TEXTS, "") | {"args": "[]", "kwargs": "{}"}


class Place(msgspec.Struct, frozen=True):
    """What is known of the virtual host where it would be sent. `queues`: {name: (consumers, highest priority)}, None where they can't be seen."""

    broker: str
    vhost: str
    workers: int  # live ones
    unknown: int  # those of unknown state
    registered: Mapping[str, Sequence[str]]  # {task name: host names of live workers}; while none is live, of those of unknown state
    queues: Mapping[str, tuple[int | None, int | None]] | None
    exchanges: Collection[str] | None
    silent: str = ""  # why no events of workers are received there


def read(given: Mapping[str, Any]) -> tuple[Order | None, list[Problem]]:
    """The order of a form, None with the problems of its fields. Empty arguments are none."""
    values = {name: str(given.get(name, "")).replace("\r\n", "\n") for name in TEXTS}  # browsers send line breaks so
    problems: list[Problem] = []
    task, args, kwargs = "", [], {}
    try:
        task = send_options.task_name(values["task"])
    except ValueError as error:
        problems.append(Problem("task", str(error)))
    try:
        args = json_fields.parse(values["args"] if values["args"].strip() else "[]", list)
    except json_fields.JsonProblem as error:
        problems.append(Problem("args", str(error)))
    try:
        kwargs = json_fields.parse(values["kwargs"] if values["kwargs"].strip() else "{}", dict)
    except json_fields.JsonProblem as error:
        problems.append(Problem("kwargs", str(error)))
    names = ("queue", "exchange", "routing_key", "countdown", "priority", "expires")
    options, wrong = send_options.parse({name: values[name] if name in NAMES_AND_KEY else values[name].strip() for name in names})
    problems += wrong
    return (None if problems else Order(task, args, kwargs, options, values["args"], values["kwargs"])), problems


def warnings(order: Order, place: Place) -> list[Problem]:
    """What will probably not work as intended, by field; nothing of it prevents sending."""
    found: list[Problem] = []
    if order.task not in place.registered and place.unknown and not place.workers:
        nodes = formatting.count(place.unknown, "worker node")
        found.append(Problem("task", f"Whether a live worker has registered {order.task} is unknown: none of {nodes} had when their state was last known."))
    elif order.task not in place.registered:
        known = f"not one of {formatting.count(place.workers, 'live worker node')} there" if place.workers else "none is known there"
        found.append(Problem("task", f"No live worker has registered {order.task} ({known}). A worker that receives it will reject it as unregistered."))
    found += send_options.ignored_text(order.options)
    target = send_options.destination(order.options)
    if target.queue is not None:
        found += _of_queue(order, place, target.queue)
    elif place.exchanges is not None and target.exchange not in place.exchanges:
        words = f"Hareline knows no exchange {target.exchange} in {place.vhost}. If it does not exist, the broker refuses the message."
        found.append(Problem("exchange", words))
    if place.silent:
        found.append(Problem("", f"It can’t be followed once the broker has it: {place.silent}."))
    return found


def _of_queue(order: Order, place: Place, queue: str) -> list[Problem]:
    if place.queues is None:
        return [Problem("queue", f"Whether the queue {queue} exists is unknown: the queues of {place.broker} are not available now.")]
    if queue not in place.queues:
        default = "" if order.options.queue else " It is Celery’s default: no queue is set, and nothing shows where this task usually goes."
        return [Problem("queue", f"Hareline knows no queue {queue} in {place.vhost}. If it does not exist, the message is unroutable and lost.{default}")]
    consumers, highest = place.queues[queue]
    found = []
    if consumers == 0:
        found.append(Problem("queue", f"{queue} has no consumers now: the task will wait there."))
    if order.options.priority and not highest:
        found.append(Problem("priority", f"{queue} has no priorities (x-max-priority), so RabbitMQ ignores it."))
    elif order.options.priority and highest and order.options.priority > highest:
        found.append(Problem("priority", f"{queue} has priorities up to {highest}; higher ones count as {highest}."))
    return found


def words(order: Order, place: Place) -> str:
    """What sending will do, in a sentence or two, for the confirmation."""
    target = send_options.destination(order.options)
    given = f"{formatting.count(len(order.args), 'argument')} and {formatting.count(len(order.kwargs), 'keyword argument')}"
    where = f"the exchange {target.exchange} with the routing key {target.routing_key}" if target.exchange else f"the queue {target.routing_key}"
    usual = f" ({order.usual})" if order.usual else ""
    options = order.options
    when = f" It may start after {formatting.duration(options.countdown)}." if options.countdown else ""
    until = f" It expires after {formatting.duration(options.expires)}." if options.expires is not None else ""
    return f"One message with {given} goes to {where}{usual}.{when}{until} A worker will really run it."
