"""What reaches a queue or a worker node's queues, and which queues on a task's path have no consumer.

Pure. The broker's part is in `brokers.routing.reverse_routing.reach`; here the registered Celery tasks and the consumers are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from brokers.routing.fields import InvalidQuestion
from brokers.routing.reverse_routing import reach, reach_text
from brokers.routing.route import route
from brokers.routing.text import names
from brokers.routing.virtual_host import VirtualHostRouter
from dashboard.why.explanations import LoadedVhost
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import KnownTask, ReportingWorkers
from dashboard.why.task_declarations import router_with, with_declared
from dashboard.why.task_explanations import TaskDestination, explain_live_task, message_of, task_destination

JSON = dict[str, Any]
MOST_TASKS = 300
FEWEST_TASKS = 20
MOST_TASKS_BY_EXCHANGES = 300_000
"""Limit for tasks times exchanges, which takes a few seconds."""
MOST_QUEUES = 20
MOST_UNKNOWN = 5


class ReachingTask(msgspec.Struct, frozen=True):
    """A task and the queues it reaches without options. `certain` False: something that decides is unknown."""

    task: str
    exchange: str
    routing_key: str
    queues: frozenset[str]
    certain: bool


class ReachingTasks(msgspec.Struct, frozen=True):
    """The registered tasks of online workers with the queues they reach; `left_out`: tasks not examined, `unknown`: reasons for uncertainty."""

    found: Sequence[ReachingTask]
    left_out: int
    unknown: Sequence[str]


def of_queue(loaded: LoadedVhost, queue: str, reporting_workers: ReportingWorkers) -> JSON:
    """Everything that reaches the queue. Raises InvalidQuestion if there is none of that name."""
    router = loaded.router()
    answer = reach_text.reach_answer(router, reach.reach(router, queue))
    tasks_found = reaching_tasks(loaded, router, reporting_workers)
    one = _with_celery(answer, loaded, tasks_found)
    return _answer("queue", queue, loaded, [one], one["text"], tasks_unknown=tasks_found.unknown)


def of_worker(loaded: LoadedVhost, hostname: str, consumed: Sequence[str], reporting_workers: ReportingWorkers) -> JSON:
    """Everything that reaches a worker node, by the queues that it consumes."""
    router, known = loaded.router(), {queue.name for queue in loaded.topology.queues}
    here = [name for name in consumed if name in known]
    tasks_found = reaching_tasks(loaded, router, reporting_workers)
    found = [_with_celery(reach_text.reach_answer(router, reach.reach(router, name)), loaded, tasks_found) for name in here[:MOST_QUEUES]]
    text = f"{hostname} consumes {names(here)}." if here else f"{hostname} consumes no queue of this virtual host, so no message reaches it."
    return _answer("worker", hostname, loaded, found, text, left_out=len(here) - len(found), tasks_unknown=tasks_found.unknown)


def of_task(loaded: LoadedVhost, task: str, known: KnownTask) -> JSON:
    """The queues without consumers on a task's path, including its dead letters. Raises InvalidQuestion if the task's name is invalid."""
    answer = explain_live_task(loaded, {"task": task}, known)
    if answer.problem:
        raise InvalidQuestion("task", answer.problem[1])
    waiting = [_waiting(one.queue, None) for one in answer.after if one.consumers == 0]
    letters = {(target, one.queue) for one in answer.after if one.dead_letter for target in one.dead_letter.queues}
    waiting += [_waiting(target, source) for target, source in sorted(letters) if loaded.consumers.get(target) == 0]
    unseen = [one.queue for one in answer.after if one.consumers is None]
    text = _task_text(task, answer, [one.queue for one in answer.after], waiting, unseen)
    return {**_answer("task", task, loaded, [], text), "waiting": waiting, "certain": answer.certain and not unseen, "unknown": answer.unknown}


def reaching_tasks(loaded: LoadedVhost, router: VirtualHostRouter, reporting_workers: ReportingWorkers) -> ReachingTasks:
    """The queues that each registered task reaches without options, as far as its configuration is known."""
    tasks = reporting_workers.tasks
    most = max(FEWEST_TASKS, min(MOST_TASKS, MOST_TASKS_BY_EXCHANGES // max(1, len(loaded.topology.exchanges))))
    found, declaring = [], _SenderDeclarations(loaded, router)
    unknown: dict[str, None] = {}
    for task in tasks[:most]:
        sent = declaring.sent(task, reporting_workers.known(task))
        answer = sent.answer
        if answer.error is None and answer.exchange is not None and answer.routing_key is not None:
            queues = frozenset(route(declaring.after(sent), message_of(answer, sent.question)).queues)
            found.append(ReachingTask(task, answer.exchange, answer.routing_key, queues, answer.certain and not sent.unknown and not loaded.unknown))
            unknown |= dict.fromkeys(sent.unknown)
    reasons = list(unknown)[:MOST_UNKNOWN]
    if len(unknown) > MOST_UNKNOWN:
        reasons.append(f"See the tasks themselves for {len(unknown) - MOST_UNKNOWN:,} more reasons.")
    return ReachingTasks(found, len(tasks) - min(most, len(tasks)), reasons)


class _SenderDeclarations:
    """Resolves many tasks, and the virtual host after their senders have declared their objects, most of which usually exist."""

    def __init__(self, loaded: LoadedVhost, router: VirtualHostRouter) -> None:
        self.loaded, self.router = loaded, router
        self.bound = {(one.source, one.destination, one.routing_key) for one in loaded.topology.bindings}
        self.queues = {queue.name: queue for queue in loaded.topology.queues}

    def sent(self, task: str, known: KnownTask) -> TaskDestination:
        """Where Celery sends the task. Considers only the queues that its sender declares: reading thousands for each task would take a minute."""
        sent = task_destination(self._with_queues([]), {"task": task}, known)
        declared = [name for name in sent.answer.existing.queues if name in self.queues]
        return task_destination(self._with_queues(declared), {"task": task}, known) if declared else sent

    def _with_queues(self, names: Sequence[str]) -> LoadedVhost:
        topology = msgspec.structs.replace(self.loaded.topology, queues=tuple(self.queues[name] for name in names))
        return msgspec.structs.replace(self.loaded, topology=topology)

    def after(self, sent: TaskDestination) -> VirtualHostRouter:
        existing = sent.answer.existing
        there = existing.queues.keys() <= self.router.queues.keys() and all(name in self.router.exchanges for name in existing.exchanges if name)
        if there and all((one["source"], one["destination"], one["routing_key"]) in self.bound for one in existing.bindings):
            return self.router
        return router_with(with_declared(self.loaded.topology, existing), self.loaded)


def _with_celery(answer: JSON, loaded: LoadedVhost, tasks_found: ReachingTasks) -> JSON:
    """The broker's answer on one queue, with the tasks that reach it and its consumers."""
    queue = answer["queue"]
    tasks = [one for one in tasks_found.found if queue in one.queues]
    consumers = loaded.consumers.get(queue)
    text = answer["text"]
    if tasks:
        text += f" Celery sends {names([one.task for one in tasks])} there."
    if consumers == 0:
        text += " Nobody consumes it: messages wait there."
    return {
        **answer,
        "text": text,
        "tasks": [{"task": one.task, "exchange": one.exchange, "routing_key": one.routing_key, "certain": one.certain} for one in tasks],
        "tasks_left_out": tasks_found.left_out,
        "consumers": consumers,
        "workers": [msgspec.structs.asdict(one) for one in loaded.workers.get(queue, ())] if consumers is not None else None,
    }


