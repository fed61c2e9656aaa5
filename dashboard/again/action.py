"""Running tasks again for a person: which tasks are known in full, where each goes, and the batch that is begun. `dashboard.again.runner` sends it.

A new task gets a new id, which is kept beside the old one. Nothing is ever sent again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

import msgspec
from django.contrib.auth.models import AnonymousUser

from dashboard import queries, store
from dashboard.again.looked_up import looked_up
from dashboard.layout import changing, formatting, json_fields
from dashboard.layout.changing import Change
from dashboard.models import RunAgainBatch, User
from dashboard.people import access
from dashboard.people.audited import audited
from dashboard.send.order import Order
from dashboard.tasks.states import State, state_of
from workers.control.revocation import ENDED
from workers.models import Task
from workers.sending.described_arguments import Described, described
from workers.sending.send_options import Options

ACTION = "run tasks again"
CHANGE = Change(ACTION, "send", "send", "sending to")
MOST_TASKS = 1000
SLOWEST_PER_SECOND, FASTEST_PER_SECOND, USUAL_PER_SECOND = 0.1, 10.0, 1.0
SAMPLE = 10
STATES = ("FAILURE", "REVOKED", "REJECTED")
"""Of what a filter finds, only these."""
ALREADY = "was run again already"
MEANWHILE = "It was run again meanwhile, or one of them was, perhaps by the same confirmation sent twice. Nothing more was sent. Look again at what is left."
TOO_OFTEN = f"{changing.MOST} batches a minute are enough. Run several tasks again together instead."


class Ready(msgspec.Struct, frozen=True):
    """A task that can be run again."""

    task: Task
    order: Order
    is_kept: bool = False  # its arguments are those of the result backend

    @property
    def state(self) -> State:
        return state_of(self.task)


class LeftOut(msgspec.Struct, frozen=True):
    """Tasks that can't be, and why, as a sentence about one of them."""

    why: str
    tasks: Sequence[Task]

    @property
    def text(self) -> str:
        return (
            f"{formatting.count(len(self.tasks), 'task')} left out, each for this reason: {self.why[:1].lower()}{self.why[1:]}"
            if len(self.tasks) > 1
            else self.why
        )


def may(user: User | AnonymousUser, broker: str, vhost: str) -> bool:
    """Whether this person may send tasks there, were it not switched off."""
    return bool(broker) and access.may(user, "send", broker, vhost)


def why_not_ready(task: Task, known: Described) -> str:
    """Why the task can't be run again with its own arguments, as a sentence; "" if it can."""
    if task.state not in ENDED and task.state != "UNKNOWN":
        return "It has not ended, so that it would be run twice."
    if not task.name:
        return "Its name is unknown: no event reported it."
    if task.arguments_hidden:
        return "Your role does not allow seeing its arguments, so that they can’t be sent again."
    return known.why


def order_of(task: Task, kept: Described | None = None) -> tuple[Order | None, str]:
    """(what is sent to run the task again, None if it can't be; why). `kept`: its arguments as the result backend has them."""
    known = kept or described(task.args, task.kwargs)
    if why := why_not_ready(task, known):
        return None, why
    args, kwargs = known.args or [], known.kwargs or {}
    return Order(task.name or "", args, kwargs, options_of(task), json_fields.written(args), json_fields.written(kwargs)), ""


def options_of(task: Task) -> Options:
    """To the queue that the task was taken from; where that is unknown, where it was sent; without either, by the usual route of its name."""
    names = task.found.names if task.found else ()
    if len(names) == 1:
        return Options(queue=names[0])
    if task.exchange and task.routing_key:
        return Options(exchange=task.exchange, routing_key=task.routing_key)
    return Options(queue=task.routing_key or None)


def sorted_out(broker: str, vhost: str, tasks: Iterable[Task], include_again: bool) -> tuple[list[Ready], list[LeftOut]]:
    """The tasks of one virtual host that can be run again, the oldest first, and the others by the reason."""
    tasks = sorted(tasks, key=lambda task: task.pk)
    already = frozenset[str]() if include_again else queries.run_again_already(broker, vhost, [task.uuid for task in tasks])
    kept = looked_up([task for task in tasks if task.uuid not in already])
    ready: list[Ready] = []
    others: dict[str, list[Task]] = {}
    for task in tasks:
        order, why = (None, f"It {ALREADY}.") if task.uuid in already else order_of(task, kept.get(task.uuid))
        if order is None:
            others.setdefault(why, []).append(task)
        else:
            ready.append(Ready(task, order, task.uuid in kept))
    return ready, [LeftOut(why, found) for why, found in others.items()]


def begin(
    user: User | AnonymousUser, broker: str, vhost: str, ready: Sequence[Ready], per_second: float, about: str, now: datetime, after: int
) -> RunAgainBatch:
    """The batch of these tasks, each with its new id; nothing is sent yet. RunAgainMeanwhile if one was run again later than `after`, the newest run that was
    known when they were chosen."""
    items = [(one.task.pk, one.task.uuid, str(uuid4()), one.order.task) for one in ready]
    name = items[0][1] if len(items) == 1 else f"{len(items)} tasks"
    with audited(user, ACTION, broker=broker, vhost=vhost, name=name, about=about, per_second=per_second, uuids=[old for _, old, _, _ in items]) as act:
        try:
            batch = store.begin_run_again(user, broker, vhost, about, per_second, items, now, after)
        except store.RunAgainMeanwhile:
            act.failed(MEANWHILE)
            raise
        act.detail["batch"] = batch.pk
    return batch
