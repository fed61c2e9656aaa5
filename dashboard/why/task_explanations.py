"""Explains a Celery task in a loaded virtual host: where Celery sends it, by which configuration, and what the broker does then.

Pure. `dashboard.why.loaded_vhost` loads the state; Celery's rules are in `workers.explain_task`, the broker's in `brokers.routing`.
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
from dashboard.why import last_sent
from dashboard.why.explanations import LoadedVhost, with_consumers
from dashboard.why.last_sent import LastTaskSent
from dashboard.why.task_answer import GIVEN, TaskExplanation
from dashboard.why.task_configuration import Configuration, KnownTask, UsedConfiguration
from dashboard.why.task_declarations import predeclared, router_with, with_declared, with_declared_queues
from dashboard.why.what_if import compared_task, task_changes
from workers import explain_task
from workers.inspection import live_configuration
from workers.inspection.shown_settings import Gap
from workers.router_functions import RouterUnavailable

CONF_UNKNOWN = "The settings of the application that sends (task_queues, task_routes, task_default_queue, …) are unknown, so Celery’s defaults are used."
TASK_UNKNOWN = "No online worker has registered this task, so the attributes of its class (queue, routing_key, …) are unknown."
SENDER_UNKNOWN = "This is the worker’s configuration; the sender’s may differ."
DEFAULT_TYPE_UNKNOWN = "The default queue type of the virtual host is not known here: if it is the type of the existing queue, the declaration does not fail."
PATTERNS_UNKNOWN = (
    "Workers don’t report routes whose key is a compiled pattern (inspect conf leaves them out): if task_routes has any, set HARELINE_CELERY_APP to the "
    "application."
)
JSON = dict[str, Any]
_NOT_CELERYS = ("broker", "vhost", "at", "what_if")


class TaskDestination(msgspec.Struct, frozen=True):
    """Where Celery sends a task. `question`: the final question to Celery's rules; `unknown`: reasons for uncertainty, as sentences; `sent`: None if no
    such event is known, or if the call decides; `routers`: the functions that were run; `decided_by`: what the address is from (`last_sent`)."""

    answer: explain_task.Answer
    question: JSON
    unknown: list[str]
    configuration: UsedConfiguration
    sent: LastTaskSent | None
    routers: Mapping[str, Any] | None = None
    decided_by: str = last_sent.BY_CONFIGURATION


def explain_live_task(loaded: LoadedVhost, request: Mapping[str, Any], known: KnownTask) -> TaskExplanation:
    """Where a task goes in a loaded virtual host. `request` is a question of the API; without `conf` the known configuration of the task
    is used, else Celery's defaults. With `what_if` in the question, also the answer after these changes. Raises InvalidQuestion if a
    change can't be applied."""
    changes = task_changes(request)
    found = task_destination(loaded, request, known)
    answer = _whole(loaded, found)
    if changes is None or answer.problem:
        return answer
    after = msgspec.structs.replace(loaded, topology=changes.topology(loaded.topology, loaded.version), reported=None)
    question = {**found.question, "conf": changes.conf(found.question["conf"]), "predeclare": predeclared(after.topology, after.default_type)}
    try:
        answered = explain_task.answer(question, found.routers)
        otherwise = msgspec.structs.replace(found, answer=answered, question=question, sent=None, decided_by=last_sent.BY_CONFIGURATION)
    except RouterUnavailable as error:
        return explain_live_task(loaded, request, _without_routers(known, error))
    return msgspec.structs.replace(answer, what_if=compared_task(answer, _whole(after, otherwise)))


def _whole(loaded: LoadedVhost, found: TaskDestination) -> TaskExplanation:
    """Celery's part with the broker's."""
    answer, unknown = found.answer, [*loaded.unknown, *found.unknown]
    broker = None
    if answer.error is None and answer.exchange is not None and answer.routing_key is not None:
        declared = with_declared(loaded.topology, answer.existing)
        router = loaded.router() if declared is loaded.topology else router_with(declared, loaded)
        broker = with_consumers(with_declared_queues(explain(router, message_of(answer, found.question)), loaded), loaded)
    certain = answer.certain and not unknown and (broker is None or broker.certain)
    return TaskExplanation(answer, certain, broker, unknown, found.configuration, found.sent, found.decided_by)


