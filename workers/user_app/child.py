"""A program of its own, started by `workers.user_app.client` and never imported by Hareline: it imports the user's Celery app and answers questions about it.

JSON lines in, JSON lines out. Whatever the user's code prints goes nowhere; an alarm ends the process where that code does not return. Nothing here
imports Hareline, whose packages have names (workers, dashboard) that the user's own may have too. Errors are reported without their texts, which
may hold addresses with passwords.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

LONGEST_TEXT = 500


class CannotLoadError(Exception):
    """`str()` ends the sentence "The application proj.celery:app can't be used: …"."""


class Application:
    """The user's app and the routers of its task_routes, by the names that the answers give them."""

    def __init__(self) -> None:
        self.app: Any = None
        self.routers: dict[str, Any] = {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "load" in question:
            return self.load(question["load"], question["settings"], question["attributes"])
        if "periodic" in question:
            return {"timezone": str(self.app.conf.timezone or "UTC"), "entries": [*self._configured_entries(), *_stored_entries()][: question["periodic"]]}
        return self.route(question["router"], question["task"], question["args"], question["kwargs"], question["options"])

    def load(self, path: str, settings: list[str], attributes: list[str]) -> dict[str, Any]:
        """The settings of these names that are not None, and these attributes of every task."""
        from celery import Celery

        self.app = _named(path)
        if not isinstance(self.app, Celery):
            raise CannotLoadError(f"it is no Celery app but of type {type(self.app).__name__}")
        self.app.loader.import_default_modules()
        self.app.finalize()
        found = {name: getattr(self.app.conf, name, None) for name in settings}
        conf = {name: encoded(value) for name, value in found.items() if value is not None and name != "task_routes"}
        if found.get("task_routes"):
            conf["task_routes"] = self._routes(found["task_routes"])
        tasks = {name: _attributes(task, attributes) for name, task in self.app.tasks.items() if not name.startswith("celery.")}
        return {"conf": conf, "tasks": tasks}

    def _routes(self, routes: Any) -> list[Any]:
        from celery.app.routes import expand_router_string

        found: list[Any] = []
        for route in routes if isinstance(routes, list | tuple) else [routes]:
            router = expand_router_string(route) if isinstance(route, str) else route
            if isinstance(router, Mapping | list | tuple):
                pairs = router.items() if isinstance(router, Mapping) else router
                found.append([[encoded(part) for part in pair] for pair in pairs])
            else:
                found.append({"$router": self._noted(router)})
        return found

    def _configured_entries(self) -> list[dict[str, Any]]:
        """The entries of beat_schedule, in which a schedule is a number or what Celery prints of it."""
        found = []
        for name, entry in dict(self.app.conf.beat_schedule or {}).items():
            one = entry if isinstance(entry, Mapping) else vars(entry)
            queue = dict(one.get("options") or {}).get("queue")
            printed = {"args": repr(tuple(one.get("args") or ())), "kwargs": repr(dict(one.get("kwargs") or {}))}
            found.append({"name": str(name), "task": str(one.get("task")), "schedule": _schedule(one.get("schedule")), "queue": _name_of(queue), **printed})
        return found

    def _noted(self, router: Any) -> str:
        kind = router if hasattr(router, "__qualname__") else type(router)
        name = plain = f"{kind.__module__}.{kind.__qualname__}"
        while name in self.routers:
            name = f"{plain}#{len(self.routers) + 1}"
        self.routers[name] = router
        return name

    def route(self, name: str, task: str, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """What a router answers when Celery's own code calls it."""
        from celery.app.routes import Router

        given = {key: _entity(value) for key, value in options.items()}
        return {"answer": encoded(Router(app=self.app).query_router(self.routers[name], task, args, kwargs, given, self.app.tasks.get(task)))}


def _named(path: str) -> Any:
    module, _, attributes = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise CannotLoadError(f"there is no module {error.name}; name the folder that it is in by PYTHONPATH") from None
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise CannotLoadError(f"{module} has no {attribute}")
        found = getattr(found, attribute)
    return found


def _schedule(schedule: Any) -> Any:
    return schedule if isinstance(schedule, int | float) else str(schedule)


def _name_of(queue: Any) -> str | None:
    return None if queue is None else str(getattr(queue, "name", queue))


def _stored_entries() -> list[dict[str, Any]]:
    """The periodic tasks in django-celery-beat's tables, where the application's Django has them. Only read."""
    django_apps = sys.modules.get("django.apps")
    if django_apps is None or not django_apps.apps.ready or not django_apps.apps.is_installed("django_celery_beat"):
        return []
    from django.db import connection
    from django_celery_beat.models import PeriodicTask

    found = []
    for row in PeriodicTask.objects.exclude(task="celery.backend_cleanup").select_related("interval", "crontab", "solar", "clocked"):
        last = row.last_run_at
        entry: dict[str, Any] = {"name": row.name, "task": row.task, "schedule": _schedule(row.schedule), "queue": row.queue or None, "enabled": row.enabled}
        entry |= {"args": repr(tuple(json.loads(row.args or "[]"))), "kwargs": repr(json.loads(row.kwargs or "{}")), "runs": row.total_run_count}
        if row.crontab is not None:
            entry["timezone"] = str(row.crontab.timezone)
        found.append({**entry, "last_run_at": last.isoformat() if last is not None and last.tzinfo else None})
    connection.close()
    return found


def _attributes(task: Any, names: list[str]) -> dict[str, Any]:
    return {name: encoded(value) for name in names if (value := getattr(task, name, None)) is not None}


def encoded(value: Any) -> Any:
    """As JSON, entities in the encodings of a question; what is neither is shown as text."""
    from kombu.entity import Exchange, Queue

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, re.Pattern):
        return {"$regex": {"pattern": value.pattern, "flags": value.flags & ~re.UNICODE.value}}
    if isinstance(value, Exchange):
        names = ("name", "type", "durable", "auto_delete", "arguments", "delivery_mode", "no_declare", "passive")
        return {"$exchange": {name: encoded(getattr(value, name)) for name in names if getattr(value, name) is not None}}
    if isinstance(value, Queue):
        return _queue(value)
    if isinstance(value, Mapping):
        return {str(key): encoded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encoded(inner) for inner in value]
    return repr(value)[:LONGEST_TEXT]


def _queue(queue: Any) -> dict[str, Any]:
    from kombu.common import Broadcast

    names = (
        *("alias", "durable", "exclusive", "auto_delete", "no_declare", "queue_arguments", "binding_arguments"),
        *("expires", "message_ttl", "max_length", "max_length_bytes", "max_priority"),
    )
    fields = {name: encoded(getattr(queue, name)) for name in names if getattr(queue, name) is not None}
    if isinstance(queue, Broadcast):
        made_up = queue.name.startswith("bcast.")
        return {"$broadcast": {**fields, "name": fields.get("alias") or "", "queue": None if made_up else queue.name, "exchange": encoded(queue.exchange)}}
    if queue.bindings:
        bindings = [{"exchange": encoded(one.exchange), "routing_key": one.routing_key, "arguments": encoded(one.arguments)} for one in queue.bindings]
        return {"$queue": {**fields, "name": queue.name, "bindings": [{"$binding": one} for one in bindings]}}
    return {"$queue": {**fields, "name": queue.name, "routing_key": queue.routing_key, "exchange": encoded(queue.exchange)}}


def _entity(value: Any) -> Any:
    """A queue of the call, which Celery hands to routers as an object."""
    from kombu.entity import Exchange, Queue

    if not isinstance(value, dict) or list(value) != ["$queue"]:
        return value
    queue = value["$queue"]
    return Queue(queue["name"], Exchange(queue["exchange"], type=queue["exchange_type"]), queue["routing_key"])


def _failed(error: BaseException) -> dict[str, Any]:
    """The kind of an error and where it was raised."""
    if isinstance(error, CannotLoadError):
        return {"failed": str(error), "kind": ""}
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return {"failed": f"{type(error).__name__}{where}", "kind": type(error).__name__}


def main(largest_bytes: int, memory_bytes: int) -> None:
    """Answers until its input ends. Its own output is kept from the user's code."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    questions, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    with suppress(OSError, ValueError):  # not every system can limit it
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    application = Application()
    for line in questions:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, question["seconds"])
        try:
            text = json.dumps(application.answer(question), allow_nan=False)
            if len(text) > largest_bytes:
                raise CannotLoadError(f"its report has more than {largest_bytes:,} characters")
        except BaseException as error:  # noqa: BLE001  whatever the user's code raises, SystemExit too, is an answer
            text = json.dumps(_failed(error))
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(f"{text}\n")
        answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
