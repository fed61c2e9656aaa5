"""The page of an order that revoked tasks: what each node answered, and what has become of the tasks."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cached_property

import msgspec
from django.urls import reverse

from brokers import queries as broker_queries
from dashboard.layout import formatting
from dashboard.layout.node_orders import NotedOrder
from dashboard.tasks.states import state_text
from workers import queries
from workers.control.revocation import READ_BACK_SECONDS, Seen, seen
from workers.models import Task, Worker

SHOWN = 50
NOTHING_THERE = "tasks unknown"


class NodeAnswer(msgspec.Struct, frozen=True):
    hostname: str
    address: str
    level: str
    answer: str


class TaskLine(msgspec.Struct, frozen=True):
    """A task of the order. `waits`: what becomes of it may still be seen."""

    task: Task
    state: str
    level: str
    text: str
    waits: bool


class ResultPage(NotedOrder):
    """What an order to revoke did to tasks."""

    @cached_property
    def _workers(self) -> dict[str, Worker]:
        broker, named = broker_queries.broker(self.scope, self.event.broker), [str(name) for name in self.detail.get("hostnames") or ()]
        return {one.hostname: one for one in queries.workers_named(self.scope, broker, self.event.vhost, named)} if broker and named else {}

    @cached_property
    def answers(self) -> list[NodeAnswer]:
        """Of the worker nodes that may be viewed; those that refused first, then those that did not answer."""
        order = {"critical": 0, "unknown": 1}
        return sorted((self._answer(worker) for worker in self._workers.values()), key=lambda one: (order.get(one.level, 2), one.hostname))

    def _answer(self, worker: Worker) -> NodeAnswer:
        reply, address = (self.detail.get("replies") or {}).get(worker.hostname), reverse("worker", args=[worker.pk])
        if reply is None:
            unsent = self.detail.get("sent") == "no"
            return NodeAnswer(worker.hostname, address, "unknown", "was not sent to it" if unsent else "did not answer; it may still carry the order out")
        text = str(reply[1]) or "done"
        if NOTHING_THERE in text:
            text = f"{text}: it has none of them, and will discard one that it takes later"
        return NodeAnswer(worker.hostname, address, "ok" if reply[0] else "critical", text)

    @property
    def summary(self) -> str:
        """ "3 of 4 worker nodes answered within 5 s", of those that may be viewed."""
        answered = sum(hostname in (self.detail.get("replies") or {}) for hostname in self._workers)
        return f"{answered:,} of {formatting.count(len(self._workers), 'worker node')} answered within {self.detail.get('within_seconds', 5):g} s"

    @cached_property
    def lines(self) -> list[TaskLine]:
        """Every task of the order that is still kept and may be viewed."""
        ids = [pk for pk in self.detail.get("tasks") or () if isinstance(pk, int)]
        return [self._line(task) for task in sorted(queries.tasks_by_ids(self.scope, ids), key=lambda task: -task.pk)] if ids else []

    @property
    def shown(self) -> list[TaskLine]:
        """The first of them, those that did not do as ordered before the others."""
        order = {"warning": 0, "unknown": 1, "notice": 2}
        return sorted(self.lines, key=lambda line: order.get(line.level, 3))[:SHOWN]

    @property
    def left_out(self) -> int:
        return max(0, len(self.lines) - SHOWN)

    @property
    def counts(self) -> list[tuple[str, str]]:
        """[(level, "3 revoked")] of all tasks of the order."""
        found = Counter((line.level, line.text.split(":")[0]) for line in self.lines)
        return [(level, f"{count:,} {text}") for (level, text), count in found.items()]

    @property
    def goes_on(self) -> bool:
        return any(line.waits for line in self.lines)

    def _line(self, task: Task) -> TaskLine:
        level, text, waits = self._seen(task, seen(task.state, task.revoked_by))
        return TaskLine(task, state_text(task), level, text, waits)

    def _seen(self, task: Task, found: Seen) -> tuple[str, str, bool]:
        in_time = self.now - self.event.at < timedelta(seconds=READ_BACK_SECONDS) and self.detail.get("sent") != "no"
        if found == "revoked":
            return "ok", "revoked", False
        if found == "ended":
            return "notice", "ended before the order took effect", False
        if found == "remembered":
            return "ok", "will be discarded: a worker node lists it as revoked", in_time
        if found == "runs" and not self.detail.get("signal"):
            return "notice", "goes on: it ran already, and got no signal", in_time
        if in_time:
            return "unknown", "not seen yet", True
        return "warning", f"{'still runs' if found == 'runs' else 'not seen as revoked'} after {READ_BACK_SECONDS:g} s", False
