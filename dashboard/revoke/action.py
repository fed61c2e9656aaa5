"""Revoking tasks for a person: checks permission for each task, plans, sends one order to all worker nodes of the virtual host, and records their answers.

Used by the page and by the API alike. What an order does is in `workers.control.revocation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers.models import Broker
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout import changing, node_orders
from dashboard.layout.changing import Change
from dashboard.models import AuditEvent, User
from dashboard.people import access
from dashboard.people.audited import audited
from dashboard.tasks.selection import of_uuids
from workers import queries as worker_queries
from workers.control.orders import MOST_HOSTNAMES, Order, Outcome
from workers.control.revocation import ENDED, MOST_TASKS, Nodes, Revocable, Revocation, is_older, revocation, stamped_revocation
from workers.models import Task, Worker
from workers.task_filter import ALL_STATES

ACTION = "revoke tasks"
CHANGE = Change(ACTION, "revoke", "revoke", "revoking tasks of")
REVOCABLE_STATES = tuple(state for state in ALL_STATES if state not in ENDED)
SAMPLE = 10
TOO_OFTEN = f"{changing.MOST} orders a minute are enough. Revoke several tasks by one order instead."


class Done(msgspec.Struct, frozen=True):
    outcome: Outcome
    event: AuditEvent


class Chosen(msgspec.Struct, frozen=True):
    """Tasks of one virtual host that this person may revoke; `unseen`: ids that were given and of which nothing is known; `refused`: how many more may be
    viewed but not revoked."""

    tasks: Sequence[Task] = ()
    unseen: Sequence[str] = ()
    refused: int = 0

    @property
    def uuids(self) -> list[str]:
        return [*(task.uuid for task in self.tasks), *self.unseen]


def may(user: User | AnonymousUser, broker: str, vhost: str, queue: str | None = None) -> bool:
    """Whether this person may revoke tasks of the queue, or of the whole virtual host, were it not switched off."""
    return bool(broker) and access.may(user, "revoke", broker, vhost, queue)


def may_task(user: User | AnonymousUser, task: Task) -> bool:
    return may(user, task.broker.name, task.vhost, task.queue)


def why_not(user: User | AnonymousUser, task: Task) -> str:
    """Why this person can't revoke the task, as a sentence; "" if they can."""
    return changing.why_not(CHANGE, user, task.broker.name, task.vhost, task.queue)


def permitted(user: User | AnonymousUser, tasks: Sequence[Task], unseen: Sequence[str] = ()) -> Chosen:
    """Of these tasks those that this person may revoke."""
    mine = [task for task in tasks if may_task(user, task)]
    return Chosen(mine, unseen, len(tasks) - len(mine))


def given_uuids(user: User | AnonymousUser, scope: Scope, broker: Broker, vhost: str, uuids: Sequence[str]) -> Chosen:
    """The tasks of these ids. An id that was never seen here can be revoked by who may revoke every task of the virtual host."""
    wanted = list(dict.fromkeys(uuids))
    tasks = of_uuids(scope, broker, vhost, wanted)
    known = {task.uuid for task in tasks}
    return permitted(user, tasks, [uuid for uuid in wanted if uuid not in known] if may(user, broker.name, vhost) else ())


class Place:
    """The worker nodes of one virtual host, all of which get the order: any of them may take the task."""

    def __init__(self, broker: Broker, vhost: str) -> None:
        self.broker, self.vhost = broker, vhost

    @cached_property
    def workers(self) -> list[Worker]:
        return worker_queries.workers_to_order(self.broker, self.vhost)

    @property
    def nodes(self) -> Nodes:
        doubtful = sum(worker.state != Worker.ONLINE or worker.inspected_at is None or bool(worker.inspect_reason) for worker in self.workers)
        return Nodes(len(self.workers), doubtful)

    def planned(self, chosen: Chosen, signal: str = "") -> Revocation:
        pools = {worker.hostname: (worker.pool, worker.software.get("version")) for worker in self.workers}
        known = [Revocable(task.uuid, task.name, task.state, *pools.get(task.worker or "", (None, None))) for task in chosen.tasks]
        return revocation([*known, *(Revocable(uuid) for uuid in chosen.unseen)], self.nodes, signal)

    def planned_by_stamps(self, stamps: Mapping[str, Sequence[str]], seen: Sequence[Task], signal: str = "") -> Revocation:
        old = sum(is_older(worker.software.get("version")) for worker in self.workers)
        return stamped_revocation(stamps, sum(task.state not in ENDED for task in seen), old, self.nodes, signal)


def run(user: User | AnonymousUser, place: Place, made: Revocation, tasks: Sequence[Task]) -> Done:
    """Sends the order once to every worker node of the virtual host, and waits for their answers. `tasks`: those that are then followed."""
    going = set(made.going)
    followed = [task.pk for task in tasks if task.uuid in going or made.stamps]
    name = made.typed if made.stamps else made.going[0] if len(made.going) == 1 else f"{len(made.going)} tasks"
    hostnames = [worker.hostname for worker in place.workers]
    detail: dict[str, Any] = {"command": made.command, "arguments": made.arguments, "text": made.text, "signal": made.signal, "tasks": followed[:MOST_TASKS]}
    with audited(user, ACTION, broker=place.broker.name, vhost=place.vhost, name=name[:500], hostnames=hostnames, **detail) as act:
        outcome = _sent(place, made, hostnames)
        act.detail |= node_orders.noted(outcome)
        if failure := node_orders.failure(outcome):
            act.failed(failure)
    return Done(outcome, act.event)


def _sent(place: Place, made: Revocation, hostnames: Sequence[str]) -> Outcome:
    """What came of it everywhere: more nodes than one order reaches get several, and none of these after one that failed."""
    whole = Outcome(unanswered=tuple(hostnames), sent="no")
    for start in range(0, len(hostnames), MOST_HOSTNAMES):
        some = tuple(hostnames[start : start + MOST_HOSTNAMES])
        one = node_orders.send(place.broker, place.vhost, Order(made.command, made.arguments, some))
        whole.replies |= one.replies
        whole.unanswered = tuple(hostname for hostname in whole.unanswered if hostname not in one.replies)
        whole.sent, whole.problem, whole.refusal = one.sent, one.problem, one.refusal
        if one.sent != "yes":
            break
    return whole


def history(task: Task, now: datetime, days: int = 90, limit: int = 5) -> list[AuditEvent]:
    """The latest orders that revoked this task, newest first."""
    events = queries.audit_events_of(ACTION, now - timedelta(days=days), 100)
    here = (one for one in events if (one.broker, one.vhost) == (task.broker.name, task.vhost) and one.outcome != queries.BEGUN)
    return [one for one in here if task.pk in (one.detail.get("tasks") or ())][:limit]
