"""The schedules that workers report, and the tasks that were seen of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Count, Sum, TextField
from django.db.models.functions import Cast

from brokers.database.rows import RowsOf
from brokers.scope import Scope
from workers.models import EventSource, Task, TaskStatistic, Worker
from workers.periodic.entries import Entry, entries_of, merged
from workers.periodic.slots import Run
from workers.queries.visible_workers import workers_in
from workers.receiving.task_order import RECEIVED, RETRIED
from workers.receiving.task_state import moments_of
from workers.task_statistics import OTHERS

MOST_RUNS = 1_500
DELIVERIES_LOOKED_AT = 10
MOST_REGULAR = 50
"""So many names of a virtual host are looked at for runs that come regularly: those that came in the most hours."""
MOST_A_DAY = 20_000
_AT_ONCE = 100
_ROWS = RowsOf(Task, only=("id", "uuid", "name", "state", "sent_at", "received_at", "first_seen_at", "parent_id", "queue", "args", "kwargs"))
_LAST = "SELECT id FROM (SELECT id FROM workers_task WHERE broker_id = %s AND vhost = %s AND name = %s ORDER BY id DESC LIMIT %s) AS last_{}"
Place = tuple[int, str]


class SeenRun(msgspec.Struct, frozen=True):
    """A task that may be a run. `sent`: a task-sent event shows when it was sent; else `run.at` is when a worker received it."""

    run: Run
    queue: str | None
    args: str | None
    kwargs: str | None
    sent: bool


def reported_schedules(scope: Scope) -> list[tuple[int, str, str, list[Entry]]]:
    """[(broker's primary key, its name, virtual host, entries)] as workers reported them last, of the virtual hosts that are visible as a whole."""
    rows = Worker.objects.filter(workers_in(scope)).exclude(periodic=None).order_by("broker__name", "vhost", "hostname")
    found: dict[tuple[int, str, str], list[Entry]] = {}
    read: dict[tuple[str, str], list[Entry]] = {}
    for broker_id, broker, vhost, hostname, text in rows.values_list("broker_id", "broker__name", "vhost", "hostname", Cast("periodic", TextField())):
        if not scope.covers(broker, vhost):
            continue
        if (text, hostname) not in read:
            read[text, hostname] = entries_of(msgspec.json.decode(text), hostname)
        found.setdefault((broker_id, broker, vhost), []).extend(read[text, hostname])
    return [(*place, merged(entries)) for place, entries in found.items()]


def receiving_since(broker_id: int, vhost: str) -> datetime | None:
    """Since when the events of a virtual host are received without a break; None while they are not."""
    return EventSource.objects.filter(broker_id=broker_id, vhost=vhost, state=EventSource.RECEIVING).values_list("since", flat=True).first()


def frequent_names(scope: Scope, least: int, now: datetime) -> dict[tuple[int, str, str], list[str]]:
    """{(broker's primary key, its name, virtual host): names of tasks} that came `least` times or more in the last day, and not all the time, by what is
    counted of each hour; of the virtual hosts that are visible as a whole."""
    rows = TaskStatistic.objects.filter(seconds=3600, start__gte=(now - timedelta(days=1)).timestamp()).exclude(name__in=("", OTHERS))
    counted = rows.values_list("broker_id", "broker__name", "vhost", "name").annotate(
        hours=Count("start", distinct=True), came=Sum("received"), sent=Sum("sent")
    )
    found: dict[tuple[int, str, str], list[str]] = {}
    for broker_id, broker, vhost, name, _, came, sent in counted.order_by("-hours", "name"):
        if scope.covers(broker, vhost) and least <= max(came, sent) <= MOST_A_DAY:
            found.setdefault((broker_id, broker, vhost), []).append(name)
    return found


def places_with_task(scope: Scope) -> dict[str, list[tuple[int, str, str]]]:
    """{task name: [(broker's primary key, its name, virtual host)]} of the tasks that workers have registered, where all may be viewed."""
    rows = Worker.objects.filter(workers_in(scope)).exclude(registered=None).order_by("broker__name", "vhost")
    found: dict[str, dict[tuple[int, str, str], None]] = {}
    listed: Iterable[tuple[str, int, str, str]] = (
        rows.annotate(text=Cast("registered", TextField())).values_list("text", "broker_id", "broker__name", "vhost").distinct()
    )
    for text, broker_id, broker, vhost in listed:
        there = (broker_id, broker, vhost)
        if scope.covers(broker, vhost):
            for task in msgspec.json.decode(text):
                found.setdefault(task["name"], {})[there] = None
    return {name: list(places) for name, places in found.items()}


def runs_of(place: Place, names: Iterable[str], start: datetime, most: Mapping[str, int]) -> dict[str, list[SeenRun]]:
    """The tasks of these names that were first seen since `start` and that no other task called, the newest `most` of each name, oldest first."""
    found: dict[str, list[SeenRun]] = {}
    wanted = sorted(set(names))
    for at in range(0, len(wanted), _AT_ONCE):
        part = wanted[at : at + _AT_ONCE]
        parameters = [value for name in part for value in (*place, name, min(most.get(name, MOST_RUNS), MOST_RUNS))]
        ids = " UNION ALL ".join(_LAST.format(number) for number in range(len(part)))
        for task in _ROWS.read(f"WHERE id IN ({ids})", parameters):
            if task.first_seen_at >= start and task.parent_id is None:
                found.setdefault(str(task.name), []).append(_seen(task))
    for runs in found.values():
        runs.sort(key=lambda seen: seen.run.at)
    return _with_deliveries(found)


def _seen(task: Task) -> SeenRun:
    run = Run(task.uuid, task.sent_at or task.received_at or task.first_seen_at, task.state, id=task.pk)
    return SeenRun(run, task.queue, task.args, task.kwargs, task.sent_at is not None)


def _with_deliveries(found: dict[str, list[SeenRun]]) -> dict[str, list[SeenRun]]:
    last = [seen.run.id for runs in found.values() for seen in runs[-DELIVERIES_LOOKED_AT:]]
    deliveries = {key: _deliveries(tries) for key, tries in Task.objects.filter(pk__in=last).values_list("pk", "tries")}
    return {
        name: [
            msgspec.structs.replace(seen, run=msgspec.structs.replace(seen.run, deliveries=count)) if (count := deliveries.get(seen.run.id, 1)) > 1 else seen
            for seen in runs
        ]
        for name, runs in found.items()
    }


def _deliveries(tries: Any) -> int:
    """How often a worker took it, but for its retries."""
    ranks = [one.rank for one in moments_of(tries or ())]
    return max(ranks.count(RECEIVED) - ranks.count(RETRIED), 1)
