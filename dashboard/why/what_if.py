"""What if: compares the answer about a task before and after hypothetical changes to the broker and to Celery's settings.

Pure. Changes to the broker's objects are in `brokers.routing.what_if.changes`, those to Celery's routes in `route_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.answer import Compared
from brokers.routing.definitions import read
from brokers.routing.fields import InvalidQuestion
from brokers.routing.policies import Policy
from brokers.routing.what_if.changed import changed, changed_topology
from brokers.routing.what_if.changes import KINDS, Change, listed, read_changes
from brokers.routing.what_if.comparison import compared
from brokers.topology import Topology
from dashboard.layout import formatting
from dashboard.why import route_changes
from dashboard.why.task_answer import TaskExplanation
from workers import explain_task

JSON = dict[str, Any]


class TaskChanges(msgspec.Struct, frozen=True):
    """The changes of a question about a task: `broker` parsed, `routes` not yet."""

    broker: list[tuple[Change, str]]
    routes: list[tuple[Mapping[str, Any], str]]

    def conf(self, conf: Mapping[str, Any]) -> JSON:
        """Celery's settings after the changes. Raises InvalidQuestion."""
        return route_changes.changed_routes(conf, self.routes)

    def question(self, question: Mapping[str, Any]) -> JSON:
        """The question after the changes. Raises InvalidQuestion."""
        return {**question, "conf": self.conf(question.get("conf") or {}), "predeclare": self.predeclared(question.get("predeclare") or {})}

    def topology(self, topology: Topology, version: str | None = None) -> Topology:
        """The virtual host after the changes. Raises InvalidQuestion."""
        return changed_topology(topology, self.broker, version) if self.broker else topology

    def predeclared(self, declared: Mapping[str, Any]) -> JSON:
        """The declared objects of a question after the changes. Raises InvalidQuestion."""
        if not self.broker:
            return dict(declared)
        rows = {kind: {row.get("name"): row for row in declared.get(kind) or ()} for kind in ("exchanges", "queues")}
        exchanges = [{"type": "direct", **row} for row in rows["exchanges"].values()]
        after = changed(read({**declared, "exchanges": exchanges}, path="predeclare"), self.broker)
        return {
            **declared,
            "exchanges": [{"type": one.type, **rows["exchanges"].get(one.name, {}), "name": one.name, "arguments": one.arguments} for one in after.exchanges],
            "queues": [{**rows["queues"].get(one.name, {}), "name": one.name, "arguments": one.arguments} for one in after.queues],
            "bindings": [
                {name: getattr(one, name) for name in ("source", "destination", "destination_type", "routing_key", "arguments")} for one in after.bindings
            ],
            "policies": [_policy(one) for one in after.policies],
            "operator_policies": [_policy(one) for one in after.operator_policies],
        }


def task_changes(question: Mapping[str, Any]) -> TaskChanges | None:
    """The changes of a question about a task; None without any. Raises InvalidQuestion."""
    items = listed(question)
    routes = [(item, path) for item, path in items if item.get("change") in route_changes.KINDS]
    others = [(item, path) for item, path in items if item.get("change") not in route_changes.KINDS]
    return TaskChanges(read_changes(others, (*KINDS, *route_changes.KINDS)), routes) if items else None


def _policy(policy: Policy) -> JSON:
    return {"name": policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to, "priority": policy.priority, "definition": policy.definition}


def compared_task(before: TaskExplanation, after: TaskExplanation) -> Compared[TaskExplanation]:
    """As `brokers.routing.what_if.comparison.compared`, for two answers about a task: the difference in Celery comes first.

    If the broker's part is unknown, the queue that Celery names counts as reached. Raises InvalidQuestion if the changes lead to
    invalid settings."""
    if after.problem:
        raise InvalidQuestion("what_if", f"leads to invalid settings: {' '.join(after.problem)}")
    celery = _celery(before.celery, after.celery)
    if before.broker and after.broker:
        broker = compared(before.broker, after.broker)
        gained, lost, text = broker.gained, broker.lost, broker.text
    else:
        old, new = _reached(before), _reached(after)
        gained, lost = [name for name in new if name not in old], [name for name in old if name not in new]
        text = "" if celery else _the_same(new)
    same = celery and not gained and not lost
    return Compared(after, gained, lost, f"{celery} {'' if same else text}".strip())


def _reached(answer: TaskExplanation) -> list[str]:
    if answer.broker:
        return answer.broker.queues
    return [answer.celery.queue] if answer.celery.queue and not answer.celery.error else []


def _the_same(reached: list[str]) -> str:
    return f"Nothing would change: it would still go to {formatting.listed(reached)}." if reached else "Nothing would change."


def _celery(before: explain_task.Answer, after: explain_task.Answer) -> str:
    """The difference before the broker; "" if there is none."""
    if after.error:
        return "" if before.error == after.error else f"It would not be sent: {after.error}."
    again = "It would then be sent. " if before.error else ""
    if (before.queue, before.exchange, before.routing_key) == (after.queue, after.exchange, after.routing_key):
        return again.strip()
    if after.exchange is None:
        return "It would not be sent: it would run in the process that calls it."
    instead = f" instead of {_address(before)}" if before.exchange is not None else ""
    return f"{again}Celery would send it to {_address(after)}{instead}".removesuffix(",") + "."


def _address(answer: explain_task.Answer) -> str:
    exchange = f"exchange `{answer.exchange}`" if answer.exchange else "the default exchange"
    where = f"{exchange} with the key `{answer.routing_key}`" if answer.routing_key else f"{exchange} with an empty key"
    return f"queue `{answer.queue}`, through {where}," if answer.queue else where
