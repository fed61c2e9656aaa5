"""What Celery does with a call until the message leaves: celery/app/base.py send_task, celery/app/amqp.py send_task_message (5.7). Pure.

`send` computes the outcome and keeps what is needed to explain it; `steps` puts that into sentences.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from workers.destinations import declarations
from workers.destinations.declarations import Declared
from workers.destinations.question import EXECUTION_OPTIONS, SIGNATURE_CALLED, Question
from workers.destinations.queues import CeleryRaises, Queues
from workers.destinations.routers import Route, find_route, prepare, with_hidden
from workers.destinations.settings import check_address, hashable
from workers.destinations.terms import BadQuestion, Exchange, Queue

DELAYED_EXCHANGE = Exchange("celery_delayed_27", "topic")
DELAY_BITS = 28
_DELAY_PREFIX = re.compile(rf"^(?:[01]\.){{{DELAY_BITS}}}")
_GIVEN_BY_POSITION = {
    *("task_id", "name", "args", "kwargs", "countdown", "eta", "group_id", "group_index", "expires", "retries", "chord", "callbacks"),
    *("errbacks", "reply_to", "time_limit", "soft_time_limit", "create_sent_event", "root_id", "parent_id", "shadow"),
}


class Outcome(msgspec.Struct, frozen=True):
    """Where the message goes. `error` is what Celery itself raises; errors of the broker about declarations are not in it."""

    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    priority: Any = 0
    declared: tuple[Declared, ...] = ()
    error: str | None = None


class Sending(msgspec.Struct):
    """One call: every source of options, and what was decided. Filled in the order of Celery's own steps."""

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
    sending = Sending(question)
    try:
        _gather(sending)
        queues = Queues(question.settings)
        sending.made = queues.made
        _route(sending, queues, answers)
        _delay(sending, queues, now)
        _refuse_unexpected(sending)
        _address(sending, queues)
        _refuse(sending, ("body",), "Producer.publish()")
    except CeleryRaises as raised:
        sending.outcome = Outcome(priority=None, error=raised.text)
    return sending


def _gather(sending: Sending) -> None:
    question = sending.question
    sending.call = dict(question.options)
    if question.via == "delay":
        sending.call = {}
    if question.via in ("signature", SIGNATURE_CALLED, "signature.set", "group", "chain"):
        sending.call = _signed(question)
    if question.registered and question.via != "send_task":
        sending.attributes = _attributes(question)
        limit, soft = sending.attributes["time_limit"], sending.attributes["soft_time_limit"]
        if limit and soft and soft > limit and question.via != "send_task+finalize":
            raise CeleryRaises("ValueError: soft_time_limit must be less than or equal to time_limit")
        if question.via == "send_task+finalize":
            sending.attributes = {name: value for name, value in sending.attributes.items() if value is not None}


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


def _route(sending: Sending, queues: Queues, answers: Mapping[int, Any]) -> None:
    question = sending.question
    options = {**sending.attributes, **sending.call}
    for name in ("expires", "time_limit", "soft_time_limit", "ignore_result", "countdown", "eta", "route_name"):
        options.pop(name, None)
    prepared = prepare(question.settings.routers)
    options = _expand(options, queues)
    name = sending.call.get("route_name") or question.task
    sending.route = with_hidden(find_route(prepared, name, answers, question.matcher), question.settings.hidden_routes, name, question.matcher)
    if sending.route.answer:
        _check_answer(sending.route)
        sending.route_options = _expand(sending.route.answer, queues)
        sending.merged = _merge(sending.route_options, options)
    elif "queue" not in options:
        sending.default_added = True
        sending.merged = _merge(_expand(question.settings.task_default_queue, queues), options)
    else:
        sending.merged = options


def _check_answer(route: Route) -> None:
    """What a router answered must be options or a queue's name, else we don't pretend to know what becomes of it."""
    path = f"conf.task_routes[{route.index}]"
    if isinstance(route.answer, str):
        return
    if not isinstance(route.answer, Mapping) or not all(isinstance(name, str) for name in route.answer):
        raise BadQuestion(path, "answers with what is neither options nor a queue's name")
    check_address(hashable(route.answer), path)


def _expand(given: Any, queues: Queues) -> dict[str, Any]:
    """With its queue's name replaced by the queue itself; an empty name is no queue."""
    options = {"queue": given} if isinstance(given, str) else dict(given)
    queue = options.pop("queue", None)
    if not queue:
        return options
    if not isinstance(queue, Queue):
        if isinstance(queue, list | dict):
            raise CeleryRaises(f"TypeError: unhashable type: '{type(queue).__name__}'")
        try:
            queue = queues.find(queue)
        except KeyError:
            raise CeleryRaises(f"QueueNotFound: Queue {queue!r} missing from task_queues") from None
    return {**options, "queue": queue}


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    return {**lower, **{name: value for name, value in upper.items() if value is not None}}


