"""Changing worker nodes for a person: checks permission, plans, sends one order, and records it with each node's own answer.

Used by the page and by the API alike. Remote control itself is in `workers.control`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import EVERYTHING, Scope
from dashboard import queries
from dashboard.layout import amqp_targets, changing, node_orders
from dashboard.layout.changing import Change
from dashboard.layout.node_orders import REPLY_SECONDS
from dashboard.models import AuditEvent, User
from dashboard.people import access
from dashboard.people.audited import audited
from workers import queries as worker_queries
from workers.control.arguments import ACTIONS, Action, Arguments, of_command
from workers.control.departures import departed
from workers.control.effects import shown
from workers.control.orders import Order, Outcome
from workers.control.plan import Node, Plan, plan
from workers.control.replies import Reply
from workers.errors import WatchError
from workers.models import Worker

ACTION = "control worker"
CHANGE = Change(ACTION, "control", "change", "changing worker nodes of")
MOST_NODES = 500
KEPT_PIDS = 64
SILENT = ("shutdown",)
"""Commands to which Celery answers nothing."""


class Done(msgspec.Struct, frozen=True):
    outcome: Outcome
    event: AuditEvent


def may(user: User | AnonymousUser, broker: str, vhost: str) -> bool:
    """Whether this person may change worker nodes there, were it not switched off."""
    return bool(broker) and access.may(user, "control", broker, vhost)


def why_not(user: User | AnonymousUser, broker: str, vhost: str) -> str:
    """Why this person can't change worker nodes there, as a sentence that names what would allow it; "" if they can."""
    return changing.why_not(CHANGE, user, broker, vhost)


def refusal(user: User | AnonymousUser, broker: Broker, vhost: str, now: datetime) -> tuple[str, int]:
    """(why no order can be sent there by this person now, "" if one can; the status of the answer: 503 for what passes by itself)."""
    return changing.refusal(CHANGE, user, broker, vhost, now)


def too_many(user: User | AnonymousUser, now: datetime) -> str:
    """A sentence for somebody who has sent many orders in the last minute; "" otherwise."""
    often = changing.is_often(CHANGE, user, now)
    return f"{changing.MOST} orders a minute are enough. Address several worker nodes by one order instead." if often else ""


def note_refusal(user: User | AnonymousUser, broker: str, vhost: str, name: str, why: str, now: datetime) -> None:
    """An attempt that was not allowed."""
    changing.note_refusal(CHANGE, user, broker, vhost, name, why, now)


def node_of(worker: Worker) -> Node:
    """The facts about a worker node that decide what can be done to it."""
    restarts = None if worker.configuration is None else bool(worker.configuration.get("worker_pool_restarts"))
    scaled = None if worker.autoscale_max is None else (worker.autoscale_min or 0, worker.autoscale_max)
    return Node(
        worker.hostname,
        state=worker.state,
        pool=worker.pool,
        slots=worker.concurrency,
        busy=worker.active,
        autoscale=scaled,
        pids=None if worker.processes is None else tuple(worker.processes),
        queues=None if worker.queues is None else tuple(str(queue.get("name", "")) for queue in worker.queues),
        tasks=None if worker.registered is None else {str(task.get("name", "")): task.get("attributes") or {} for task in worker.registered},
        inspected=worker.inspected_at is not None,
        inspect_problem=worker.inspect_reason,
        restarts_pool=restarts,
    )


def planned(scope: Scope, broker: Broker, vhost: str, action: Action, arguments: Arguments, workers: Sequence[Worker]) -> Plan:
    """What the action will do to these worker nodes of one virtual host. Nothing is sent."""
    existing = None
    if action.key == "add_consumer" and scope.covers(broker.name, vhost):
        found = broker_queries.queue(EVERYTHING, broker.pk, vhost, arguments["queue"])
        existing = frozenset({arguments["queue"]} if found is not None else ())
    return plan(action, arguments, [node_of(worker) for worker in workers], existing)


def run(user: User | AnonymousUser, broker: Broker, vhost: str, made: Plan, now: datetime) -> Done:
    """Sends the order once to the nodes of the plan, and waits for their answers."""
    hostnames = tuple(node.hostname for node in made.going)
    name = hostnames[0] if len(hostnames) == 1 else f"{len(hostnames)} worker nodes"
    detail: dict[str, Any] = {"command": made.action.key, "arguments": made.arguments, "text": made.text, "hostnames": list(hostnames), "before": _before(made)}
    with audited(user, ACTION, broker=broker.name, vhost=vhost, name=name, **detail) as act:
        outcome = _sent(broker, vhost, made, hostnames)
        act.detail |= node_orders.noted(outcome)
        if failure := node_orders.failure(outcome):
            act.failed(failure)
    return Done(outcome, act.event)


def _sent(broker: Broker, vhost: str, made: Plan, hostnames: tuple[str, ...]) -> Outcome:
    order = Order(made.action.key, of_command(made.action, made.arguments), hostnames)
    if made.action.key not in SILENT:
        return node_orders.send(broker, vhost, order)
    outcome = node_orders.send(broker, vhost, order, 0.5)
    if outcome.sent != "yes":
        return outcome
    try:
        gone = departed(amqp_targets.targets(broker, vhost), outcome.unanswered, REPLY_SECONDS, worker_queries.names_of(broker.pk, vhost))
    except WatchError as error:
        outcome.problem = str(error)
        return outcome
    outcome.replies |= {hostname: Reply(hostname, True, "its control queue is closed, so it shuts down") for hostname in gone}
    outcome.unanswered = tuple(hostname for hostname in outcome.unanswered if hostname not in gone)
    return outcome


def _before(made: Plan) -> dict[str, Any]:
    """{hostname: what the node reported before}, as far as it shows whether the order had its effect."""
    found = {}
    for node in made.going:
        pids = list(node.pids[:KEPT_PIDS]) if node.pids and made.action.key == "pool_restart" else None
        found[node.hostname] = {"shown": shown(made.action, made.arguments, node), "slots": node.slots, **({"pids": pids} if pids else {})}
    return found


def history(broker: str, vhost: str, hostname: str, now: datetime, days: int = 90, limit: int = 20) -> list[AuditEvent]:
    """The latest orders to this worker node, newest first."""
    events = queries.audit_events_of(ACTION, now - timedelta(days=days), 1000)
    mine = (one for one in events if (one.broker, one.vhost) == (broker, vhost) and hostname in (one.detail.get("hostnames") or ()))
    return [one for one in mine if one.outcome != queries.BEGUN][:limit]


def action_of(detail: Mapping[str, Any]) -> Action | None:
    """The action of an audit entry."""
    return ACTIONS.get(str(detail.get("command", "")))
