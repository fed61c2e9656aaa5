"""The figures of worker nodes and tasks, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings

from brokers.models import Broker
from brokers.scope import EVERYTHING, Scope
from dashboard.exporting.names import FIGURES, LABELS, Wanted, fields
from dashboard.exporting.protocol import Series
from dashboard.exporting.text import Row, Table, labels
from workers import queries
from workers.models import Worker
from workers.queries.exported import task_totals
from workers.task_statistics import OTHERS

_AT_ONCE = 500
_UP = {Worker.ONLINE: 1.0, Worker.GONE: 0.0}
NAME_OF_OTHERS = "(others)"
"""Stands for the names of tasks or queues that are not counted by name."""


def celery_tables(scope: Scope, brokers: Sequence[Broker], wanted: Wanted) -> Iterable[Table]:
    by_id = {broker.pk: broker for broker in brokers}
    if wanted.takes_any("workers"):
        yield _workers(scope, by_id)
    if wanted.takes_any("tasks"):
        yield _tasks(scope, by_id)


def _workers(scope: Scope, brokers: dict[int, Broker]) -> Table:
    most = settings.METRICS_SERIES
    online, first = _in_state(scope, brokers, Worker.ONLINE, most)
    gone, others = _in_state(scope, brokers, Worker.GONE, most - len(first))
    found: list[Row] = [(labels(LABELS["workers"], [one.broker.name, one.hostname, one.vhost]), _of_worker(one)) for one in (*first, *others)]
    return Table(FIGURES["workers"], found, f"the first {most:,} worker nodes, those online before those gone", online + gone - len(found))


def _in_state(scope: Scope, brokers: dict[int, Broker], state: str, most: int) -> tuple[int, list[Worker]]:
    """How many workers of these brokers are in a state, and the first of them by host name, read page by page."""
    total = number = pages = 0
    found: list[Worker] = []
    while number == 0 or (number < pages and len(found) < most):
        number += 1
        page = queries.workers(scope, state=state, page=number, page_size=_AT_ONCE)
        there = [worker for worker in page.items if worker.broker_id in brokers]
        total = page.total if number == 1 else total
        total, pages = total - len(page.items) + len(there), page.pages
        found += there
    return total, found[:most]


def _of_worker(worker: Worker) -> list[float | None]:
    """One that is not online has no figures: those that are stored are of before."""
    if worker.state != Worker.ONLINE:
        return [_UP.get(worker.state) if field == "up" else None for field in fields("workers")]
    own = {
        "up": _UP[worker.state],
        "load": worker.load[0] if worker.load else None,
        "heartbeat_at": None if worker.heartbeat_at is None else worker.heartbeat_at.timestamp(),
    }
    return [own[field] if field in own else getattr(worker, field) for field in fields("workers")]


def _tasks(scope: Scope, brokers: dict[int, Broker]) -> Table:
    most = settings.METRICS_SERIES
    total, rows = task_totals(scope, brokers, fields("tasks"), most)
    found = [
        (labels(LABELS["tasks"], [brokers[broker_id].name, _named(name), _named(queue), vhost]), counts) for broker_id, vhost, name, queue, *counts in rows
    ]
    return Table(FIGURES["tasks"], found, f"the first {most:,} pairs of a task's name and queue that were counted", total - len(found))


def task_samples(brokers: Iterable[Broker], now: datetime) -> list[Series]:
    """The counters of tasks as series of one sample, for a store that is written to."""
    by_id = {broker.pk: broker.name for broker in brokers}
    _, rows = task_totals(EVERYTHING, by_id, fields("tasks"), settings.METRICS_SERIES)
    milliseconds = round(now.timestamp() * 1000)
    found: list[Series] = []
    for broker_id, vhost, name, queue, *counts in rows:
        values = (by_id[broker_id], _named(name), _named(queue), vhost)
        of = [(label, value) for label, value in zip(LABELS["tasks"], values, strict=True) if value]
        found += [([("__name__", figure.name), *of], [(milliseconds, float(count))]) for figure, count in zip(FIGURES["tasks"], counts, strict=True)]
    return found


def _named(name: str) -> str:
    return NAME_OF_OTHERS if name == OTHERS else name