def _delay(sending: Sending, queues: Queues, now: datetime) -> None:
    """Native delayed delivery: with quorum queues a task with an ETA goes to the delay exchanges, by its queue's own key."""
    eta, countdown = sending.call.get("eta"), sending.call.get("countdown")
    if not (eta or countdown):
        return
    sending.quorum_queue = queues.has_quorum()
    if sending.quorum_queue is None:
        return
    queue = sending.merged.get("queue")
    if queue is None:
        missing = next((name for name in ("exchange_type", "routing_key", "exchange") if name not in sending.merged), None)
        if missing:
            raise CeleryRaises(f"KeyError: '{missing}'")
        kind, key = sending.merged["exchange_type"], sending.merged["routing_key"]
    elif queue.exchange is None:
        raise CeleryRaises("AttributeError: 'NoneType' object has no attribute 'type'")
    else:
        kind, key = queue.exchange.type, queue.routing_key
    if kind == "direct":
        sending.direct_delay = True
        return
    if eta:
        due = datetime.fromisoformat(eta)
        countdown = ((due if due.tzinfo else due.replace(tzinfo=UTC)) - now).total_seconds()
    if countdown and countdown > 0:
        delayed = _delayed_key(int(countdown), key)
        sending.delay = (int(countdown), key)
        sending.merged.pop("queue", None)
        sending.merged.update(routing_key=delayed, exchange=DELAYED_EXCHANGE)


def _delayed_key(seconds: int, key: str) -> str:
    if seconds < 1:
        raise CeleryRaises("ValueError: countdown must be a positive number")
    if not key:
        raise CeleryRaises("ValueError: routing_key must be non-empty")
    return ".".join(f"{seconds:0{DELAY_BITS}b}") + "." + _DELAY_PREFIX.sub("", key, count=1)


def _refuse_unexpected(sending: Sending) -> None:
    """A route may hold any option of a publish, but none that send_task already gave by its place."""
    protocol = sending.question.settings.task_protocol
    function = f"AMQP.as_task_v{protocol}()"
    for name in sending.merged:
        if name in ("ignore_result", "replaced_task_nesting"):
            raise CeleryRaises(f"TypeError: celery.app.amqp.{function} got multiple values for keyword argument '{name}'")
    _refuse(sending, _GIVEN_BY_POSITION | {"chain" if protocol == 2 else "now"}, function)
    _refuse(sending, ("producer", "message"), "AMQP._create_task_sender.<locals>.send_task_message()")


def _refuse(sending: Sending, taken: Collection[str], function: str) -> None:
    for name in sending.merged:
        if name in taken:
            raise CeleryRaises(f"TypeError: {function} got multiple values for argument '{name}'")


def _address(sending: Sending, queues: Queues) -> None:
    """The exchange and key that are published to: celery/app/amqp.py send_task_message."""
    options = sending.merged
    exchange, key = options.get("exchange"), options.get("routing_key")
    queue: Queue | None = options.get("queue")
    if queue is None and exchange is None:
        sending.queue_is_default = True
        try:
            queue = queues.find(sending.question.settings.task_default_queue)
        except KeyError as missing:
            raise CeleryRaises(f"KeyError: {missing}") from None
    sending.queue = queue
    kind = options.get("exchange_type")
    if kind is None:
        kind = queue.exchange.type if queue is not None and queue.exchange is not None else "direct"
    sending.exchange_type = kind
    if (not exchange or not key) and kind == "direct":
        sending.shortcut = True
        exchange, key = "", queue.name if queue is not None else None
    elif exchange is None and queue is not None:
        if queue.exchange is None:
            raise CeleryRaises("AttributeError: 'NoneType' object has no attribute 'name'")
        exchange = queue.exchange.name or queues.default_exchange
        sending.key_from = "given" if key else "queue" if queue.routing_key else "default"
        key = key or queue.routing_key or sending.question.settings.default_routing_key
    declare = options.get("declare")
    if declare is None and queue is not None and not queue.broadcast:
        declare = [queue]
    sending.outcome = Outcome(
        queue=queue.name if queue is not None else None,
        exchange=exchange.name if isinstance(exchange, Exchange) else exchange or "",
        routing_key=key or "",
        priority=options.get("priority", 0),
        declared=tuple(declarations.declared_by(declare)),
    )
