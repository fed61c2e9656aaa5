"""What reaches a queue or a worker node's queues, and which queues on a task's path have no consumer.

Pure. The broker's part is in `brokers.routing.reverse_routing.reach`; here the registered Celery tasks and the consumers are added.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brokers.routing.answer import ConsumingWorker
from brokers.routing.fields import InvalidQuestion
from brokers.routing.reverse_routing import reach, reach_text
from brokers.routing.reverse_routing.answer import QueueReach
from brokers.routing.route import route
from brokers.routing.text import names
from brokers.routing.virtual_host import VirtualHostRouter
from dashboard.why.explanations import LoadedVhost
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import KnownTask, ReportingWorkers
from dashboard.why.task_declarations import router_with, with_declared
from dashboard.why.task_explanations import TaskDestination, explain_live_task, message_of, task_destination

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

    not_in_json = frozenset({"queues"})


class ReachingTasks(msgspec.Struct, frozen=True):
    """The registered tasks of online workers with the queues they reach; `left_out`: tasks not examined, `unknown`: reasons for uncertainty."""

    found: Sequence[ReachingTask]
    left_out: int
    unknown: Sequence[str]


class QueueAnswer(QueueReach, frozen=True):
    """What reaches one queue, with Celery's tasks and its consumers; None: unknown. `tasks_left_out`: registered tasks that were not examined."""

    tasks: list[ReachingTask]
    tasks_left_out: int
    consumers: int | None
    workers: list[ConsumingWorker] | None


class Waiting(msgspec.Struct, frozen=True):
    """A queue without consumers. `dead_letters_of`: the queue whose dead letters it receives, None if it is reached directly."""

    queue: str
    dead_letters_of: str | None


class ReachAnswer(msgspec.Struct, frozen=True):
    """The answer about a queue, a worker node or a task (`of`), in the order of the JSON of docs/routing.md. `queues`: none for a task; `waiting`: those
    without consumers, or on the task's path; `certain`: whether these are all paths, or whether the task takes this path. `unknown` and `tasks_unknown`:
    reasons for uncertainty, as sentences."""

    of: str
    name: str
    queues: list[QueueAnswer]
    queues_left_out: int
    waiting: list[Waiting]
    certain: bool
    unknown: list[str]
    tasks_unknown: list[str]
    text: str


def of_queue(loaded: LoadedVhost, queue: str, reporting_workers: ReportingWorkers) -> ReachAnswer:
    """Everything that reaches the queue. Raises InvalidQuestion if there is none of that name."""
    router = loaded.router()
    answer = reach_text.reach_answer(router, reach.reach(router, queue))
    tasks_found = reaching_tasks(loaded, router, reporting_workers)
    one = _with_celery(answer, loaded, tasks_found)
    return _answer("queue", queue, loaded, [one], one.text, tasks_unknown=tasks_found.unknown)


def of_worker(loaded: LoadedVhost, hostname: str, consumed: Sequence[str], reporting_workers: ReportingWorkers) -> ReachAnswer:
    """Everything that reaches a worker node, by the queues that it consumes."""
    router, known = loaded.router(), {queue.name for queue in loaded.topology.queues}
    here = [name for name in consumed if name in known]
    tasks_found = reaching_tasks(loaded, router, reporting_workers)
    found = [_with_celery(reach_text.reach_answer(router, reach.reach(router, name)), loaded, tasks_found) for name in here[:MOST_QUEUES]]
    text = f"{hostname} consumes {names(here)}." if here else f"{hostname} consumes no queue of this virtual host, so no message reaches it."
    return _answer("worker", hostname, loaded, found, text, left_out=len(here) - len(found), tasks_unknown=tasks_found.unknown)


def of_task(loaded: LoadedVhost, task: str, known: KnownTask) -> ReachAnswer:
    """The queues without consumers on a task's path, including its dead letters. Raises InvalidQuestion if the task's name is invalid."""
    answer = explain_live_task(loaded, {"task": task}, known)
    if answer.problem:
        raise InvalidQuestion("task", answer.problem[1])
    waiting = [Waiting(one.queue, None) for one in answer.after if one.consumers == 0]
    letters = {(target, one.queue) for one in answer.after if one.dead_letter for target in one.dead_letter.queues}
    waiting += [Waiting(target, source) for target, source in sorted(letters) if loaded.consumers.get(target) == 0]
    unseen = [one.queue for one in answer.after if one.consumers is None]
    text = _task_text(task, answer, [one.queue for one in answer.after], waiting, unseen)
    certain = answer.certain and not unseen
    return ReachAnswer("task", task, [], 0, waiting, certain, answer.unknown, [], text)


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


def _with_celery(answer: QueueReach, loaded: LoadedVhost, tasks_found: ReachingTasks) -> QueueAnswer:
    """The broker's answer on one queue, with the tasks that reach it and its consumers."""
    tasks = [one for one in tasks_found.found if answer.queue in one.queues]
    consumers = loaded.consumers.get(answer.queue)
    text = answer.text
    if tasks:
        text += f" Celery sends {names([one.task for one in tasks])} there."
    if consumers == 0:
        text += " Nobody consumes it: messages wait there."
    workers = list(loaded.workers.get(answer.queue, ())) if consumers is not None else None
    reached = {name: getattr(answer, name) for name in answer.__struct_fields__} | {"text": text}
    return QueueAnswer(**reached, tasks=tasks, tasks_left_out=tasks_found.left_out, consumers=consumers, workers=workers)


def _answer(of: str, name: str, loaded: LoadedVhost, queues: list[QueueAnswer], text: str, left_out: int = 0, tasks_unknown: Sequence[str] = ()) -> ReachAnswer:
    return ReachAnswer(
        of=of,
        name=name,
        queues=queues,
        queues_left_out=left_out,
        waiting=[Waiting(one.queue, None) for one in queues if one.consumers == 0],
        certain=all(one.complete for one in queues) and not left_out and not loaded.unknown,
        unknown=list(loaded.unknown),
        tasks_unknown=list(tasks_unknown),
        text=text,
    )


def _task_text(task: str, answer: TaskExplanation, reached: Sequence[str], waiting: Sequence[Waiting], unseen: Sequence[str]) -> str:
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
    return f"{task} reaches {names(reached)}. Nobody consumes {names([one.queue for one in waiting])}."
