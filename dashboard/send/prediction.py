"""Where a test task will go when Hareline sends it, and once it was sent, whether it did. Pure.

Hareline sends through an application without settings and declares nothing: exchange and key are those of `workers.sending.send_options.destination`. Where
the application that is watched would publish to the very same place, its own explanation is shown; else that of Celery's defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.past import DELAYED_DELIVERY, is_delay_level
from dashboard.layout import formatting
from dashboard.send.order import Order
from dashboard.why.explanations import LoadedVhost, explain_message
from dashboard.why.last_sent import BY_CONFIGURATION
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import KnownTask
from dashboard.why.task_explanations import explain_live_task
from workers.sending import send_options

JSON = dict[str, Any]
MOST_NAMES = 20


def as_application(place: LoadedVhost, order: Order, known: KnownTask) -> TaskExplanation:
    """What the application itself would do with this call, as far as its configuration is known. Raises InvalidQuestion."""
    return explain_live_task(place, _question(order), known)


def usual_options(answer: TaskExplanation) -> dict[str, str] | None:
    """The options by which a sending from here goes where the application's own would go; None where its configuration is not known, is contradicted by
    what was really sent, or leads to where no option of ours does."""
    celery = answer.celery
    undeclared = is_delay_level(celery.exchange or "") and str(celery.error).startswith("NotFound")  # the application would fail in the same way
    if answer.configuration.source not in ("worker", "application") or (celery.error and not undeclared) or not celery.routing_key:
        return None
    if answer.decided_by != BY_CONFIGURATION or (answer.sent and answer.sent.agrees is False):
        return None
    return {"exchange": celery.exchange, "routing_key": celery.routing_key} if celery.exchange else {"queue": celery.routing_key}


def is_delayed(usual: Mapping[str, str] | None) -> bool:
    """Whether these options lead to the delay exchanges, as a countdown does where the application has a quorum queue (native delayed delivery)."""
    return usual is not None and is_delay_level(usual.get("exchange", ""))


def default_queue(known: KnownTask) -> str:
    """The default queue of the application, as far as its configuration is known, else Celery's: task-sent events name it for a task sent to an exchange."""
    conf = known.configurations[0].live.conf if known.configurations else {}
    named = (conf.get(name) for name in ("task_default_queue", "CELERY_DEFAULT_QUEUE", "CELERY_TASK_DEFAULT_QUEUE"))
    return next((name for name in named if name and isinstance(name, str)), send_options.DEFAULT_QUEUE)


def prediction(place: LoadedVhost, order: Order, known: KnownTask, application: TaskExplanation) -> TaskExplanation:
    """The answer of `explain_live_task` for the sending of this very order; `certain` and `unknown` are about where it arrives."""
    to = send_options.destination(order.options)
    answer = application
    if (application.celery.exchange, application.celery.routing_key) != (to.exchange, to.routing_key):
        bare = _question(order) | {"conf": {}, "task": {"name": order.task, "unregistered": True}}
        answer = explain_live_task(place, bare, known)
    properties: JSON = {} if order.options.priority is None else {"priority": order.options.priority}
    message = {
        "exchange": _delivered_by(place, to.exchange),
        "routing_key": to.routing_key,
        "headers": {"lang": "py", "task": order.task},
        "properties": properties,
    }
    broker = explain_message(place, message)
    return msgspec.structs.replace(answer, broker=broker, certain=broker.certain, unknown=list(place.unknown), decided_by=BY_CONFIGURATION)


def _delivered_by(place: LoadedVhost, exchange: str) -> str:
    """The exchange that a message ends up at: after the levels of native delayed delivery, if they are there, the one that they lead to."""
    names = {found.name for found in place.topology.exchanges}
    return DELAYED_DELIVERY if is_delay_level(exchange) and {exchange, DELAYED_DELIVERY} <= names else exchange


def _question(order: Order) -> JSON:
    return {"task": order.task, "args": order.args, "kwargs": order.kwargs, "options": send_options.as_given(order.options)}


class Predicted(msgspec.Struct, frozen=True):
    """What of a prediction is kept beside the sending. `workers` are the nodes that consume what is reached; None: unknown."""

    exchange: str
    routing_key: str
    queues: list[str]
    workers: list[str] | None
    certain: bool


