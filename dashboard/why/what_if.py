"""What if: the question about a task asked again of a broker, and of Celery's settings, as they would be after changes; both answers compared.

Pure. Changes to the broker's objects are in `brokers.routing.what_if.changes`, those to Celery's routes in `route_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.definitions import read
from brokers.routing.fields import InvalidQuestion
from brokers.routing.policies import Policy
from brokers.routing.what_if.changed import changed, changed_topology
from brokers.routing.what_if.changes import KINDS, Change, listed, read_changes
from brokers.routing.what_if.comparison import compared
from brokers.topology import Topology
from dashboard.layout import formatting
from dashboard.why import route_changes

JSON = dict[str, Any]


class TaskChanges(msgspec.Struct, frozen=True):
    """The changes of a question about a task: `broker` is read, `routes` is not yet."""

    broker: list[tuple[Change, str]]
    routes: list[tuple[Mapping[str, Any], str]]

    def conf(self, conf: Mapping[str, Any]) -> JSON:
        """Celery's settings as they would be. Raises InvalidQuestion."""
        return route_changes.changed_routes(conf, self.routes)

    def question(self, asked: Mapping[str, Any]) -> JSON:
        """The same of a whole question that can be read. Raises InvalidQuestion."""
        return {**asked, "conf": self.conf(asked.get("conf") or {}), "predeclare": self.predeclared(asked.get("predeclare") or {})}

    def topology(self, topology: Topology) -> Topology:
        """The virtual host as it would be. Raises InvalidQuestion."""
        return changed_topology(topology, self.broker) if self.broker else topology

    def predeclared(self, told: Mapping[str, Any]) -> JSON:
        """The same of what a question says to exist. Raises InvalidQuestion."""
        if not self.broker:
            return dict(told)
        rows = {kind: {row.get("name"): row for row in told.get(kind) or ()} for kind in ("exchanges", "queues")}
        exchanges = [{"type": "direct", **row} for row in rows["exchanges"].values()]
        after = changed(read({**told, "exchanges": exchanges}, path="predeclare"), self.broker)
        return {
            **told,
            "exchanges": [{"type": one.type, **rows["exchanges"].get(one.name, {}), "name": one.name, "arguments": one.arguments} for one in after.exchanges],
            "queues": [{**rows["queues"].get(one.name, {}), "name": one.name, "arguments": one.arguments} for one in after.queues],
            "bindings": [
                {name: getattr(one, name) for name in ("source", "destination", "destination_type", "routing_key", "arguments")} for one in after.bindings
            ],
            "policies": [_policy(one) for one in after.policies],
            "operator_policies": [_policy(one) for one in after.operator_policies],
        }


def task_changes(asked: Mapping[str, Any]) -> TaskChanges | None:
    """The changes of a question about a task; None without any. Raises InvalidQuestion."""
    items = listed(asked)
    routes = [(item, path) for item, path in items if item.get("change") in route_changes.KINDS]
    others = [(item, path) for item, path in items if item.get("change") not in route_changes.KINDS]
    return TaskChanges(read_changes(others, (*KINDS, *route_changes.KINDS)), routes) if items else None


def is_bad(answer: Mapping[str, Any]) -> bool:
    """Whether the question could not be read."""
    return str(answer["error"] or "").startswith("BadQuestion")


def _policy(policy: Policy) -> JSON:
    return {"name": policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to, "priority": policy.priority, "definition": policy.definition}


def compared_task(before: Mapping[str, Any], after: JSON) -> JSON:
    """As `brokers.routing.what_if.comparison.compared`, of two answers about a task: what Celery would do otherwise comes first.

    Where the broker's part of an answer is not known, the queue that Celery names counts as reached. Raises InvalidQuestion where the changes make
    settings that can't be read."""
    if is_bad(after):
        raise InvalidQuestion("what_if", f"makes settings that can't be read: {after['error'].partition(': ')[2]}")
    celery = _celery(before, after)
    if before["broker"] and after["broker"]:
        broker = compared(before["broker"], after["broker"])
        gained, lost, text = broker["gained"], broker["lost"], broker["text"]
    else:
        old, new = _reached(before), _reached(after)
        gained, lost = [name for name in new if name not in old], [name for name in old if name not in new]
        text = "" if celery else _the_same(new)
    same = celery and not gained and not lost
    return {"answer": after, "gained": gained, "lost": lost, "text": f"{celery} {'' if same else text}".strip()}


def _reached(answer: Mapping[str, Any]) -> list[str]:
    if answer["broker"]:
        return list(answer["broker"]["queues"])
    return [answer["queue"]] if answer["queue"] and not answer["error"] else []


def _the_same(reached: list[str]) -> str:
    return f"Nothing would be different: it would go to {formatting.listed(reached)} as now." if reached else "Nothing would be different."


def _celery(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What would become otherwise before the broker; "" if nothing."""
    if after["error"]:
        return "" if before["error"] == after["error"] else f"It would not be sent: {after['error']}."
    again = "It would be sent after all. " if before["error"] else ""
    names = ("queue", "exchange", "routing_key")
    if all(before[name] == after[name] for name in names):
        return again.strip()
    if after["exchange"] is None:
        return "It would not be sent: it would run in the process that calls it."
    instead = f" instead of {_address(before)}" if before["exchange"] is not None else ""
    return f"{again}Celery would send it to {_address(after)}{instead}".removesuffix(",") + "."


def _address(answer: Mapping[str, Any]) -> str:
    exchange = f"exchange `{answer['exchange']}`" if answer["exchange"] else "the default exchange"
    where = f"{exchange} with the key `{answer['routing_key']}`" if answer["routing_key"] else f"{exchange} with an empty key"
    return f"queue `{answer['queue']}`, by way of {where}," if answer["queue"] else where
