"""Which configuration of a Celery application an explanation goes by: those that worker nodes told, the most common first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from workers.inspection import live_configuration
from workers.inspection.live_configuration import LiveConfiguration

MOST_TOLD = 5


class Teller(Protocol):
    """A worker node that is online, with what it told (`workers.models.Worker`)."""

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


class Told(msgspec.Struct, frozen=True):
    """One configuration. `source` is worker or application, `name` the host name or the import path; `same`: further worker nodes that told the same;
    `worker_id`: None for an application. `routers` are the functions that it names as `$router`, None where they can't be run."""

    source: str
    name: str
    at: datetime | None
    live: LiveConfiguration
    same: int = 0
    worker_id: int | None = None
    routers: Mapping[str, Any] | None = None


class Sent(msgspec.Struct, frozen=True):
    """Where the last task of a name was really sent, by its task-sent event. `id` is that of its row."""

    id: int
    uuid: str
    at: datetime
    queue: str | None
    exchange: str | None
    routing_key: str | None


class Known(msgspec.Struct, frozen=True):
    """What is known of a task: the configurations, that to go by first; `attributes` as workers told them, None: no worker online has registered it;
    `troubles` are sentences on what was tried in vain."""

    told: Sequence[Told] = ()
    attributes: Mapping[str, str] | None = None
    sent: Sent | None = None
    troubles: Sequence[str] = ()


class Tellers:
    """The worker nodes that are online in a virtual host, to ask about many tasks."""

    def __init__(self, workers: Iterable[Teller]) -> None:
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
        """The names of the queues that the worker node consumes; None if it did not tell, or is not online."""
        told = next((one.queues for one in self._workers if one.hostname == hostname), None)
        return None if told is None else [queue["name"] for queue in told]

    def known(self, task: str) -> Known:
        """By the workers that have registered the task; if none has, by all. Where they differ, the configuration of most comes first."""
        knowing = [one for one in self._workers if task in self._tasks[one.hostname]]
        attributes = self._tasks[knowing[0].hostname][task] if knowing else None
        alike: dict[bytes, list[Teller]] = {}
        for one in knowing or self._workers:
            if one.configuration is not None:
                own = self._tasks[one.hostname].get(task)
                alike.setdefault(self._encoded[one.hostname] + msgspec.json.encode(own), []).append(one)
        groups = sorted(alike.values(), key=len, reverse=True)
        return Known([self._told(group, task) for group in groups[:MOST_TOLD]], attributes)

    def _told(self, group: Sequence[Teller], task: str) -> Told:
        newest = max(group, key=lambda one: (one.configuration_at is not None, one.configuration_at))
        attributes = self._tasks[newest.hostname].get(task)
        registered = [] if attributes is None else [{"name": task, "attributes": attributes}]
        live = live_configuration.read(newest.configuration, registered, newest.queues)
        return Told("worker", newest.hostname, newest.configuration_at, live, len(group) - 1, newest.id)


def _by_name(registered: Iterable[Any] | None) -> dict[str, dict[str, str]]:
    return {task["name"]: task["attributes"] for task in registered or ()}


def _each_once(values: Sequence[Any], read: Callable[[Any], Any]) -> list[Any]:
    """Each value read; one that several workers share only once."""
    found: dict[int, Any] = {}
    for value in values:
        if id(value) not in found:
            found[id(value)] = read(value)
    return [found[id(value)] for value in values]
