"""What Celery does with a call until the message leaves: celery/app/base.py send_task, celery/app/amqp.py send_task_message (5.7). Pure.

`send` computes the outcome and keeps what is needed to tell how it came about; the words are in `steps`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.destinations import declarations
from workers.destinations.declarations import Declared
from workers.destinations.question import EXECUTION_OPTIONS, Question
from workers.destinations.queues import CeleryRaises, Queues
from workers.destinations.routers import Route, find_route, prepare, with_hidden
from workers.destinations.settings import check_address
from workers.destinations.terms import BadQuestion, Exchange, Queue

DELAYED_EXCHANGE = Exchange("celery_delayed_27", "topic")
DELAY_BITS = 28
_DELAY_PREFIX = re.compile(rf"^(?:[01]\.){{{DELAY_BITS}}}")
_GIVEN_BY_POSITION = {
    *("task_id", "name", "args", "kwargs", "countdown", "eta", "group_id", "group_index", "expires", "retries", "chord", "callbacks"),
    *("errbacks", "reply_to", "time_limit", "soft_time_limit", "create_sent_event", "root_id", "parent_id", "shadow"),
}


class Outcome(msgspec.Struct, frozen=True):
    """Where the message goes. `error` is what Celery itself raises; what the broker says to the declarations is not in it."""

    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    priority: Any = 0
    declared: tuple[Declared, ...] = ()
    error: str | None = None


class Sending(msgspec.Struct):
    """One call on its way: every source of options, and what was decided. Filled in the order of Celery's own steps."""

    question: Question
    call: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    route: Route = Route(None)
    route_options: dict[str, Any] = {}
    default_added: bool = False
    merged: dict[str, Any] = {}
    quorum_queue: str | None = None
    direct_delay: bool = False
    delay: tuple[int, str] | None = None
    made: list[str] = []
    queue: Queue | None = None
    queue_is_default: bool = False
    exchange_type: str = "direct"
    shortcut: bool = False
    key_from: str = "given"
    outcome: Outcome = Outcome()


def send(question: Question, answers: Mapping[int, Any], now: datetime) -> Sending:
    """The call, sent on paper. `answers` are what the routers of the user's code answered, by their place in task_routes."""
    way = Sending(question)
    try:
        _gather(way)
        queues = Queues(question.settings)
        way.made = queues.made
        _route(way, queues, answers)
        _delay(way, queues, now)
        _refuse_unexpected(way)
        _address(way, queues)
        _refuse(way, ("body",), "Producer.publish()")
    except CeleryRaises as raised:
        way.outcome = Outcome(priority=None, error=raised.text)
    return way


def _gather(way: Sending) -> None:
    question = way.question
    way.call = dict(question.options)
    if question.via == "delay":
        way.call = {}
    if question.via in ("signature", "signature.set", "group", "chain"):
        way.call = _signed(question)
    if question.registered and question.via != "send_task":
        way.attributes = _attributes(question)
        limit, soft = way.attributes["time_limit"], way.attributes["soft_time_limit"]
        if limit and soft and soft > limit and question.via != "send_task+finalize":
            raise CeleryRaises("ValueError: soft_time_limit must be less than or equal to time_limit")
        if question.via == "send_task+finalize":
            way.attributes = {name: value for name, value in way.attributes.items() if value is not None}


def _signed(question: Question) -> dict[str, Any]:
    """A signature's own options under those of its call; apply_async of a signature leaves out None and swallows route_name."""
    own, called = question.signature_options, question.options
    if question.via == "signature.set" or (question.via == "signature" and not own):
        return {**own, **called}
    return {**own, **{name: value for name, value in called.items() if value is not None and name != "route_name"}}


def _attributes(question: Question) -> dict[str, Any]:
    """Task attributes as the class has them once bound: settings fill what is None, task_annotations override ("*" last)."""
    settings = question.settings
    found = {name: question.attributes.get(name) for name in EXECUTION_OPTIONS}
    for name, default in (
        ("priority", settings.task_default_priority),
        ("time_limit", settings.task_time_limit),
        ("soft_time_limit", settings.task_soft_time_limit),
    ):
        if found[name] is None:
            found[name] = default
    tables = [table for table in settings.task_annotations or () if isinstance(table, dict)]
    for key in (question.task, "*"):
        annotated: dict[str, Any] = next((table[key] for table in tables if key in table), {})
        found.update({name: value for name, value in annotated.items() if name in EXECUTION_OPTIONS})
    return found


def _route(way: Sending, queues: Queues, answers: Mapping[int, Any]) -> None:
    question = way.question
    options = {**way.attributes, **way.call}
    for name in ("expires", "time_limit", "soft_time_limit", "ignore_result", "countdown", "eta", "route_name"):
        options.pop(name, None)
    prepared = prepare(question.settings.routers)
    options = _expand(options, queues)
    name = way.call.get("route_name") or question.task
    way.route = with_hidden(find_route(prepared, name, answers, question.matcher), question.settings.hidden_routes, name, question.matcher)
    if way.route.answer:
        _check_answer(way.route)
        way.route_options = _expand(way.route.answer, queues)
        way.merged = _merge(way.route_options, options)
    elif "queue" not in options:
        way.default_added = True
        way.merged = _merge(_expand(question.settings.task_default_queue, queues), options)
    else:
        way.merged = options


