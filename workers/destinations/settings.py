"""The settings of a Celery app that decide where its tasks go, read from data: an allow-list, old names mapped aloud.

Pure. Every other setting is left out, since it has no part in routing and some of them make Celery import code.
Names and defaults: celery/app/defaults.py (Celery 5.7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workers.destinations.terms import BadQuestion, Exchange, Hidden, Masked, Pattern, Queue, number

OLD_NAMES = {
    "CELERY_ALWAYS_EAGER": "task_always_eager",
    "CELERY_ANNOTATIONS": "task_annotations",
    "CELERY_CREATE_MISSING_QUEUES": "task_create_missing_queues",
    "CELERY_CREATE_MISSING_QUEUE_TYPE": "task_create_missing_queue_type",
    "CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE": "task_create_missing_queue_exchange_type",
    "CELERY_DEFAULT_QUEUE": "task_default_queue",
    "CELERY_DEFAULT_QUEUE_TYPE": "task_default_queue_type",
    "CELERY_DEFAULT_EXCHANGE": "task_default_exchange",
    "CELERY_DEFAULT_EXCHANGE_TYPE": "task_default_exchange_type",
    "CELERY_DEFAULT_ROUTING_KEY": "task_default_routing_key",
    "CELERY_DEFAULT_PRIORITY": "task_default_priority",
    "CELERY_TASK_PROTOCOL": "task_protocol",
    "CELERY_QUEUES": "task_queues",
    "CELERY_QUEUE_MAX_PRIORITY": "task_queue_max_priority",
    "CELERY_ROUTES": "task_routes",
    "CELERYD_TASK_SOFT_TIME_LIMIT": "task_soft_time_limit",
    "CELERYD_TASK_TIME_LIMIT": "task_time_limit",
}


class Settings(msgspec.Struct, frozen=True):
    """`task_default_exchange` and `task_default_routing_key` are the queue's name where not set. Routers are a list in the order in which Celery tries them."""

    task_default_queue: str = "celery"
    task_default_queue_type: str | None = None
    task_default_exchange: str | None = None
    task_default_exchange_type: str = "direct"
    task_default_routing_key: str | None = None
    task_queues: Any = None
    task_routes: Any = None
    task_annotations: Any = None
    task_create_missing_queues: bool = True
    task_create_missing_queue_type: str | None = None
    task_create_missing_queue_exchange_type: str | None = None
    task_queue_max_priority: int | None = None
    task_default_priority: int | None = None
    task_time_limit: float | None = None
    task_soft_time_limit: float | None = None
    task_protocol: int = 2
    task_always_eager: bool = False
    hidden_routes: tuple[Hidden, ...] = ()

    @property
    def default_exchange_name(self) -> str:
        return self.task_default_queue if self.task_default_exchange is None else self.task_default_exchange

    @property
    def default_routing_key(self) -> str:
        return self.task_default_queue if self.task_default_routing_key is None else self.task_default_routing_key

    @property
    def routers(self) -> list[Any]:
        """Each a table or list of pairs, a Router, or a text that Celery would import."""
        if self.task_routes is None:
            return []
        return self.task_routes if isinstance(self.task_routes, list) else [self.task_routes]


class Mapped(msgspec.Struct, frozen=True):
    """A setting that was given by an older or longer name."""

    given: str
    name: str
    used: bool


def read_settings(conf: Mapping[str, Any]) -> tuple[Settings, tuple[Mapped, ...]]:
    """The settings, and which of them had another name. `conf` is decoded. Raises BadQuestion.

    >>> read_settings({"CELERY_DEFAULT_QUEUE": "jobs"})[1]
    (Mapped(given='CELERY_DEFAULT_QUEUE', name='task_default_queue', used=True),)
    """
    found: dict[str, Any] = {}
    given_as: dict[str, str] = {}
    mapped: list[Mapped] = []
    for given, value in conf.items():
        if given in _READERS:
            found[given], given_as[given] = value, given
    for given, value in conf.items():
        name = OLD_NAMES.get(given) or _without_prefix(given)
        if name is not None:
            used = name not in found
            mapped.append(Mapped(given, name, used))
            if used:
                found[name], given_as[name] = value, given
    routes, hidden = _without_masked(found.get("task_routes"))
    found["task_routes"] = routes
    values = {name: _READERS[name](value, f"conf.{given_as[name]}") for name, value in found.items() if value is not None}
    return Settings(**values, hidden_routes=hidden), tuple(mapped)


def _without_masked(routes: Any) -> tuple[Any, tuple[Hidden, ...]]:
    """The routes as far as they are known, and where they are not."""
    hidden: list[Hidden] = []
    shown = [_shown_router(index, router, hidden) for index, router in enumerate(routes if isinstance(routes, list) else [routes])]
    return shown if isinstance(routes, list) else shown[0], tuple(hidden)


def _shown_router(index: int, router: Any, hidden: list[Hidden]) -> Any:
    if not isinstance(router, dict | list):
        return router
    entries = []
    for entry in router.items() if isinstance(router, dict) else router:
        key, route = entry if isinstance(entry, tuple | list) and len(entry) == 2 else (None, None)
        if not isinstance(key, str | Pattern) or not isinstance(route, dict | Masked):
            entries.append(entry)
        elif isinstance(route, Masked):
            hidden.append(Hidden(index, key, None))
        else:
            hidden += [Hidden(index, key, field) for field, value in route.items() if isinstance(value, Masked)]
            entries.append([key, {field: value for field, value in route.items() if not isinstance(value, Masked)}])
    return dict(entries) if isinstance(router, dict) else entries


