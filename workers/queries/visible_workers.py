"""Worker nodes as somebody sees them who may view only some queues of a virtual host, or no arguments of tasks.

A worker node is visible if it consumes a visible queue. Of what it reported, names that can't be placed within the scope are left out: other queues, how it
declares them, its configuration, tasks that were not seen in a visible queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from brokers.queries.pages import BrokerRef, in_scope
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.visible import rows_touching
from brokers.scope import EVERYTHING, Scope
from brokers.visible_reasons import without_address
from workers.held_routes import queue_of
from workers.models import EventSource, Task, Worker
from workers.queries.tasks import task_names

MOST_NAMES, AT_ONCE = 2000, 5000
Registered = dict[str, Any]
Running = tuple[int, str, str]
"""(broker, virtual host, uuid) of a task that runs."""


def workers_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `brokers.queries.pages.in_scope`, of worker nodes."""
    whole = in_scope(scope, broker, vhost)
    if not scope.limits_queues:
        return whole
    partly = Scope(tuple(place for place in scope.places or () if place.queue))
    rows = Worker.objects.filter(in_scope(EVERYTHING, broker, vhost), rows_touching(partly, vhost="vhost"))
    listed = rows.values_list("pk", "broker__name", "vhost", Cast("queues", TextField()))
    consuming = [pk for pk, name, there, queues in listed if any(scope.covers(name, there, queue) for queue in _names(queues))]
    return whole | Q(pk__in=consuming)


@lru_cache(maxsize=4096)
def _names(queues: str | None) -> tuple[str, ...]:
    """The names in the JSON text of a worker's queues: hundreds of workers list the same, with all that they declare of them."""
    return tuple(str(queue.get("name", "")) for queue in (msgspec.json.decode(queues) if queues else None) or ())


def as_visible(scope: Scope, workers: Iterable[Worker]) -> list[Worker]:
    """The workers, read within the scope with their broker, without what may not be viewed of them."""
    found, seen = list(workers), SeenTasks(scope)
    hide_brokers(scope, found)
    running = _queues_of_running(scope, found)
    for worker in [] if scope == EVERYTHING else found:
        if not scope.covers(worker.broker.name):
            worker.reason, worker.inspect_reason = without_address(worker.reason), without_address(worker.inspect_reason)
        if not scope.covers(worker.broker.name, worker.vhost):
            _leave_out(scope, seen, worker, running)
        elif not scope.shows_arguments(worker.broker.name, worker.vhost):
            worker.active_tasks = None if worker.active_tasks is None else [_without_arguments(task) for task in worker.active_tasks]
    return found


class SeenTasks:
    """The names of tasks seen in visible queues, read once where they are needed."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(task_names(self._scope, limit=MOST_NAMES))

    def among(self, broker: str, vhost: str, registered: Sequence[Registered] | None) -> Sequence[Registered] | None:
        """The registered tasks of a worker there; where only some queues are visible those that were seen in them, without their attributes, which name
        others."""
        if registered is None or self._scope.covers(broker, vhost):
            return registered
        return [{"name": task["name"], "attributes": {}} for task in registered if task["name"] in self._names]


def visible_sources(scope: Scope, sources: Iterable[EventSource]) -> list[EventSource]:
    """The event sources, read within the scope with their broker; where only a part of that may be viewed, their reasons name no address of it."""
    found = list(sources)
    hide_brokers(scope, found)
    for source in [] if scope.is_everything else found:
        if not scope.covers(source.broker.name):
            for name in ("reason", "inspect_reason", "hint", "fault"):
                setattr(source, name, without_address(getattr(source, name)))
    return found


def _leave_out(scope: Scope, seen: SeenTasks, worker: Worker, running: Mapping[Running, str]) -> None:
    broker, vhost, known = worker.broker.name, worker.vhost, worker.get_deferred_fields()
    declared = worker.queues
    worker.queues = _visible(scope, broker, vhost, declared)
    for name in {"reserved_routes", "scheduled_routes"} - known:
        setattr(worker, name, _visible_routes(getattr(worker, name), declared, [queue["name"] for queue in worker.queues]))
    listed = len(worker.active_tasks or ())
    worker.active_tasks = _running(scope, worker, running)
    worker.tasks_hidden = len(worker.active_tasks or ()) < listed
    worker.configuration = worker.configuration_at = worker.periodic = None
    worker.registered = None if "registered" in known else seen.among(broker, vhost, worker.registered)


def _without_arguments(task: dict[str, Any]) -> dict[str, Any]:
    return {**task, "args": None, "kwargs": None}


def _visible_routes(routes: Sequence[Any] | None, declared: Sequence[Any] | None, visible: Collection[str]) -> list[Any]:
    """The routes of tasks that came from visible queues, under the queues' names."""
    named = ((queue_of(exchange, key, declared or ()), count) for exchange, key, count in routes or ())
    return [["", name, count] for name, count in named if name in visible]


def _visible(scope: Scope, broker: str, vhost: str, queues: Sequence[Any] | None) -> list[Any]:
    names = (str(queue.get("name", "")) for queue in queues or ())
    return [{"name": name} for name in names if scope.covers(broker, vhost, name)]


def _queues_of_running(scope: Scope, workers: Iterable[Worker]) -> dict[Running, str]:
    """The queues of the tasks that workers of partly visible virtual hosts run, of those that came from a visible queue; few queries."""
    listed = {
        (worker.broker_id, worker.vhost, str(task.get("uuid")))
        for worker in workers
        if not scope.covers(worker.broker.name, worker.vhost)
        for task in worker.active_tasks or ()
    }
    if not listed:
        return {}
    brokers, vhosts, uuids = (list(set(column)) for column in zip(*listed, strict=True))
    found: dict[Running, str | None] = {}
    for start in range(0, len(uuids), AT_ONCE):
        some = uuids[start : start + AT_ONCE]
        rows = Task.objects.filter(in_scope(scope, queue="queue"), broker_id__in=brokers, vhost__in=vhosts, uuid__in=some)
        found |= {(broker_id, vhost, uuid): queue for broker_id, vhost, uuid, queue in rows.values_list("broker_id", "vhost", "uuid", "queue")}
    return {key: queue for key, queue in found.items() if key in listed and queue is not None}


def _running(scope: Scope, worker: Worker, queues: Mapping[Running, str]) -> list[Any] | None:
    """The tasks that it runs of which it is known that they came from a visible queue."""
    shown = []
    for task in worker.active_tasks or ():
        queue = queues.get((worker.broker_id, worker.vhost, str(task.get("uuid"))))
        if queue is not None:
            shown.append(task if scope.shows_arguments(worker.broker.name, worker.vhost, queue) else _without_arguments(task))
    return None if worker.active_tasks is None else shown
