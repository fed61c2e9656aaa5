"""The whole story of a message or a task in a virtual host as it is known: the broker's rules, Celery's, and who consumes what is reached.

Pure. `dashboard.pages.routing.gathered` gathers the virtual host; the rules are in `brokers.routing` and `workers.explain_task`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.definitions import read
from brokers.routing.explanation import explain
from brokers.routing.questions import answer_in
from brokers.routing.refusals import Message
from brokers.routing.values import Value
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from dashboard.consumer_workers import Consuming
from workers import explain_task
from workers.destinations.declarations import Predeclared

JSON = dict[str, Any]

CONF_UNKNOWN = (
    "The settings of the application that sends (task_queues, task_routes, task_default_queue, …) are not known here, so Celery’s own defaults are taken."
)
TASK_UNKNOWN = "No worker that is online has registered this task, so what its class says (queue, routing_key, …) is unknown."


class WorkerBehind(msgspec.Struct, frozen=True):
    """A worker node that consumes a queue. `id` None: we have no row of it; `exact` False: probably this one. The numbers are None while unknown, as
    those of a node that is gone are; `free_slots` are the slots that run nothing."""

    id: int | None
    hostname: str
    exact: bool
    concurrency: int | None = None
    free_slots: int | None = None
    prefetch: int | None = None


class Slots(msgspec.Struct, frozen=True):
    """How much a worker node can take now; None: unknown."""

    concurrency: int | None
    free: int | None
    prefetch: int | None


UNKNOWN_SLOTS = Slots(None, None, None)


class Place(msgspec.Struct):
    """A virtual host as it is known. `consumers` and `workers` are by queue; a queue that `consumers` lacks, or None: unknown.
    `unknown` are sentences on what can't be seen, each of which takes certainty away."""

    topology: Topology
    version: str | None
    consumers: Mapping[str, int | None]
    workers: Mapping[str, Sequence[WorkerBehind]]
    unknown: Sequence[str] = ()

    def router(self) -> VirtualHostRouter:
        return VirtualHostRouter.from_topology(self.topology, self.version)


def topology_of(vhost: str, exchanges: Iterable[Any], queues: Iterable[Any], bindings: Iterable[Any], policies: Iterable[Any]) -> Topology:
    """The topology of rows that have the fields of `brokers.topology`."""
    return Topology(
        vhost,
        tuple(ExchangeDefinition(row.name, row.type, internal=bool(row.internal), arguments=row.arguments or {}) for row in exchanges),
        tuple(_queue(row) for row in queues),
        tuple(BindingDefinition(row.source, row.destination, row.destination_type, row.routing_key, row.arguments or {}) for row in bindings),
        tuple(PolicyDefinition(row.name, row.pattern, row.apply_to, row.priority, row.definition or {}, row.operator) for row in policies),
    )


def _queue(row: Any) -> QueueDefinition:
    """What is unknown of a queue is taken as usual: durable, not exclusive."""
    durable = True if row.durable is None else row.durable
    return QueueDefinition(row.name, row.type or "", durable, bool(row.auto_delete), bool(row.exclusive), row.arguments or {})


def workers_behind(consuming: Iterable[Consuming], slots: Mapping[int, Slots]) -> list[WorkerBehind]:
    """The worker nodes among the consumers, each once, by name; a sure sign counts more than a guess. `slots` by the worker's id."""
    found: dict[str, WorkerBehind] = {}
    for one in consuming:
        if one.hostname and (one.hostname not in found or one.exact):
            has = slots.get(one.worker_id, UNKNOWN_SLOTS) if one.worker_id is not None else UNKNOWN_SLOTS
            found[one.hostname] = WorkerBehind(one.worker_id, one.hostname, one.exact, has.concurrency, has.free, has.prefetch)
    return [found[name] for name in sorted(found)]


def explain_message(place: Place, asked: Mapping[str, Any]) -> JSON:
    """The contract's answer, with consumers and workers. Raises InvalidQuestion."""
    return _seen(answer_in(place.router(), asked), place)


def _seen(answer: JSON, place: Place) -> JSON:
    """The answer with who takes from its queues, and with what can't be seen."""
    for one in answer["after"]:
        one["consumers"] = place.consumers.get(one["queue"], one["consumers"])
        behind = place.workers.get(one["queue"])
        if one["consumers"] is not None:
            one["workers"] = [msgspec.structs.asdict(worker) for worker in behind or ()]
    waits = [one["queue"] for one in answer["after"] if one["consumers"] == 0]
    if waits:
        answer["text"] += f" Nobody consumes {', '.join(waits[:5])}{' and others' if len(waits) > 5 else ''}: there it waits."
    if place.unknown:
        answer["certain"] = False
        answer["text"] += f" This is not certain: {' '.join(place.unknown)}"
    return answer