def task_destination(loaded: LoadedVhost, request: Mapping[str, Any], known: KnownTask) -> TaskDestination:
    """Celery's part alone, to resolve many tasks."""
    celery_question = {name: value for name, value in request.items() if name not in _NOT_CELERYS} | {
        "predeclare": predeclared(loaded.topology, loaded.default_type)
    }
    if celery_question.get("conf") is not None:
        return _by_given(celery_question, known)
    try:
        return _by_known(celery_question, known)
    except RouterUnavailable as error:
        return task_destination(loaded, request, _without_routers(known, error))


def _by_known(celery_question: JSON, known: KnownTask) -> TaskDestination:
    return _by_configuration(celery_question, known) if known.configurations else _by_defaults(celery_question, known)


def _without_routers(known: KnownTask, error: RouterUnavailable) -> KnownTask:
    """What is known without the application, which failed."""
    return msgspec.structs.replace(known, configurations=[one for one in known.configurations if one.routers is None], troubles=[*known.troubles, str(error)])


def _by_given(celery_question: JSON, known: KnownTask) -> TaskDestination:
    unknown: list[str] = []
    question = {**celery_question, "task": _task(celery_question.get("task"), known.attributes, unknown)}
    answer = explain_task.answer(question)
    return TaskDestination(answer, question, unknown + _default_type_unknown(answer, question), GIVEN, None)


def _by_defaults(celery_question: JSON, known: KnownTask) -> TaskDestination:
    unknown = [*known.troubles, CONF_UNKNOWN]
    question = {**celery_question, "conf": {}, "task": _task(celery_question.get("task"), known.attributes, unknown)}
    answer = explain_task.answer(question)
    destination = TaskDestination(answer, question, unknown, UsedConfiguration("defaults", None, None, None, 0, CONF_UNKNOWN), None)
    return _with_last_sent(destination, celery_question, known, opaque=True)


def _by_configuration(celery_question: JSON, known: KnownTask) -> TaskDestination:
    used, *others = known.configurations
    question = _under(celery_question, used)
    answer = explain_task.answer(question, used.routers)
    if unread := _unread(answer, celery_question, used):
        return _by_known(celery_question, msgspec.structs.replace(known, configurations=others, troubles=[*known.troubles, unread]))
    gaps = [gap.text for gap in used.live.gaps if _matters(gap, answer, question)]
    unknown = [*known.troubles, *gaps]
    if isinstance(celery_question.get("task"), str) and celery_question["task"] not in used.live.tasks:
        unknown.append(TASK_UNKNOWN)
    unknown += [sentence for other in others if (sentence := _otherwise(answer, celery_question, other))]
    configuration = UsedConfiguration(used.source, used.name, used.worker_id, used.at, used.same, _source(used))
    destination = TaskDestination(answer, question, unknown, configuration, None, used.routers)
    found = _with_last_sent(destination, celery_question, known, opaque=bool(gaps) or not answer.certain)
    if used.source == "worker" and (found.sent is None or not found.sent.agrees):
        lacking = live_configuration.may_lack_patterns(used.live.conf, _task_name(question))
        found.unknown.extend([SENDER_UNKNOWN] * (found.sent is None) + [PATTERNS_UNKNOWN] * lacking)
    return found


def _with_last_sent(found: TaskDestination, celery_question: JSON, known: KnownTask, opaque: bool) -> TaskDestination:
    """The destination, or that of the last task sent where this decides."""
    if (found.answer.error or "").startswith("BadQuestion"):
        return found
    sent = last_sent.compared(found.answer, celery_question.get("options"), known.sent, found.configuration.source == "defaults")
    if sent is not None and not sent.agrees and sent.text != last_sent.NOT_COMPARED:
        found.unknown.append(sent.text)
    found.unknown.extend(_default_type_unknown(found.answer, celery_question))
    answer, by = last_sent.decided(found.answer, sent, opaque)
    if found.answer.error and not answer.error and sent is None:
        found.unknown.append(f"By what is assumed it would fail: {found.answer.error}.")
    return msgspec.structs.replace(found, answer=answer, sent=sent, decided_by=by)


def _default_type_unknown(answer: explain_task.Answer, question: JSON) -> list[str]:
    """The sentence about the default queue type if it decides about the error and is not known."""
    decides = "inequivalent arg 'x-queue-type'" in (answer.error or "") and "received 'classic'" in (answer.error or "")
    return [DEFAULT_TYPE_UNKNOWN] if decides and not question["predeclare"].get("default_queue_type") else []


