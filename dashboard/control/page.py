"""The page on which several worker nodes are changed, or one: the forms, and the confirmation of what was chosen there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.control import action as control
from dashboard.control.section import ActionForm, forms
from dashboard.layout import changing, formatting
from dashboard.models import User
from workers import queries
from workers.control.arguments import ACTIONS, Action, Arguments, parse
from workers.control.plan import Plan
from workers.models import Worker


class ControlPage:
    """The questions of one request. `given` names the nodes (`broker`, `vhost` and `worker` several times; or `node`, their ids), the action and its
    arguments."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, given: QueryDict, now: datetime) -> None:
        self.scope, self.user, self.given, self.now = scope, user, given, now
        self.typed_problem = ""
        self.problem, self.problem_status = "", 429  # why the order was not sent, though all is right

    @cached_property
    def workers(self) -> Sequence[Worker]:
        """The chosen nodes that are visible, at most one more than one order goes to."""
        most = control.MOST_NODES + 1
        ids = [int(one) for one in self.given.getlist("node")[:most] if one.isascii() and one.isdigit() and len(one) < 18]
        if ids:
            return queries.workers_chosen(self.scope, ids)
        broker, names = broker_queries.broker(self.scope, self.given.get("broker", "")), self.given.getlist("worker")[:most]
        return queries.workers_named(self.scope, broker, self.given.get("vhost", ""), names) if broker and names else []

    @property
    def hostnames(self) -> list[str]:
        return [worker.hostname for worker in self.workers]

    @property
    def broker(self) -> Broker | None:
        return self.workers[0].broker if self.workers else None

    @property
    def broker_name(self) -> str:
        return self.broker.name if self.broker else self.given.get("broker", "")

    @property
    def vhost(self) -> str:
        return self.workers[0].vhost if self.workers else self.given.get("vhost", "")

    @property
    def title(self) -> str:
        return f"Change {self.workers[0].hostname}" if len(self.workers) == 1 else f"Change {formatting.count(len(self.workers), 'worker node')}"

    @cached_property
    def refusal(self) -> tuple[str, int]:
        """(why this person can't change these nodes now, the status of the page); "" if they can."""
        if self.broker is None:
            return control.why_not(self.user, self.broker_name, self.vhost) if self.broker_name else "", 403
        return control.refusal(self.user, self.broker, self.vhost, self.now)

    @property
    def wrong_choice(self) -> str:
        """Why no order can go to the chosen nodes together; "" if one can."""
        if len({(worker.broker_id, worker.vhost) for worker in self.workers}) > 1:
            return "These worker nodes are of several virtual hosts. Select those of one."
        if len(self.workers) > control.MOST_NODES:
            return f"One order goes to at most {control.MOST_NODES} worker nodes."
        return ""

    @property
    def action(self) -> Action | None:
        return ACTIONS.get(self.given.get("action", ""))

    @cached_property
    def _parsed(self) -> tuple[Arguments, dict[str, str]]:
        if self.action is None:
            return {}, {}
        arguments, problems = parse(self.action, {field.name: self.given.get(field.name, "") for field in self.action.fields})
        return arguments, {problem.field: problem.text for problem in problems}

    @property
    def problems(self) -> dict[str, str]:
        return self._parsed[1]

    @cached_property
    def plan(self) -> Plan | None:
        """What the chosen action will do; None without one, or while its arguments are wrong."""
        if self.action is None or self.problems or self.broker is None or self.wrong_choice:
            return None
        return control.planned(self.scope, self.broker, self.vhost, self.action, self._parsed[0], self.workers)

    @property
    def forms(self) -> list[ActionForm]:
        return forms(self.workers, {name: self.given.get(name, "") for name in self.given}, self.action, self.problems)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is posted to send just this."""
        if self.plan is None or self.broker is None:
            return []
        nodes = [("worker", node.hostname) for node in self.plan.going]
        return [
            ("broker", self.broker.name),
            ("vhost", self.vhost),
            *nodes,
            ("action", self.plan.action.key),
            ("confirmation", changing.confirmation()),
            *self._argument_fields,
        ]

    @property
    def _argument_fields(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self._parsed[0].items()]

    def confirmed(self) -> bool:
        """Whether the posted form may be carried out; else what is wrong is noted."""
        if self.plan is None or not self.plan.going:
            return False
        if self.plan.typed and self.given.get("typed", "").strip() != self.plan.typed:
            self.typed_problem = f"Type {self.plan.typed} to confirm it."
            return False
        self.problem = control.too_many(self.user, self.now)
        if not self.problem and changing.is_repeated(control.CHANGE, self.user, self.given.get("confirmation", ""), self.plan.action.key):
            self.problem, self.problem_status = changing.REPEATED, 409
        return not self.problem
