"""The whole story of a Celery task in a virtual host as it is known: where Celery sends it, by which configuration, and what the broker does then.

Pure. `dashboard.why.loaded_vhost` gathers what is known; Celery's rules are in `workers.explain_task`, the broker's in `brokers.routing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.definitions import read
from brokers.routing.explanation import explain
from brokers.routing.refusals import Message
from brokers.routing.values import Value
from brokers.routing.virtual_host import VirtualHostRouter
from dashboard.why.explanations import JSON, Place, seen
from dashboard.why.task_configuration import Known, Told
from dashboard.why.task_declarations import predeclared, with_declared, with_made
from dashboard.why.what_if import compared_task, is_bad, task_changes
from workers import explain_task
from workers.inspection.live_configuration import told_apart
from workers.inspection.shown_settings import Gap
from workers.router_functions import RouterUnavailable

CONF_UNKNOWN = (
    "The settings of the application that sends (task_queues, task_routes, task_default_queue, …) are not known here, so Celery’s own defaults are taken."
)
TASK_UNKNOWN = "No worker that is online has registered this task, so what its class says (queue, routing_key, …) is unknown."
SENDER_UNKNOWN = "This is the worker’s configuration; the sender’s may differ."
AGREED = "The last task of this name was really sent there: the sender agrees."
_NOT_CELERYS = ("broker", "vhost", "at", "what_if")
_DECIDING = ("queue", "exchange", "exchange_type", "routing_key", "countdown", "eta")


class Destination(msgspec.Struct, frozen=True):
    """Where Celery sends a task. `question` is what was asked of Celery in the end; `unknown` are sentences that take certainty away; `configuration`
    and `sent` are as the API tells them (docs/routing.md); `routers` are the functions that were run."""

    answer: explain_task.Answer
    question: JSON
    unknown: list[str]
    configuration: JSON
    sent: JSON | None
    routers: Mapping[str, Any] | None = None


def explain_live_task(place: Place, told: Mapping[str, Any], known: Known) -> JSON:
    """Where a task goes in a virtual host that is known. `told` is a question of the contract; without `conf` the configuration that is known of the task
    is taken, else Celery's defaults. `unknown` says what takes certainty away. With `what_if` in the question, also after these changes. Raises
    InvalidQuestion where a change does not fit."""
    changes = task_changes(told)
    found = destination(place, told, known)
    answer = _whole(place, found)
    if changes is None or is_bad(answer):
        return answer
    after = msgspec.structs.replace(place, topology=changes.topology(place.topology))
    question = {**found.question, "conf": changes.conf(found.question["conf"]), "predeclare": predeclared(after.topology)}
    try:
        otherwise = msgspec.structs.replace(found, answer=explain_task.answer(question, found.routers), question=question, sent=None)
    except RouterUnavailable as error:
        return explain_live_task(place, told, _without_routers(known, error))
    return {**answer, "what_if": compared_task(answer, _whole(after, otherwise))}


def _whole(place: Place, found: Destination) -> JSON:
    """Celery's part with the broker's."""
    answer, unknown = found.answer, [*place.unknown, *found.unknown]
    broker = None
    if answer.error is None and answer.exchange is not None and answer.routing_key is not None:
        declared = with_declared(place.topology, answer.existing)
        router = place.router() if declared is place.topology else VirtualHostRouter.from_topology(declared, place.version)
        broker = seen(with_made(explain(router, message_of(answer, found.question)), place), place)
    shown = answer.as_json(broker)
    shown["certain"] = shown["certain"] and not unknown and (broker is None or broker["certain"])
    return {**shown, "unknown": unknown, **_compared(answer), "configuration": found.configuration, "sent": found.sent}


def destination(place: Place, told: Mapping[str, Any], known: Known) -> Destination:
    """Celery's part alone, for those who ask about many tasks."""
    asked = {name: value for name, value in told.items() if name not in _NOT_CELERYS} | {"predeclare": predeclared(place.topology)}
    if asked.get("conf") is not None:
        return _by_given(asked, known)
    try:
        return _by_known(asked, known)
    except RouterUnavailable as error:
        return destination(place, told, _without_routers(known, error))


def _by_known(asked: JSON, known: Known) -> Destination:
    return _by_told(asked, known) if known.told else _by_defaults(asked, known)


