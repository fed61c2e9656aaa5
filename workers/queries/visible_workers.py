"""Worker nodes as somebody sees them who may view only some queues of a virtual host, or no arguments of tasks.

A worker node is visible if it consumes a visible queue. Of what it reported, names that can't be placed within the scope are left out: other queues, how it
declares them, its configuration, tasks that were not seen in a visible queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q

from brokers.queries.pages import BrokerRef, in_scope
from brokers.queries.visible import rows_touching
from brokers.scope import EVERYTHING, Scope
from workers.models import Task, Worker
from workers.queries.tasks import task_names

MOST_NAMES = 2000
Registered = dict[str, Any]


def workers_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `brokers.queries.pages.in_scope`, of worker nodes."""
    whole = in_scope(scope, broker, vhost)
    if not scope.limits_queues:
        return whole
    partly = Scope(tuple(place for place in scope.places or () if place.queue))
    rows = Worker.objects.filter(in_scope(EVERYTHING, broker, vhost), rows_touching(partly, vhost="vhost"))
    consuming = [pk for pk, name, there, queues in rows.values_list("pk", "broker__name", "vhost", "queues") if _visible(scope, name, there, queues)]
    return whole | Q(pk__in=consuming)


def as_visible(scope: Scope, workers: Iterable[Worker]) -> list[Worker]:
    """The workers, read within the scope with their broker, without what may not be viewed of them."""
    found, seen = list(workers), SeenTasks(scope)
    for worker in [] if scope == EVERYTHING else found:
        if not scope.covers(worker.broker.name, worker.vhost):
            _leave_out(scope, seen, worker)
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


def _leave_out(scope: Scope, seen: SeenTasks, worker: Worker) -> None:
    broker, vhost, known = worker.broker.name, worker.vhost, worker.get_deferred_fields()
    worker.queues = _visible(scope, broker, vhost, worker.queues)
    worker.active_tasks = _running(scope, worker)
    worker.configuration = worker.configuration_at = None
    worker.registered = None if "registered" in known else seen.among(broker, vhost, worker.registered)


def _without_arguments(task: dict[str, Any]) -> dict[str, Any]:
    return {**task, "args": None, "kwargs": None}


def _visible(scope: Scope, broker: str, vhost: str, queues: Sequence[Any] | None) -> list[Any]:
    names = (str(queue.get("name", "")) for queue in queues or ())
    return [{"name": name} for name in names if scope.covers(broker, vhost, name)]


def _running(scope: Scope, worker: Worker) -> list[Any] | None:
    """The tasks that it runs of which it is known that they came from a visible queue."""
    if not worker.active_tasks:
        return worker.active_tasks
    listed = {str(task.get("uuid")): task for task in worker.active_tasks}
    rows = Task.objects.filter(in_scope(scope, queue="queue"), broker_id=worker.broker_id, vhost=worker.vhost, uuid__in=list(listed))
    queues = dict(rows.values_list("uuid", "queue"))
    shown = {uuid: scope.shows_arguments(worker.broker.name, worker.vhost, queue) for uuid, queue in queues.items()}
    return [task if shown[uuid] else _without_arguments(task) for uuid, task in listed.items() if uuid in shown]