def check_address(data: Mapping[str, Any], path: str) -> None:
    """The kinds of the values that make a destination. Raises BadQuestion."""
    for name, kinds, words in (
        ("queue", (str, Queue), "must be a queue's name or a $queue"),
        ("exchange", (str, Exchange), "must be an exchange's name or an $exchange"),
        ("routing_key", (str,), "must be text"),
        ("exchange_type", (str,), "must be text"),
        ("route_name", (str,), "must be text"),
        ("headers", (dict,), "must be a table"),
    ):
        if data.get(name) is not None and not isinstance(data[name], kinds):
            raise BadQuestion(f"{path}.{name}", words)
    declared = data.get("declare")
    if declared is not None and not (isinstance(declared, list) and all(isinstance(each, Queue | Exchange) for each in declared)):
        raise BadQuestion(f"{path}.declare", "must be a list of $queue and $exchange")


def hashable(route: Mapping[str, Any]) -> dict[str, Any]:
    """Without a queue that is a list or a table: Celery itself raises when it looks that up, which is the answer then."""
    return {name: value for name, value in route.items() if name != "queue" or not isinstance(value, list | dict)}


def setting_named(given: str) -> str | None:
    """The name that Celery has today for a setting given by this one; None if it has no part in routing.

    >>> setting_named("CELERY_DEFAULT_QUEUE"), setting_named("CELERY_TASK_ROUTES"), setting_named("broker_url")
    ('task_default_queue', 'task_routes', None)
    """
    return given if given in _READERS else OLD_NAMES.get(given) or _without_prefix(given)


def _without_prefix(given: str) -> str | None:
    """ "CELERY_TASK_ROUTES", as Django projects write it with namespace="CELERY", is task_routes."""
    name = given.removeprefix("CELERY_").lower() if given.startswith("CELERY_") else ""
    return name if name in _READERS and given.isupper() else None


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise BadQuestion(path, "must be text")
    return value


def _queue_name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadQuestion(path, "must be the name of a queue")
    return value


def _exchange_type(value: Any, path: str) -> str:
    return _text(value, path) or "direct"


def _whole(value: Any, path: str) -> int:
    return int(number(value, path))


def _protocol(value: Any, path: str) -> int:
    if value not in (1, 2) or isinstance(value, bool):
        raise BadQuestion(path, "must be 1 or 2")
    return int(value)


def _queues(value: Any, path: str) -> Any:
    """A list of $queue, or a table of name: $queue or keywords; other entries are errors of Celery's own."""
    if isinstance(value, Queue) or not isinstance(value, list | dict):
        raise BadQuestion(path, "must be a list of $queue or $broadcast, or a table")
    return value


def _routes(value: Any, path: str) -> Any:
    """As given: what is no table, list of pairs or function is an error of Celery's own, which is the answer then."""
    for index, entry in enumerate(value if isinstance(value, list) else [value]):
        for key, route in _pairs(entry):
            if isinstance(route, dict) and isinstance(key, str | Pattern):
                _check_route(route, f"{path}[{index}].{key if isinstance(key, str) else key.text}")
    return value


def _pairs(entry: Any) -> list[Any]:
    """The routes of one router that have the form of routes; Celery itself refuses the others."""
    if isinstance(entry, dict):
        return list(entry.items())
    return [pair for pair in entry if isinstance(pair, list) and len(pair) == 2] if isinstance(entry, list) else []


def _check_route(route: dict[str, Any], path: str) -> None:
    check_address(hashable(route), path)
    for name in ("self", "event_dispatcher", "stamped_headers"):
        if name in route:
            raise BadQuestion(f"{path}.{name}", "is no option that a route can hold")


def _annotations(value: Any, path: str) -> Any:
    entries = value if isinstance(value, list) else [value]
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict | str) or (isinstance(entry, dict) and not all(isinstance(each, dict) for each in entry.values())):
            raise BadQuestion(f"{path}[{index}]", "must be a table of task name: attributes")
        for task, attributes in entry.items() if isinstance(entry, dict) else ():
            check_address(attributes, f"{path}[{index}].{task}")
    return entries


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "task_default_queue": _queue_name,
    "task_default_queue_type": _text,
    "task_default_exchange": _text,
    "task_default_exchange_type": _exchange_type,
    "task_default_routing_key": _text,
    "task_queues": _queues,
    "task_routes": _routes,
    "task_annotations": _annotations,
    "task_create_missing_queues": lambda value, path: bool(value),
    "task_create_missing_queue_type": _text,
    "task_create_missing_queue_exchange_type": _text,
    "task_queue_max_priority": _whole,
    "task_default_priority": _whole,
    "task_time_limit": number,
    "task_soft_time_limit": number,
    "task_protocol": _protocol,
    "task_always_eager": lambda value, path: bool(value),
}
SETTINGS = tuple(_READERS)
"""The names of all settings that decide where tasks go."""