def _without_routers(known: Known, error: RouterUnavailable) -> Known:
    """What is known without the application that gave no answer."""
    return msgspec.structs.replace(known, told=[one for one in known.told if one.routers is None], troubles=[*known.troubles, str(error)])


def _by_given(asked: JSON, known: Known) -> Destination:
    unknown: list[str] = []
    question = {**asked, "task": _task(asked.get("task"), known.attributes, unknown)}
    text = "Taken from the settings that were given."
    return Destination(explain_task.answer(question), question, unknown, _configuration("question", text), None)


def _by_defaults(asked: JSON, known: Known) -> Destination:
    unknown = [*known.troubles, CONF_UNKNOWN]
    question = {**asked, "conf": {}, "task": _task(asked.get("task"), known.attributes, unknown)}
    answer = explain_task.answer(question)
    sent = _checked(answer, asked, known, unknown)
    return Destination(answer, question, unknown, _configuration("defaults", CONF_UNKNOWN), sent)


def _by_told(asked: JSON, known: Known) -> Destination:
    used, *others = known.told
    question = _under(asked, used)
    answer = explain_task.answer(question, used.routers)
    if unread := _unread(answer, asked, used):
        return _by_known(asked, msgspec.structs.replace(known, told=others, troubles=[*known.troubles, unread]))
    unknown = [*known.troubles, *(gap.text for gap in used.live.gaps if _matters(gap, answer, question))]
    if isinstance(asked.get("task"), str) and asked["task"] not in used.live.tasks:
        unknown.append(TASK_UNKNOWN)
    unknown += [sentence for other in others if (sentence := _otherwise(answer, asked, other))]
    sent = _checked(answer, asked, known, unknown)
    if used.source == "worker" and sent is None:
        unknown.append(SENDER_UNKNOWN)
    return Destination(answer, question, unknown, _configuration(used.source, _source(used), used), sent, used.routers)


def _unread(answer: explain_task.Answer, asked: JSON, told: Told) -> str:
    """Why a configuration that was told can't be used: nothing that the asker could mend. "" where that is not the error."""
    kind, _, why = (answer.error or "").partition(": ")
    if kind != "BadQuestion" or not (why.startswith("conf") or (isinstance(asked.get("task"), str) and why.startswith("task.attributes"))):
        return ""
    whose = "application" if told.source == "application" else "worker node"
    return f"What {whose} {told.name} told of its configuration can’t be used: {why}."


def _configuration(source: str, text: str, told: Told | None = None) -> JSON:
    """What the answer goes by, as the API tells it."""
    if told is None:
        return {"source": source, "name": None, "worker_id": None, "at": None, "same": 0, "text": text}
    at = None if told.at is None else told.at.isoformat()
    return {"source": source, "name": told.name, "worker_id": told.worker_id, "at": at, "same": told.same, "text": text}


def _under(asked: JSON, told: Told) -> JSON:
    """The question under a configuration that was told, with the attributes that were told of its task."""
    task = asked.get("task")
    if isinstance(task, str):
        attributes = told.live.tasks.get(task)
        task = {"name": task, "unregistered": True} if attributes is None else {"name": task, "attributes": attributes}
    return {**asked, "conf": told.live.conf, "task": task}


def _source(told: Told) -> str:
    if told.source == "application":
        return f"Taken from the application {told.name} itself."
    more = f", and of {told.same} more that told the same" if told.same else ""
    return f"Taken from the configuration of worker node {told.name}{more}."


def _matters(gap: Gap, answer: explain_task.Answer, question: JSON) -> bool:
    """Whether something that was not told could change this answer."""
    task = _task_name(question)
    if gap.kind == "router":
        return not answer.certain
    if gap.kind == "default_key":
        other = explain_task.answer({**question, "conf": {**question["conf"], "task_default_routing_key": "another.key"}})
        return _address(other) != _address(answer)
    names = {"queue": (answer.queue,), "attribute": (task,), "annotation": (task, "*")}.get(gap.kind)
    return names is None or gap.name in names


def _address(answer: explain_task.Answer) -> tuple[str | None, ...]:
    return answer.queue, answer.exchange, answer.routing_key, answer.error


