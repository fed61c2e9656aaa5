"""Queues, routes and annotations as a worker shows them, made into the encodings of a question; what can't be read back is noted as a gap. Pure.

The forms are those that `workers.inspection.routing_settings` keeps of `inspect conf`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

MASK = "********"
MADE_UP = re.compile(r"(?<=\.)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""The end of a broadcast queue's name that is new in each process."""
_SHOWN_PATTERN = re.compile(r"re\.compile\((?P<text>.*?)(?:, (?P<flags>re\.[A-Z]+(?:\|re\.[A-Z]+)*))?\)\Z", re.DOTALL)


class Gap(msgspec.Struct, frozen=True):
    """Something that a worker does not report. `kind` is conf, setting, default_key, queue, routes, router, annotation or attribute; `name` the queue's or
    the task's where there is one; `text` a sentence."""

    kind: str
    text: str
    name: str = ""


def queues(reported: Any, active: Mapping[str, Any], gaps: list[Gap]) -> Any:
    """`active` are the declarations of the queues that the worker consumes, by name."""
    if reported == MASK:
        return reported
    if not isinstance(reported, dict | list):
        gaps.append(Gap("setting", f"task_queues can't be read: {str(reported)[:80]}."))
    if isinstance(reported, dict):
        return {name: _old_queue(name, fields, active, gaps) for name, fields in reported.items() if _is_known(name, fields, active, gaps)}
    found = []
    for one in reported if isinstance(reported, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            hidden = [field for field, value in one.items() if _hides(value)]
            if hidden and one["name"] not in active:
                gaps.append(Gap("queue", f"Queue {one['name']!r} of task_queues hides {', '.join(hidden)}.", one["name"]))
            whole = active.get(one["name"]) if hidden else None
            found.append(queue(whole or {field: value for field, value in one.items() if field not in hidden}))
        else:
            gaps.append(Gap("setting", f"An entry of task_queues can't be read: {str(one)[:80]}."))
    return found


def _is_known(name: str, fields: Any, active: Mapping[str, Any], gaps: list[Gap]) -> bool:
    if isinstance(fields, dict) or name in active:
        return True
    gaps.append(Gap("queue", f"Queue {name!r} of task_queues is masked, and the worker does not consume it.", name))
    return False


def _old_queue(name: str, fields: Any, active: Mapping[str, Any], gaps: list[Gap]) -> Any:
    """An entry of the table form: what is masked in it is taken from the queue that the worker consumes."""
    if not isinstance(fields, dict):
        return queue(active[name])
    if "name" in fields and isinstance(fields.get("exchange"), dict):
        return queue(fields)
    masked = [field for field, value in fields.items() if _hides(value)]
    if masked and name in active:
        return queue(active[name])
    if masked:
        gaps.append(Gap("queue", f"Queue {name!r} of task_queues hides {', '.join(masked)}.", name))
    return {field: value for field, value in fields.items() if field not in masked}


def _hides(value: Any) -> bool:
    """Whether the value, or one inside it, is masked."""
    if isinstance(value, dict | list):
        return any(_hides(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return bool(value == MASK)


def _broadcast(reported: Mapping[str, Any]) -> dict[str, Any]:
    """kombu reports a broadcast with the name of its queue once more; that of a unique one ends in what each process makes up anew."""
    own = str(reported["queue"])
    unique = MADE_UP.search(own)
    fields = {name: value for name, value in reported.items() if value is not None and name not in ("name", "exchange", "bindings")}
    named = {"name": reported.get("alias") or "", "queue": own[: unique.start() - 1] if unique else own, "unique": unique is not None}
    exchange = reported.get("exchange")
    return {"$broadcast": {**fields, **named, **({"exchange": _exchange(exchange)} if exchange is not None else {})}}


def queue(reported: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(reported.get("queue"), str):
        return _broadcast(reported)
    fields = {name: value for name, value in reported.items() if value is not None and name not in ("exchange", "bindings")}
    bindings = [_binding(one) for one in reported.get("bindings") or () if isinstance(one, dict)]
    exchange = reported.get("exchange")
    if bindings:
        return {"$queue": {**fields, "bindings": bindings}}
    return {"$queue": {**fields, "exchange": _exchange(exchange)} if exchange is not None else fields}


def _exchange(reported: Any) -> Any:
    return {"$exchange": {name: value for name, value in reported.items() if value is not None}} if isinstance(reported, dict) else reported


def _binding(reported: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: reported[name] for name in ("routing_key", "arguments") if reported.get(name) is not None}
    return {"$binding": {**fields, "exchange": _exchange(reported.get("exchange"))}}


def routes(reported: Any, gaps: list[Gap]) -> Any:
    if reported == MASK:
        return reported
    if not isinstance(reported, list):
        router = _router(reported, gaps)
        return [router] if isinstance(router, list) else router  # a bare list would be one of routers
    return [_router(one, gaps) for one in reported]


def _router(reported: Any, gaps: list[Gap]) -> Any:
    if isinstance(reported, str):
        gaps.append(Gap("router", f"The router {reported} is code of the application: its answers are unknown."))
        return reported
    if isinstance(reported, dict) and list(reported) in (["$router"], ["$queue"], ["$exchange"]):
        return queue(reported["$queue"]) if isinstance(reported.get("$queue"), dict) else reported
    pairs: Iterable[Any] = reported.items() if isinstance(reported, dict) else reported if isinstance(reported, list) else ()
    found: list[Any] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str | dict):
            found.append(pair)
            continue
        key, route = pair[0] if isinstance(pair[0], dict) else _pattern(pair[0]), pair[1]
        if key is None:
            gaps.append(Gap("routes", f"A pattern of task_routes is cut short: {pair[0][:80]}."))
            continue
        found.append([key, _route(pair[0], route, gaps)])
    if isinstance(reported, dict) and all(isinstance(pair[0], str) for pair in found):
        return dict(found)
    return found


def _route(entry: Any, reported: Any, gaps: list[Gap]) -> Any:
    if reported == MASK:
        gaps.append(Gap("router", f"The route {entry!r} is masked, because its name looks like a secret's."))
        return {"$masked": True}
    if not isinstance(reported, dict):
        return reported
    hidden = [field for field, value in reported.items() if _hides(value)]
    gaps += [Gap("router", f"The route {entry!r} hides its {field}.") for field in hidden]
    shown = {field: {"$masked": True} if field in hidden else value for field, value in reported.items()}
    if isinstance(shown.get("queue"), dict) and "name" in shown["queue"]:
        shown["queue"] = queue(shown["queue"])
    if isinstance(shown.get("exchange"), dict) and "name" in shown["exchange"]:
        shown["exchange"] = _exchange(shown["exchange"])
    return shown


def _pattern(shown: str) -> Any:
    """A key of the routes; None for a pattern that can't be read back."""
    match = _SHOWN_PATTERN.match(shown)
    if match is None:
        return None if shown.startswith("re.compile(") else shown
    try:
        text = ast.literal_eval(match["text"])
        str(text).encode()  # half of a surrogate pair can be shown nowhere
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # what a worker calls a pattern may be anything
        return None
    flags = 0
    for name in (match["flags"] or "").split("|"):
        flags |= int(getattr(re, name.removeprefix("re."), 0)) if name else 0
    return {"$regex": {"pattern": text, "flags": flags}} if isinstance(text, str) else None


def attributes_set(reported: Any, gaps: list[Gap]) -> Any:
    if reported == MASK:
        return reported
    entries = reported if isinstance(reported, list) else [reported]
    found: list[Any] = []
    for one in entries:
        if not isinstance(one, dict):
            gaps.append(Gap("router", f"The annotation {str(one)[:80]} is code of the application: what it sets is unknown."))
            found.append(str(one))
            continue
        kept = {}
        for task, attributes in one.items():
            known = attributes if isinstance(attributes, dict) else {}
            hidden = [name for name, value in known.items() if value == MASK] if isinstance(attributes, dict) else ["everything"]
            gaps += [Gap("annotation", f"task_annotations hides {name} of {task}.", task) for name in hidden]
            kept[task] = {name: value for name, value in known.items() if value != MASK}
        found.append(kept)
    return found
