"""Hypothetical changes to Celery's `task_routes`: an entry set or removed. Pure.

The given configuration is not modified. Errors are InvalidQuestion and name the field. Format: docs/routing.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brokers.routing.fields import InvalidQuestion, kind_of, unknown_field
from workers.destinations.settings import setting_named

SET, REMOVE = "set_route", "remove_route"
KINDS = (SET, REMOVE)
LONGEST_NAME = 1_000
_TEXTS = ("queue", "exchange", "exchange_type", "routing_key")
_NUMBERS = ("priority",)

JSON = dict[str, Any]


def changed_routes(conf: Mapping[str, Any], items: Iterable[tuple[Mapping[str, Any], str]]) -> JSON:
    """The settings after the changes, applied in order; each comes with its path.

    >>> changed_routes({}, [({"change": "set_route", "name": "shop.*", "route": "jobs"}, "what_if[0]")])
    {'task_routes': {'shop.*': {'queue': 'jobs'}}}
    """
    changed = dict(conf)
    for item, path in items:
        unknown_field(item, ("change", "name", "route"), f"{path}.", f"the change {item['change']}")
        name = _name(item, path)
        key = next((given for given in changed if setting_named(given) == "task_routes" and changed[given] is not None), "task_routes")
        apply = _with if item["change"] == SET else _without
        changed[key] = apply(changed.get(key), name, item, path)
    return changed


def route_change_text(item: Mapping[str, Any], path: str) -> str:
    """The change in one sentence, names in backticks. Raises InvalidQuestion."""
    name = _name(item, path)
    if item["change"] == REMOVE:
        return f"The route `{name}` is removed from task_routes."
    route = _route(item, path)
    return f"The route `{name}` of task_routes gives {' and '.join(f'{key} `{value}`' for key, value in route.items())}."


def _name(item: Mapping[str, Any], path: str) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise InvalidQuestion(f"{path}.name", f"must be a task’s name or a pattern such as shop.*, at most {LONGEST_NAME} characters")
    if name.startswith("$"):
        raise InvalidQuestion(f"{path}.name", "must not begin with $, which is reserved")
    return name


def _route(item: Mapping[str, Any], path: str) -> JSON:
    route = item.get("route")
    route = {"queue": route} if isinstance(route, str) else route
    if not isinstance(route, Mapping) or not route:
        raise InvalidQuestion(f"{path}.route", f'must be a queue’s name or an object such as {{"queue": "mail"}}, not {kind_of(route)}')
    for key, value in route.items():
        if key not in (*_TEXTS, *_NUMBERS):
            raise InvalidQuestion(f"{path}.route.{str(key)[:100]}", f"is none of {', '.join((*_TEXTS, *_NUMBERS))}")
        if not isinstance(value, str if key in _TEXTS else int) or isinstance(value, bool):
            raise InvalidQuestion(f"{path}.route.{key}", f"must be {'text' if key in _TEXTS else 'a whole number'}, not {kind_of(value)}")
        if key == "queue" and not value:
            raise InvalidQuestion(f"{path}.route.queue", "must be the name of a queue")
    return dict(route)


def _with(routes: Any, name: str, item: Mapping[str, Any], path: str) -> Any:
    """The routes with the entry replaced if it exists, else appended."""
    route = _route(item, path)
    routers = _routers(routes)
    known = _holding(routers, name)
    if known is not None:
        routers[known] = _replaced(routers[known], name, route)
        return _as_given(routes, routers)
    last = next((index for index in reversed(range(len(routers))) if _is_table(routers[index])), None)
    if last is None:
        return _as_given(routes, [*routers, {name: route}])
    table = routers[last]
    routers[last] = {**table, name: route} if isinstance(table, Mapping) else [*table, [name, route]]
    return _as_given(routes, routers)


def _without(routes: Any, name: str, item: Mapping[str, Any], path: str) -> Any:
    routers = _routers(routes)
    known = _holding(routers, name)
    if known is None:
        raise InvalidQuestion(f"{path}.name", f'there is no route "{name}" in the known task_routes')
    routers[known] = _replaced(routers[known], name, None)
    return _as_given(routes, routers)


def _routers(routes: Any) -> list[Any]:
    return [] if routes is None else list(routes) if isinstance(routes, list) else [routes]


def _as_given(routes: Any, routers: list[Any]) -> Any:
    """The routers in the original form: a single table stays single."""
    return routers if isinstance(routes, list) or len(routers) != 1 else routers[0]


def _is_table(router: Any) -> bool:
    """Whether it is a table of routes: an object that is not one of our encodings, or a list of pairs."""
    if isinstance(router, Mapping):
        return not (len(router) == 1 and str(next(iter(router))).startswith("$"))
    return isinstance(router, list)


def _holding(routers: list[Any], name: str) -> int | None:
    return next((index for index, router in enumerate(routers) if _is_table(router) and name in _names(router)), None)


def _names(table: Any) -> list[Any]:
    return list(table) if isinstance(table, Mapping) else [pair[0] for pair in table if isinstance(pair, list) and len(pair) == 2]


def _replaced(table: Any, name: str, route: JSON | None) -> Any:
    """The table with the entry replaced, or removed if `route` is None."""
    if isinstance(table, Mapping):
        return {key: route if key == name else value for key, value in table.items() if key != name or route is not None}
    kept = [pair for pair in table if route is not None or not (isinstance(pair, list) and pair[:1] == [name])]
    return [[name, route] if isinstance(pair, list) and pair[:1] == [name] else pair for pair in kept]
