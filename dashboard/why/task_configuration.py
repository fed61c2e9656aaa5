"""The configurations of a Celery application that an explanation is based on: those reported by workers, the most common first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from workers.inspection import live_configuration
from workers.inspection.live_configuration import LiveConfiguration

MOST_LISTED = 5


class ReportingWorker(Protocol):
    """An online worker with its reported configuration (`workers.models.Worker`)."""

    @property
    def id(self) -> int: ...
    @property
    def hostname(self) -> str: ...
    @property
    def configuration(self) -> Any: ...
    @property
    def configuration_at(self) -> datetime | None: ...
    @property
    def queues(self) -> Any: ...
    @property
    def registered(self) -> Any: ...


class Configuration(msgspec.Struct, frozen=True):
    """One configuration. `source` is worker or application, `name` the host name or the import path; `same`: further workers that reported the same;
    `worker_id`: None for an application. `routers` are the functions that it names as `$router`, None where they can't be run."""

    source: str
    name: str
    at: datetime | None
    live: LiveConfiguration
    same: int = 0
    worker_id: int | None = None
    routers: Mapping[str, Any] | None = None


class UsedConfiguration(msgspec.Struct, frozen=True):
    """What an answer is based on. `source`: question, application, worker or defaults; `name`, `worker_id` and `at` (when it was reported) only where a
    `Configuration` has them; `same`: further workers that reported the same; `text`: a sentence."""

    source: str
    name: str | None
    worker_id: int | None
    at: datetime | None
    same: int
    text: str


class Sent(msgspec.Struct, frozen=True):
    """Where the last task of a name was actually sent, by its task-sent event. `id` is that of its row; `arrived` are the queues that it went to, as
    bindings and workers show; [] if unknown."""

    id: int
    uuid: str
    at: datetime
    queue: str | None
    exchange: str | None
    routing_key: str | None
    arrived: list[str]


class KnownTask(msgspec.Struct, frozen=True):
    """What is known of a task: its configurations, the one to use first; `attributes` as reported by workers, None: no online worker has registered it;
    `troubles`: sentences on what failed."""

    configurations: Sequence[Configuration] = ()
    attributes: Mapping[str, str] | None = None
    sent: Sent | None = None
    troubles: Sequence[str] = ()


class ReportingWorkers:
    """The online workers of a virtual host; reusable for many tasks."""

    def __init__(self, workers: Iterable[ReportingWorker]) -> None:
        self._workers = list(workers)
        names = [one.hostname for one in self._workers]
        self._encoded = dict(zip(names, _each_once([one.configuration for one in self._workers], msgspec.json.encode), strict=True))
        self._tasks = dict(zip(names, _each_once([one.registered for one in self._workers], _by_name), strict=True))

    @property
    def tasks(self) -> list[str]:
        """The names of all tasks that they have registered."""
        return sorted({name for tasks in self._tasks.values() for name in tasks})

    @property
    def hostnames(self) -> list[str]:
        return [one.hostname for one in self._workers]

    def queues_of(self, hostname: str) -> list[str] | None:
        """The names of the queues that the worker consumes; None if it has not reported them or is not online."""
        queues = next((one.queues for one in self._workers if one.hostname == hostname), None)
        return None if queues is None else [queue["name"] for queue in queues]

    def known(self, task: str) -> KnownTask:
        """From the workers that have registered the task; if none has, from all. The most common configuration comes first."""
        knowing = [one for one in self._workers if task in self._tasks[one.hostname]]
        attributes = self._tasks[knowing[0].hostname][task] if knowing else None
        alike: dict[bytes, list[ReportingWorker]] = {}
        for one in knowing or self._workers:
            if one.configuration is not None:
                own = self._tasks[one.hostname].get(task)
                alike.setdefault(self._encoded[one.hostname] + msgspec.json.encode(own), []).append(one)
        groups = sorted(alike.values(), key=len, reverse=True)
        return KnownTask([self._configuration(group, task) for group in groups[:MOST_LISTED]], attributes)

    def _configuration(self, group: Sequence[ReportingWorker], task: str) -> Configuration:
        newest = max(group, key=lambda one: (one.configuration_at is not None, one.configuration_at))
        attributes = self._tasks[newest.hostname].get(task)
        registered = [] if attributes is None else [{"name": task, "attributes": attributes}]
        live = live_configuration.read(newest.configuration, registered, newest.queues)
        return Configuration("worker", newest.hostname, newest.configuration_at, live, len(group) - 1, newest.id)


def _by_name(registered: Iterable[Any] | None) -> dict[str, dict[str, str]]:
    return {task["name"]: task["attributes"] for task in registered or ()}


def _each_once(values: Sequence[Any], read: Callable[[Any], Any]) -> list[Any]:
    """Each value read; one that several workers share only once."""
    found: dict[int, Any] = {}
    for value in values:
        if id(value) not in found:
            found[id(value)] = read(value)
    return [found[id(value)] for value in values]