def kept(answer: TaskExplanation, order: Order) -> Predicted:
    """The prediction as it is kept in the audit log; of many names the first 20."""
    to = send_options.destination(order.options)
    workers = [one.workers for one in answer.after]
    nodes = None if None in workers else sorted({node.hostname for found in workers for node in found or ()})
    queues = [name[:255] for name in answer.queues[:MOST_NAMES]]
    return Predicted(to.exchange, to.routing_key, queues, None if nodes is None else nodes[:MOST_NAMES], answer.certain)


class Happened(msgspec.Struct, frozen=True):
    """What is known by now. `exchange` None: it was not published. `worker` None: no event has named one."""

    outcome: str
    exchange: str | None
    routing_key: str | None
    worker: str | None
    taken_from: tuple[str, ...] = ()  # the queue that the worker took it from; several where it may be any of them, none while unknown


class Row(msgspec.Struct, frozen=True):
    """One line of the comparison. `level` is a word of `dashboard.layout.levels`, "" for neither good nor bad."""

    what: str
    predicted: str
    happened: str
    level: str
    verdict: str


def rows(predicted: Predicted, happened: Happened) -> list[Row]:
    """Predicted and real, line by line; [] for what never reached the broker.

    >>> [row.verdict for row in rows(Predicted("", "mail", ["mail"], ["a@x"], True), Happened("confirmed", "", "mail", "a@x"))]
    ['as predicted', 'as predicted', 'as predicted', 'as predicted']
    """
    if happened.outcome == "not sent" or happened.exchange is None:
        return []
    return [
        _compared("exchange", predicted.exchange or "(default)", happened.exchange or "(default)"),
        _compared("routing key", predicted.routing_key, happened.routing_key or ""),
        _queue(predicted, happened),
        _worker(predicted, happened),
    ]


def _compared(what: str, predicted: str, happened: str) -> Row:
    same = predicted == happened
    return Row(what, predicted or "(empty)", happened or "(empty)", "ok" if same else "warning", "as predicted" if same else "different")


def _queue(predicted: Predicted, happened: Happened) -> Row:
    """The broker confirms that a queue has it, never which one; through the default exchange it can only be the one of that name."""
    wanted = formatting.listed(predicted.queues) if predicted.queues else "none"
    if happened.outcome == "unknown":
        return Row("queue", wanted, "not known", "unknown", "unknown")
    found = [] if happened.outcome == "returned" else [happened.routing_key or ""] if not happened.exchange else None
    if found is not None:
        return _compared("queue", wanted, formatting.listed(found) if found else "none")
    if happened.taken_from:
        right = set(happened.taken_from) <= set(predicted.queues)
        return Row("queue", wanted, " or ".join(happened.taken_from), "ok" if right else "warning", "as predicted" if right else "different")
    if not predicted.queues and not predicted.certain:
        return Row("queue", "unknown", "not reported (broker confirmed routing)", "", "was not predicted")
    right = bool(predicted.queues)
    return Row("queue", wanted, "not reported (broker confirmed routing)", "ok" if right else "warning", "confirmed" if right else "different")


def _worker(predicted: Predicted, happened: Happened) -> Row:
    nodes = predicted.workers
    wanted = "unknown" if nodes is None else " or ".join(nodes) if nodes else "none"
    if happened.worker is None:
        if nodes == []:
            return Row("worker node", wanted, "none yet", "ok", "as predicted")
        return Row("worker node", wanted, "none yet", "", "not yet")
    if nodes is None:
        return Row("worker node", wanted, happened.worker, "", "was not predicted")
    right = happened.worker in nodes
    return Row("worker node", wanted, happened.worker, "ok" if right else "warning", "as predicted" if right else "different")


def sent_predicted(detail: Mapping[str, Any]) -> Predicted | None:
    """The prediction that an audit event keeps; None where none was made."""
    stored = detail.get("predicted")
    try:
        return None if stored is None else msgspec.convert(stored, Predicted)
    except msgspec.ValidationError:
        return None