def explain_live_task(place: Place, told: Mapping[str, Any], attributes: Mapping[str, str] | None) -> JSON:
    """Where a task goes in a virtual host that is known. `told` is a question of the contract; without `conf` Celery's defaults are taken and the answer
    is not certain. `attributes` are those that workers tell of the task, None: no worker knows it. `unknown` says what takes certainty away."""
    question = {name: value for name, value in told.items() if name not in ("broker", "vhost", "at")}
    unknown = list(place.unknown)
    if question.get("conf") is None:
        question["conf"] = {}
        unknown.append(CONF_UNKNOWN)
    if isinstance(question.get("task"), str):
        question["task"] = _known(question["task"], attributes, unknown)
    question["predeclare"] = _predeclared(place.topology)
    answer = explain_task.answer(question)
    broker = None
    if answer.error is None and answer.exchange is not None and answer.routing_key is not None:
        router = VirtualHostRouter.from_topology(_with_declared(place.topology, answer.existing), place.version)
        broker = _seen(_made(explain(router, _message(answer, question)), place), place)
    shown = answer.as_json(broker)
    shown["certain"] = shown["certain"] and not unknown and (broker is None or broker["certain"])
    return {**shown, "unknown": unknown}


def _made(answer: JSON, place: Place) -> JSON:
    """The answer with a word on queues that exist only once the sender has declared them; nobody can consume those yet."""
    existing = {queue.name for queue in place.topology.queues}
    for one in answer["after"]:
        if one["queue"] not in existing:
            one["doubts"] = [*one["doubts"], "does not exist in the broker now: Celery makes it when it sends, unless the sender’s settings forbid it."]
            one["consumers"] = None if place.unknown else 0
    return answer


def explain_told_task(told: Mapping[str, Any]) -> JSON:
    """Where a task goes under the configuration in the question, in a broker that holds what `predeclare` says. Raises InvalidQuestion."""
    answer = explain_task.answer(told)
    if answer.error is not None or answer.exchange is None or answer.routing_key is None:
        return {**answer.as_json(), "unknown": []}
    existing = answer.existing
    definitions = {
        "exchanges": [msgspec.structs.asdict(one) for one in existing.exchanges.values()],
        "queues": [msgspec.structs.asdict(one) for one in existing.queues.values()],
        "bindings": existing.bindings,
    }
    broker = explain(VirtualHostRouter(read(definitions, path="predeclare")), _message(answer, told))
    return {**answer.as_json(broker), "unknown": []}


def _known(name: str, attributes: Mapping[str, str] | None, unknown: list[str]) -> JSON:
    """A task as a question takes it, with what its workers tell; values that are shown as objects can't be read."""
    if attributes is None:
        unknown.append(TASK_UNKNOWN)
        return {"name": name, "unregistered": True}
    kept: JSON = {}
    for key in ("queue", "exchange", "routing_key", "priority"):
        value = attributes.get(key, "")
        if value.startswith("<"):
            unknown.append(f"The {key} of the task is an object that its workers don’t tell: {value}.")
        elif key == "priority" and value:
            kept |= {key: int(value)} if value.isdigit() else {}
        elif value and value != "None":
            kept[key] = value
    return {"name": name, "attributes": kept}


def _predeclared(topology: Topology) -> JSON:
    exchanges = [msgspec.structs.asdict(one) for one in topology.exchanges if one.name and not one.name.startswith("amq.")]
    return {"exchanges": exchanges, "queues": [msgspec.structs.asdict(one) for one in topology.queues]}


def _with_declared(topology: Topology, existing: Predeclared) -> Topology:
    """The topology once the sender has declared what it declares."""
    exchanges, queues = {one.name for one in topology.exchanges}, {one.name for one in topology.queues}
    new_exchanges = [ExchangeDefinition(one.name, one.type, arguments=one.arguments) for one in existing.exchanges.values() if one.name not in exchanges]
    new_queues = [QueueDefinition(one.name, arguments=one.arguments) for one in existing.queues.values() if one.name not in queues]
    known = {(one.source, one.destination, one.destination_type, one.routing_key) for one in topology.bindings}
    new_bindings = [
        BindingDefinition(one["source"], one["destination"], "queue", one["routing_key"], one.get("arguments") or {})
        for one in existing.bindings
        if one.get("arguments") or (one["source"], one["destination"], "queue", one["routing_key"]) not in known
    ]
    return msgspec.structs.replace(
        topology,
        exchanges=(*topology.exchanges, *new_exchanges),
        queues=(*topology.queues, *new_queues),
        bindings=(*topology.bindings, *new_bindings),
    )


def _message(answer: explain_task.Answer, question: Mapping[str, Any]) -> Message:
    """The message that Celery would publish, as far as routing looks at it."""
    headers = {"lang": Value("longstr", "py"), "task": Value("longstr", _task_name(question))}
    properties = {"priority": answer.priority} if isinstance(answer.priority, int) else {}
    return Message(answer.exchange or "", answer.routing_key or "", headers, properties)


def _task_name(question: Mapping[str, Any]) -> str:
    task = question.get("task")
    name = task.get("name") if isinstance(task, Mapping) else task
    return name if isinstance(name, str) else ""
