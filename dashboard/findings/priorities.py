"""Queues that configurations send tasks with a priority to, and that have no priorities. Pure.

Only what is certain by the configuration counts: the queue that an entry of task_routes or a task's own attribute names, else the default queue where no route
may decide otherwise. What a program passes to apply_async is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

Names = Callable[[Collection[str]], Collection[str]]
"""Of names of queues, some."""
Configured = tuple[Mapping[str, Any], Sequence[str], Sequence[tuple[str, Any]]]
"""(settings by their names, the worker nodes that have them, entries of task_routes)."""
DEFAULT_QUEUE = "celery"


class Ignored(msgspec.Struct, frozen=True):
    """`by`: what sets a priority, such as "shop.pay: 9"; `workers` whose configuration has it."""

    queue: str
    by: tuple[str, ...]
    workers: tuple[str, ...]


def ignored(configured: Iterable[Configured], tasks: Iterable[Mapping[str, Any]], there: Names, with_priorities: Names) -> list[Ignored]:
    """The queues that exist and have no priorities, by name. `tasks` as workers report them."""
    listed = list(tasks)
    by: dict[str, dict[str, None]] = defaultdict(dict)
    workers: dict[str, set[str]] = defaultdict(set)
    for settings, hostnames, routes in configured:
        for queue, what in _sent(settings, routes, listed):
            by[queue][what] = None
            workers[queue] |= set(hostnames)
    if not by:
        return []
    names = set(there(set(by)))
    names -= set(with_priorities(names)) if names else set()
    return [Ignored(queue, tuple(by[queue]), tuple(sorted(workers[queue]))) for queue in sorted(names)]


def _sent(settings: Mapping[str, Any], routes: Sequence[tuple[str, Any]], tasks: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """(queue, what sets a priority)."""
    default = settings.get("task_default_queue")
    default = default if isinstance(default, str) else DEFAULT_QUEUE
    for entry, route in routes:
        if isinstance(route, Mapping) and (priority := _priority(route.get("priority"))) and isinstance(route.get("queue", default), str):
            yield route.get("queue", default), f"task_routes, {entry}: {priority}"
    if priority := _priority(settings.get("task_default_priority")):
        yield default, f"task_default_priority: {priority}"
    for task in tasks:
        attributes, name = task.get("attributes") or {}, str(task.get("name"))
        if priority := _priority(attributes.get("priority")):
            routed = any(fnmatchcase(name, entry) for entry, _ in routes)
            queue = attributes.get("queue") or ("" if routed else default)
            if isinstance(queue, str) and queue:
                yield queue, f"{name}: {priority}"


def _priority(value: Any) -> int:
    """The priority that is set; 0, which changes nothing, for none."""
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        return 0