def _unread(answer: explain_task.Answer, celery_question: JSON, configuration: Configuration) -> str:
    """Why a reported configuration can't be used, which the caller can't fix; "" if that is not the error."""
    kind, _, why = (answer.error or "").partition(": ")
    if kind != "BadQuestion" or not (why.startswith("conf") or (isinstance(celery_question.get("task"), str) and why.startswith("task.attributes"))):
        return ""
    whose = "application" if configuration.source == "application" else "worker node"
    return f"The configuration reported by {whose} {configuration.name} can’t be used: {why}."


def _under(celery_question: JSON, configuration: Configuration) -> JSON:
    """The question under a reported configuration, with the reported attributes of its task."""
    task = celery_question.get("task")
    if isinstance(task, str):
        attributes = configuration.live.tasks.get(task)
        task = {"name": task, "unregistered": True} if attributes is None else {"name": task, "attributes": attributes}
    return {**celery_question, "conf": configuration.live.conf, "task": task}


def _source(configuration: Configuration) -> str:
    if configuration.source == "application":
        return f"Taken from the application {configuration.name} itself."
    more = f", and of {configuration.same} more that reported the same" if configuration.same else ""
    return f"Taken from the configuration of worker node {configuration.name}{more}."


def _matters(gap: Gap, answer: explain_task.Answer, question: JSON) -> bool:
    """Whether a gap in the configuration could change this answer."""
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


def _otherwise(answer: explain_task.Answer, celery_question: JSON, other: Configuration) -> str:
    """What another configuration would do; "" if the same or unknown."""
    found = explain_task.answer(_under(celery_question, other), other.routers)
    if not found.certain or _address(found) == _address(answer):
        return ""
    does = f"fails with {found.error}" if found.error else f"goes to queue {found.queue!r}, exchange {found.exchange!r}, routing_key {found.routing_key!r}"
    return f"Worker node {other.name} has another configuration, by which the task {does}."


def explain_given_task(request: Mapping[str, Any]) -> TaskExplanation:
    """Where a task goes by the configuration in the question, in a broker with the objects of `predeclare`; with `what_if`, also after these
    changes. Raises InvalidQuestion."""
    changes = task_changes(request)
    question = {name: value for name, value in request.items() if name != "what_if"}
    answer = _answer_from_question(question)
    if changes is None or answer.problem:
        return answer
    return msgspec.structs.replace(answer, what_if=compared_task(answer, _answer_from_question(changes.question(question))))


def _answer_from_question(question: Mapping[str, Any]) -> TaskExplanation:
    answer = explain_task.answer(question)
    if answer.error is not None or answer.exchange is None or answer.routing_key is None:
        return TaskExplanation(answer, answer.certain)
    existing, predeclare = answer.existing, question.get("predeclare") or {}
    definitions = {
        "exchanges": [msgspec.structs.asdict(one) for one in existing.exchanges.values()],
        "queues": [msgspec.structs.asdict(one) for one in existing.queues.values()],
        "bindings": existing.bindings,
        "policies": predeclare.get("policies"),
        "operator_policies": predeclare.get("operator_policies"),
    }
    broker = explain(VirtualHostRouter(read(definitions, path="predeclare")), message_of(answer, question))
    return TaskExplanation(answer, answer.certain, broker)


def _task(task: Any, attributes: Mapping[str, str] | None, unknown: list[str]) -> Any:
    """A task for a question, with the attributes that its workers report; values shown as objects can't be used."""
    if not isinstance(task, str):
        return task
    if attributes is None:
        unknown.append(TASK_UNKNOWN)
        return {"name": task, "unregistered": True}
    kept: JSON = {}
    for key in ("queue", "exchange", "routing_key", "priority"):
        value = attributes.get(key, "")
        if value.startswith("<"):
            unknown.append(f"The {key} of the task is an object that its workers don’t report: {value}.")
        elif key == "priority" and value:
            kept |= {key: int(value)} if value.isdecimal() and len(value) < 10 else {}
        elif value and value != "None":
            kept[key] = value
    return {"name": task, "attributes": kept}


def message_of(answer: explain_task.Answer, question: Mapping[str, Any]) -> Message:
    """The message that Celery would publish, as far as routing looks at it."""
    headers = {"lang": Value("longstr", "py"), "task": Value("longstr", _task_name(question))}
    properties = {"priority": answer.priority} if isinstance(answer.priority, int) else {}
    return Message(answer.exchange or "", answer.routing_key or "", headers, properties)


def _task_name(question: Mapping[str, Any]) -> str:
    task = question.get("task")
    name = task.get("name") if isinstance(task, Mapping) else task
    return name if isinstance(name, str) else ""