def _otherwise(answer: explain_task.Answer, asked: JSON, other: Told) -> str:
    """What another configuration would do; "" if the same, or if that can't be told."""
    found = explain_task.answer(_under(asked, other), other.routers)
    if not found.certain or _address(found) == _address(answer):
        return ""
    does = f"fails with {found.error}" if found.error else f"goes to queue {found.queue!r}, exchange {found.exchange!r}, routing_key {found.routing_key!r}"
    return f"Worker node {other.name} has another configuration, by which it {does}."


def _checked(answer: explain_task.Answer, asked: JSON, known: Known, unknown: list[str]) -> JSON | None:
    """What the last task-sent event says to the answer; None where there is none, or where the call decides, which may have been another then."""
    options = asked.get("options") or {}
    sent = known.sent
    if sent is None or answer.error is not None or not isinstance(options, dict) or any(options.get(name) is not None for name in _DECIDING):
        return None
    fields = msgspec.structs.asdict(sent)
    apart = told_apart({"queue": answer.queue, "exchange": answer.exchange, "routing_key": answer.routing_key}, fields)
    if apart:
        unknown.append(apart)
    return {**fields, "at": sent.at.isoformat(), "agrees": apart is None, "text": apart or AGREED}


def _compared(answer: explain_task.Answer) -> JSON:
    """The keys in which Celery differs from the order that people learn, and what each of the two takes for them."""
    return {"differing": answer.differing, "differences": [msgspec.structs.asdict(one) for one in answer.differences]}


def explain_told_task(told: Mapping[str, Any]) -> JSON:
    """Where a task goes under the configuration in the question, in a broker that holds what `predeclare` says; with `what_if`, also after these
    changes. Raises InvalidQuestion."""
    changes = task_changes(told)
    question = {name: value for name, value in told.items() if name != "what_if"}
    answer = _told_whole(question)
    if changes is None or is_bad(answer):
        return answer
    return {**answer, "what_if": compared_task(answer, _told_whole(changes.question(question)))}


def _told_whole(question: Mapping[str, Any]) -> JSON:
    answer = explain_task.answer(question)
    if answer.error is not None or answer.exchange is None or answer.routing_key is None:
        return {**answer.as_json(), "unknown": [], **_compared(answer)}
    existing, told = answer.existing, question.get("predeclare") or {}
    definitions = {
        "exchanges": [msgspec.structs.asdict(one) for one in existing.exchanges.values()],
        "queues": [msgspec.structs.asdict(one) for one in existing.queues.values()],
        "bindings": existing.bindings,
        "policies": told.get("policies"),
        "operator_policies": told.get("operator_policies"),
    }
    broker = explain(VirtualHostRouter(read(definitions, path="predeclare")), message_of(answer, question))
    return {**answer.as_json(broker), "unknown": [], **_compared(answer)}


def _task(told: Any, attributes: Mapping[str, str] | None, unknown: list[str]) -> Any:
    """A task as a question takes it, with what its workers tell; values that are shown as objects can't be read."""
    if not isinstance(told, str):
        return told
    if attributes is None:
        unknown.append(TASK_UNKNOWN)
        return {"name": told, "unregistered": True}
    kept: JSON = {}
    for key in ("queue", "exchange", "routing_key", "priority"):
        value = attributes.get(key, "")
        if value.startswith("<"):
            unknown.append(f"The {key} of the task is an object that its workers don’t tell: {value}.")
        elif key == "priority" and value:
            kept |= {key: int(value)} if value.isdecimal() and len(value) < 10 else {}
        elif value and value != "None":
            kept[key] = value
    return {"name": told, "attributes": kept}


def message_of(answer: explain_task.Answer, question: Mapping[str, Any]) -> Message:
    """The message that Celery would publish, as far as routing looks at it."""
    headers = {"lang": Value("longstr", "py"), "task": Value("longstr", _task_name(question))}
    properties = {"priority": answer.priority} if isinstance(answer.priority, int) else {}
    return Message(answer.exchange or "", answer.routing_key or "", headers, properties)


def _task_name(question: Mapping[str, Any]) -> str:
    task = question.get("task")
    name = task.get("name") if isinstance(task, Mapping) else task
    return name if isinstance(name, str) else ""