def _check_answer(route: Route) -> None:
    """What a router answered must be options or a queue's name, else we don't pretend to know what becomes of it."""
    path = f"conf.task_routes[{route.index}]"
    if isinstance(route.answer, str):
        return
    if not isinstance(route.answer, Mapping) or not all(isinstance(name, str) for name in route.answer):
        raise BadQuestion(path, "answers with what is neither options nor a queue's name")
    check_address(route.answer, path)


def _expand(given: Any, queues: Queues) -> dict[str, Any]:
    """With its queue's name replaced by the queue itself; an empty name is no queue."""
    options = {"queue": given} if isinstance(given, str) else dict(given)
    queue = options.pop("queue", None)
    if not queue:
        return options
    if not isinstance(queue, Queue):
        try:
            queue = queues.find(queue)
        except KeyError:
            raise CeleryRaises(f"QueueNotFound: Queue {queue!r} missing from task_queues") from None
    return {**options, "queue": queue}


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    return {**lower, **{name: value for name, value in upper.items() if value is not None}}


def _delay(way: Sending, queues: Queues, now: datetime) -> None:
    """Native delayed delivery: with quorum queues a task with an ETA goes to the delay exchanges, by its queue's own key."""
    eta, countdown = way.call.get("eta"), way.call.get("countdown")
    if not (eta or countdown):
        return
    way.quorum_queue = queues.has_quorum()
    if way.quorum_queue is None:
        return
    queue = way.merged.get("queue")
    if queue is None:
        missing = next((name for name in ("exchange_type", "routing_key", "exchange") if name not in way.merged), None)
        if missing:
            raise CeleryRaises(f"KeyError: '{missing}'")
        kind, key = way.merged["exchange_type"], way.merged["routing_key"]
    elif queue.exchange is None:
        raise CeleryRaises("AttributeError: 'NoneType' object has no attribute 'type'")
    else:
        kind, key = queue.exchange.type, queue.routing_key
    if kind == "direct":
        way.direct_delay = True
        return
    if eta:
        due = datetime.fromisoformat(eta)
        countdown = ((due if due.tzinfo else due.replace(tzinfo=UTC)) - now).total_seconds()
    if countdown and countdown > 0:
        delayed = _delayed_key(int(countdown), key)
        way.delay = (int(countdown), key)
        way.merged.pop("queue", None)
        way.merged.update(routing_key=delayed, exchange=DELAYED_EXCHANGE)


def _delayed_key(seconds: int, key: str) -> str:
    if seconds < 1:
        raise CeleryRaises("ValueError: countdown must be a positive number")
    if not key:
        raise CeleryRaises("ValueError: routing_key must be non-empty")
    return ".".join(f"{seconds:0{DELAY_BITS}b}") + "." + _DELAY_PREFIX.sub("", key, count=1)


def _refuse_unexpected(way: Sending) -> None:
    """A route may hold any option of a publish, but none that send_task already gave by its place."""
    protocol = way.question.settings.task_protocol
    function = f"AMQP.as_task_v{protocol}()"
    for name in way.merged:
        if name in ("ignore_result", "replaced_task_nesting"):
            raise CeleryRaises(f"TypeError: celery.app.amqp.{function} got multiple values for keyword argument '{name}'")
    _refuse(way, _GIVEN_BY_POSITION | {"chain" if protocol == 2 else "now"}, function)
    _refuse(way, ("producer", "message"), "AMQP._create_task_sender.<locals>.send_task_message()")


def _refuse(way: Sending, taken: Collection[str], function: str) -> None:
    for name in way.merged:
        if name in taken:
            raise CeleryRaises(f"TypeError: {function} got multiple values for argument '{name}'")


def _address(way: Sending, queues: Queues) -> None:
    """The exchange and key that are published to: celery/app/amqp.py send_task_message."""
    options = way.merged
    exchange, key = options.get("exchange"), options.get("routing_key")
    queue: Queue | None = options.get("queue")
    if queue is None and exchange is None:
        way.queue_is_default = True
        try:
            queue = queues.find(way.question.settings.task_default_queue)
        except KeyError as missing:
            raise CeleryRaises(f"KeyError: {missing}") from None
    way.queue = queue
    kind = options.get("exchange_type")
    if kind is None:
        kind = queue.exchange.type if queue is not None and queue.exchange is not None else "direct"
    way.exchange_type = kind
    if (not exchange or not key) and kind == "direct":
        way.shortcut = True
        exchange, key = "", queue.name if queue is not None else None
    elif exchange is None and queue is not None:
        if queue.exchange is None:
            raise CeleryRaises("AttributeError: 'NoneType' object has no attribute 'name'")
        exchange = queue.exchange.name or queues.default_exchange
        way.key_from = "given" if key else "queue" if queue.routing_key else "default"
        key = key or queue.routing_key or way.question.settings.default_routing_key
    declare = options.get("declare")
    if declare is None and queue is not None and not queue.broadcast:
        declare = [queue]
    way.outcome = Outcome(
        queue=queue.name if queue is not None else None,
        exchange=exchange.name if isinstance(exchange, Exchange) else exchange or "",
        routing_key=key or "",
        priority=options.get("priority", 0),
        declared=tuple(declarations.declared_by(declare)),
    )