def _answer(of: str, name: str, loaded: LoadedVhost, queues: list[JSON], text: str, left_out: int = 0, tasks_unknown: Sequence[str] = ()) -> JSON:
    complete = all(one["complete"] for one in queues) and not left_out
    return {
        "of": of,
        "name": name,
        "queues": queues,
        "queues_left_out": left_out,
        "waiting": [_waiting(one["queue"], None) for one in queues if one["consumers"] == 0],
        "certain": complete and not loaded.unknown,
        "unknown": list(loaded.unknown),
        "tasks_unknown": list(tasks_unknown),
        "text": text,
    }


def _waiting(queue: str, dead_letters_of: str | None) -> JSON:
    return {"queue": queue, "dead_letters_of": dead_letters_of}


def _task_text(task: str, answer: TaskExplanation, reached: Sequence[str], waiting: Sequence[JSON], unseen: Sequence[str]) -> str:
    if answer.celery.error:
        return f"{task} is not sent: {answer.celery.error}"
    if answer.broker and answer.broker.outcome == "unknown":
        return f"Where {task} goes is unknown. {answer.broker.reason}"
    if not reached:
        return f"{task} reaches no queue."
    if unseen:
        return f"{task} reaches {names(reached)}. The consumers of {names(unseen)} are unknown."
    if not waiting:
        return f"{task} reaches {names(reached)}, and every queue on its path is consumed."
    return f"{task} reaches {names(reached)}. Nobody consumes {names([one['queue'] for one in waiting])}."
