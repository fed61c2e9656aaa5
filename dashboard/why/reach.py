"""What reaches a queue or a worker node's queues, and which queues on a task's way nobody consumes: the question "Why" asked from the end.

Pure. The broker's part is in `brokers.routing.reverse_routing.reach`; here it meets the Celery tasks that workers have registered, and who consumes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brokers.routing.fields import InvalidQuestion
from brokers.routing.reverse_routing import reach, reach_text
from brokers.routing.route import route
from brokers.routing.text import names
from brokers.routing.virtual_host import VirtualHostRouter
from dashboard.why.explanations import JSON, Place
from dashboard.why.task_configuration import Known, Tellers
from dashboard.why.task_declarations import with_declared
from dashboard.why.task_explanations import Destination, destination, explain_live_task, message_of

MOST_TASKS = 300
FEWEST_TASKS = 20
MOST_TASKS_BY_EXCHANGES = 300_000
"""Tasks are explained as long as tasks times exchanges are no more than this: some seconds."""
MOST_QUEUES = 20
MOST_UNKNOWN = 5


class Ending(msgspec.Struct, frozen=True):
    """Where a task without options ends. `certain` False: something that decides is not known."""

    task: str
    exchange: str
    routing_key: str
    queues: frozenset[str]
    certain: bool


class Endings(msgspec.Struct, frozen=True):
    """Of all tasks that workers online have registered, `left_out` so many. `unknown` are sentences on what takes certainty away from them."""

    found: Sequence[Ending]
    left_out: int
    unknown: Sequence[str]


def of_queue(place: Place, queue: str, tellers: Tellers) -> JSON:
    """Everything that reaches the queue. Raises InvalidQuestion if there is none of that name."""
    router = place.router()
    told = reach_text.reach_answer(router, reach.reach(router, queue))
    ends = endings(place, router, tellers)
    one = _with_celery(told, place, ends)
    return _answer("queue", queue, place, [one], one["text"], tasks_unknown=ends.unknown)


def of_worker(place: Place, hostname: str, consumed: Sequence[str], tellers: Tellers) -> JSON:
    """Everything that reaches a worker node, by the queues that it consumes."""
    router, known = place.router(), {queue.name for queue in place.topology.queues}
    here = [name for name in consumed if name in known]
    ends = endings(place, router, tellers)
    found = [_with_celery(reach_text.reach_answer(router, reach.reach(router, name)), place, ends) for name in here[:MOST_QUEUES]]
    text = f"{hostname} takes what reaches {names(here)}." if here else f"{hostname} consumes no queue of this virtual host, so nothing reaches it."
    return _answer("worker", hostname, place, found, text, left_out=len(here) - len(found), tasks_unknown=ends.unknown)


def of_task(place: Place, task: str, known: Known) -> JSON:
    """The queues on a task's way that nobody consumes, those of its dead letters among them. Raises InvalidQuestion if it can be no task's name."""
    told = explain_live_task(place, {"task": task}, known)
    kind, _, why = str(told["error"] or "").partition(": ")
    if kind == "BadQuestion":
        raise InvalidQuestion("task", why.partition(" ")[2])
    after = told["broker"]["after"] if told["broker"] else []
    waiting = [_waiting(one["queue"], None) for one in after if one["consumers"] == 0]
    letters = {(end, one["queue"]) for one in after for end in (one["dead_letter"] or {}).get("queues", ())}
    waiting += [_waiting(end, source) for end, source in sorted(letters) if place.consumers.get(end) == 0]
    unseen = [one["queue"] for one in after if one["consumers"] is None]
    text = _task_text(task, told, [one["queue"] for one in after], waiting, unseen)
    return {**_answer("task", task, place, [], text), "waiting": waiting, "certain": told["certain"] and not unseen, "unknown": told["unknown"]}


def endings(place: Place, router: VirtualHostRouter, tellers: Tellers) -> Endings:
    """Where each registered task ends if it is called without options, as far as its configuration is known."""
    tasks = tellers.tasks
    most = max(FEWEST_TASKS, min(MOST_TASKS, MOST_TASKS_BY_EXCHANGES // max(1, len(place.topology.exchanges))))
    found, declaring = [], _Declaring(place, router)
    unknown: dict[str, None] = {}
    for task in tasks[:most]:
        sent = declaring.sent(task, tellers.known(task))
        answer = sent.answer
        if answer.error is None and answer.exchange is not None and answer.routing_key is not None:
            queues = frozenset(route(declaring.after(sent), message_of(answer, sent.question)).queues)
            found.append(Ending(task, answer.exchange, answer.routing_key, queues, answer.certain and not sent.unknown and not place.unknown))
            unknown |= dict.fromkeys(sent.unknown)
    told = list(unknown)[:MOST_UNKNOWN]
    if len(unknown) > MOST_UNKNOWN:
        told.append(f"For {len(unknown) - MOST_UNKNOWN:,} more reasons see the tasks themselves.")
    return Endings(found, len(tasks) - min(most, len(tasks)), told)


class _Declaring:
    """Senders of many tasks, and the virtual host once one has declared what it declares; mostly that is there already."""

    def __init__(self, place: Place, router: VirtualHostRouter) -> None:
        self.place, self.router = place, router
        self.bound = {(one.source, one.destination, one.routing_key) for one in place.topology.bindings}
        self.queues = {queue.name: queue for queue in place.topology.queues}

    def sent(self, task: str, known: Known) -> Destination:
        """Where Celery sends the task. Of the queues only those count that the sender declares: reading thousands for each task would take a minute."""
        sent = destination(self._with_queues([]), {"task": task}, known)
        declared = [name for name in sent.answer.existing.queues if name in self.queues]
        return destination(self._with_queues(declared), {"task": task}, known) if declared else sent

    def _with_queues(self, names: Sequence[str]) -> Place:
        topology = msgspec.structs.replace(self.place.topology, queues=tuple(self.queues[name] for name in names))
        return msgspec.structs.replace(self.place, topology=topology)

    def after(self, sent: Destination) -> VirtualHostRouter:
        existing = sent.answer.existing
        there = existing.queues.keys() <= self.router.queues.keys() and all(name in self.router.exchanges for name in existing.exchanges if name)
        if there and all((one["source"], one["destination"], one["routing_key"]) in self.bound for one in existing.bindings):
            return self.router
        return VirtualHostRouter.from_topology(with_declared(self.place.topology, existing), self.place.version)


def _with_celery(told: JSON, place: Place, ends: Endings) -> JSON:
    """The broker's answer on one queue, with the tasks that end in it and who consumes it."""
    queue = told["queue"]
    tasks = [one for one in ends.found if queue in one.queues]
    consumers = place.consumers.get(queue)
    text = told["text"]
    if tasks:
        text += f" Celery sends {names([one.task for one in tasks])} there."
    if consumers == 0:
        text += " Nobody consumes it: what reaches it waits."
    return {
        **told,
        "text": text,
        "tasks": [{"task": one.task, "exchange": one.exchange, "routing_key": one.routing_key, "certain": one.certain} for one in tasks],
        "tasks_left_out": ends.left_out,
        "consumers": consumers,
        "workers": [msgspec.structs.asdict(one) for one in place.workers.get(queue, ())] if consumers is not None else None,
    }


