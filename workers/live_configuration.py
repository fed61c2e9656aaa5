"""The configuration of a Celery app as one of its workers tells it (`inspect conf`, `registered`, `active_queues`), made into a question's `conf`.

Pure. It is the worker's configuration: the sender decides routing with its own, which may differ (`told_apart` compares with a task-sent event).
Celery masks every setting whose name looks like a secret, and with it parts of routes and queues (celery/app/utils.py filter_hidden_settings).
What is masked is filled from active_queues where that tells it, and named where not. Samples: tests/cases/celery/inspect_*.json.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from workers import inspection

MASK = "********"
_ROUTING_PREFIX = "task_"
_SHOWN_PATTERN = re.compile(r"re\.compile\((?P<text>.*?)(?:, (?P<flags>re\.[A-Z]+(?:\|re\.[A-Z]+)*))?\)\Z", re.DOTALL)
_ATTRIBUTES = ("queue", "exchange", "routing_key", "priority")


class LiveConfiguration(msgspec.Struct, frozen=True):
    """`conf` and `tasks` (attributes by task name) as a question takes them. `unknown` are sentences on what is masked or opaque."""

    conf: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    unknown: list[str]


def read(conf: Any, registered: Any = None, active_queues: Any = None) -> LiveConfiguration:
    """What one worker answered to the three questions; None where it was not asked or did not answer.

    >>> read({"task_default_routing_key": "********"}).unknown
    ['task_default_routing_key is masked, and no queue tells it.']
    """
    queues = {one["name"]: one for one in active_queues or () if isinstance(one, dict) and isinstance(one.get("name"), str)}
    unknown: list[str] = []
    told = conf if isinstance(conf, dict) else {}
    if not told:
        unknown.append("The worker did not tell its configuration, so Celery's defaults are taken.")
    found = {name: value for name, value in told.items() if name.startswith(_ROUTING_PREFIX) or name.isupper()}
    found = {name: value for name, value in found.items() if value is not None}
    _fill_default_key(found, queues, unknown)
    for name, convert in (("task_queues", _queues), ("CELERY_QUEUES", _queues)):
        if name in found:
            found[name] = convert(found[name], queues, unknown)
    for name in ("task_routes", "CELERY_ROUTES"):
        if name in found:
            found[name] = _routes(found[name], unknown)
    for name in ("task_annotations", "CELERY_ANNOTATIONS"):
        if name in found:
            found[name] = _annotations(found[name], unknown)
    for name in [name for name, value in found.items() if value == MASK]:
        del found[name]
        unknown.append(f"{name} is masked.")
    return LiveConfiguration(found, _tasks(registered, unknown), unknown)


def question(live: LiveConfiguration, task: str, **rest: Any) -> dict[str, Any]:
    """A question about a task under that configuration. `rest`: options, args, kwargs, via, predeclare."""
    attributes = live.tasks.get(task)
    told = {"name": task, "attributes": attributes} if attributes is not None else {"name": task, "unregistered": True}
    return {"conf": live.conf, "task": told, **rest}


def told_apart(answer: Mapping[str, Any], sent: Mapping[str, Any]) -> str | None:
    """How a task-sent event contradicts what the worker's configuration says; None if it doesn't.

    >>> told_apart({"queue": "mail"}, {"queue": "celery"})
    "The sender really used queue 'celery' where this configuration says queue 'mail': its own configuration or options differ."
    """
    keys = [key for key in ("queue", "exchange", "routing_key") if (sent.get(key) or "") != (answer.get(key) or "")]
    if not keys:
        return None
    really = ", ".join(f"{key} {sent.get(key)!r}" for key in keys)
    says = ", ".join(f"{key} {answer.get(key)!r}" for key in keys)
    return f"The sender really used {really} where this configuration says {says}: its own configuration or options differ."


def _fill_default_key(found: dict[str, Any], queues: Mapping[str, Any], unknown: list[str]) -> None:
    """A queue that Celery made from the defaults is bound by the default key."""
    name = next((name for name in ("task_default_routing_key", "CELERY_DEFAULT_ROUTING_KEY") if found.get(name) == MASK), None)
    if name is None:
        return
    default = queues.get(found.get("task_default_queue") or found.get("CELERY_DEFAULT_QUEUE") or "celery")
    own_queues = found.get("task_queues") or found.get("CELERY_QUEUES")
    if default is not None and not own_queues and isinstance(default.get("routing_key"), str):
        found[name] = default["routing_key"]
        return
    del found[name]
    unknown.append(f"{name} is masked, and no queue tells it.")


def _queues(told: Any, active: Mapping[str, Any], unknown: list[str]) -> Any:
    if isinstance(told, dict):
        return {name: _old_queue(name, fields, active, unknown) for name, fields in told.items() if _can_tell(name, fields, active, unknown)}
    found = []
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            found.append(_queue(one))
        else:
            unknown.append(f"An entry of task_queues can't be read: {str(one)[:80]}.")
    return found


def _can_tell(name: str, fields: Any, active: Mapping[str, Any], unknown: list[str]) -> bool:
    if isinstance(fields, dict) or name in active:
        return True
    unknown.append(f"Queue {name!r} of task_queues is masked, and the worker does not consume it.")
    return False


def _old_queue(name: str, fields: Any, active: Mapping[str, Any], unknown: list[str]) -> Any:
    """An entry of the table form: what is masked in it is taken from the queue that the worker consumes."""
    if not isinstance(fields, dict):
        return _queue(active[name])
    if "name" in fields and isinstance(fields.get("exchange"), dict):
        return _queue(fields)
    masked = [field for field, value in fields.items() if value == MASK]
    if masked and name in active:
        return _queue(active[name])
    if masked:
        unknown.append(f"Queue {name!r} of task_queues hides {', '.join(masked)}.")
    return {field: value for field, value in fields.items() if value != MASK}


def _queue(told: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in told.items() if value is not None and name not in ("exchange", "bindings")}
    bindings = [_binding(one) for one in told.get("bindings") or () if isinstance(one, dict)]
    exchange = told.get("exchange")
    if bindings:
        return {"$queue": {**fields, "bindings": bindings}}
    return {"$queue": {**fields, "exchange": _exchange(exchange)} if exchange is not None else fields}


def _exchange(told: Any) -> Any:
    return {"$exchange": {name: value for name, value in told.items() if value is not None}} if isinstance(told, dict) else told


def _binding(told: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: told[name] for name in ("routing_key", "arguments") if told.get(name) is not None}
    return {"$binding": {**fields, "exchange": _exchange(told.get("exchange"))}}


def _routes(told: Any, unknown: list[str]) -> Any:
    if told == MASK:
        return told
    if not isinstance(told, list):
        return _router(told, unknown)
    return [_router(one, unknown) for one in told]


def _router(told: Any, unknown: list[str]) -> Any:
    if isinstance(told, str):
        unknown.append(f"The router {told} is code of the application: its answers are unknown.")
        return told
    pairs: Iterable[Any] = told.items() if isinstance(told, dict) else told if isinstance(told, list) else ()
    found: list[Any] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            found.append(pair)
            continue
        key, route = _pattern(pair[0]), pair[1]
        if key is None:
            unknown.append(f"A pattern of task_routes is cut short: {pair[0][:80]}.")
            continue
        if route == MASK:
            unknown.append(f"The route {pair[0]!r} is masked, because its name looks like a secret's.")
            route = {"$masked": True}
        elif isinstance(route, dict):
            hidden = [field for field, value in route.items() if value == MASK]
            unknown += [f"The route {pair[0]!r} hides its {field}." for field in hidden]
            route = {field: {"$masked": True} if value == MASK else value for field, value in route.items()}
        found.append([key, route])
    if isinstance(told, dict) and all(isinstance(pair[0], str) for pair in found):
        return dict(found)
    return found


def _pattern(shown: str) -> Any:
    """A key of the routes; None for a pattern that can't be read back."""
    match = _SHOWN_PATTERN.match(shown)
    if match is None:
        return None if shown.startswith("re.compile(") else shown
    try:
        text = ast.literal_eval(match["text"])
    except (ValueError, SyntaxError):
        return None
    flags = 0
    for name in (match["flags"] or "").split("|"):
        flags |= int(getattr(re, name.removeprefix("re."), 0)) if name else 0
    return {"$regex": {"pattern": text, "flags": flags}} if isinstance(text, str) else None


