"""What fits a text that somebody looks for, in everything that they may see: a part of a name, or the beginning of a task's id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Exchange, Queue
from brokers.scope import Scope
from dashboard.exchanges.row import shown_name
from dashboard.layout import formatting
from workers import queries as worker_queries
from workers.models import Task, Worker

EACH = 6
EACH_OF_A_PAGE = 50
SHORTEST_ID = 4
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f-]+")


class Found(msgspec.Struct, frozen=True):
    """One line of the finder: the name, and what and where it is."""

    key: str
    address: str
    icon: str
    name: str
    what: str


class Finding(msgspec.Struct, frozen=True):
    """What was found, how much more there is, and the brokers of which nothing is known yet."""

    text: str
    lines: Sequence[Found]
    more: int
    unknown: Sequence[str] = ()

    @property
    def note(self) -> str:
        if not self.text:
            return ""
        found = f"{len(self.lines)} shown, {self.more:,} more" if self.more else f"{len(self.lines)} found"
        if not self.lines:
            found = f"No queue, exchange, worker or task id matches “{self.text}”"
        if not self.unknown:
            return found
        whose = f"{len(self.unknown)} brokers have" if len(self.unknown) > 1 else f"{self.unknown[0]} has"
        return f"{found}; {whose} never answered, so the names there are unknown"


def find(scope: Scope, text: str, now: datetime, each: int = EACH) -> Finding:
    """The first few of each kind, those of which the text is the whole name before the others, then those that are gone since. Several words must all stand
    in the name of a queue."""
    text = text.strip()
    if not text:
        return Finding("", (), 0)
    words = [Condition("name", "~", word) for word in text.split()]
    queues = queries.queues(scope, conditions=words, sort="name", page_size=each)
    exchanges = queries.exchanges(scope, q=text, page_size=each)
    workers = worker_queries.workers(scope, text=text, page_size=each, with_left=True)
    lines = [
        *(_line("queue", "stack-2", queue, queue.name) for queue in queues.items),
        *(_line("exchange", "arrows-split", exchange, shown_name(exchange.name)) for exchange in exchanges.items),
        *(_line("worker", "cpu", worker, worker.hostname) for worker in workers.items),
    ]
    lines.sort(key=lambda line: line.name != text)
    total = queues.total + exchanges.total + workers.total
    gone = [
        *(_gone("queue", "stack-2", queue, queue.name, now) for queue in queries.gone_queues(scope, text.split(), each)),
        *(_gone("exchange", "arrows-split", exchange, shown_name(exchange.name), now) for exchange in queries.gone_exchanges(scope, text, each)),
    ]
    tasks = _tasks(scope, text, each)
    unknown = [broker.name for broker in queries.brokers(scope) if broker.polled_at is None]
    return Finding(text, [*lines, *gone, *tasks], total - len(lines), unknown)


def _line(route: str, icon: str, one: Queue | Exchange | Worker, name: str) -> Found:
    kind = "worker node" if route == "worker" else route
    return Found(f"{route}-{one.pk}", reverse(route, args=[one.pk]), icon, name, f"{kind} · {one.broker.name} {one.vhost}")


def _gone(route: str, icon: str, one: Queue | Exchange, name: str, now: datetime) -> Found:
    what = f"{route} · {one.broker.name} {one.vhost} · deleted {formatting.moment_text(one.gone_at, now)}"
    return Found(f"{route}-{one.pk}", reverse(route, args=[one.pk]), icon, name, what)


def _tasks(scope: Scope, text: str, each: int) -> list[Found]:
    """Tasks whose id begins with the text; the ids that Celery gives have small letters."""
    if len(text) < SHORTEST_ID or " " in text:
        return []
    beginning = text.lower() if _HEXADECIMAL.fullmatch(text) else text
    return [_task(task) for task in worker_queries.tasks_by_uuid(scope, beginning, each)]


def _task(task: Task) -> Found:
    what = f"task {task.uuid} · {task.broker.name} {task.vhost}"
    return Found(f"task-{task.pk}", reverse("task", args=[task.pk]), "checklist", task.name or "Task of unknown name", what)