def _answer(of: str, name: str, place: Place, queues: list[JSON], text: str, left_out: int = 0, tasks_unknown: Sequence[str] = ()) -> JSON:
    complete = all(one["complete"] for one in queues) and not left_out
    return {
        "of": of,
        "name": name,
        "queues": queues,
        "queues_left_out": left_out,
        "waiting": [_waiting(one["queue"], None) for one in queues if one["consumers"] == 0],
        "certain": complete and not place.unknown,
        "unknown": list(place.unknown),
        "tasks_unknown": list(tasks_unknown),
        "text": text,
    }


def _waiting(queue: str, dead_letters_of: str | None) -> JSON:
    return {"queue": queue, "dead_letters_of": dead_letters_of}


def _task_text(task: str, told: JSON, reached: Sequence[str], waiting: Sequence[JSON], unseen: Sequence[str]) -> str:
    if told["error"]:
        return f"{task} is not sent: {told['error']}"
    if not reached:
        return f"{task} reaches no queue."
    if unseen:
        return f"{task} reaches {names(reached)}. Who consumes {names(unseen)} is not known."
    if not waiting:
        return f"{task} reaches {names(reached)}, and every queue on its way is consumed."
    return f"{task} reaches {names(reached)}. Nobody consumes {names([one['queue'] for one in waiting])}."