def _annotations(told: Any, unknown: list[str]) -> Any:
    entries = told if isinstance(told, list) else [told]
    found: list[Any] = []
    for one in entries:
        if not isinstance(one, dict):
            unknown.append(f"The annotation {str(one)[:80]} is code of the application: what it sets is unknown.")
            found.append(str(one))
            continue
        kept = {}
        for task, attributes in one.items():
            known = attributes if isinstance(attributes, dict) else {}
            hidden = [name for name, value in known.items() if value == MASK] if known else ["everything"]
            unknown += [f"task_annotations hides {name} of {task}." for name in hidden]
            kept[task] = {name: value for name, value in known.items() if value != MASK}
        found.append(kept)
    return found


def _tasks(registered: Any, unknown: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for task in inspection.registered(registered).get("registered", ()):
        attributes = {name: value for name, value in task["attributes"].items() if name in _ATTRIBUTES}
        opaque = [name for name, value in attributes.items() if value.startswith("<")]
        unknown += [f"The {name} of task {task['name']} is an object that the worker does not tell: {attributes[name]}." for name in opaque]
        read = {name: value for name, value in attributes.items() if name not in opaque and name != "priority"}
        priority = attributes.get("priority", "")
        found[task["name"]] = {**read, "priority": int(priority)} if priority.isdigit() else read
    return found
