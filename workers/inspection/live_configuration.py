"""The configuration of a Celery app as one of its workers reports it, made into a question's `conf`.

Pure. It is the worker's configuration: the sender decides routing with its own, which may differ (`sender_contradiction` compares with a task-sent event).
Celery masks every setting whose name looks like a secret, and with it parts of routes and queues (celery/app/utils.py filter_hidden_settings).
A masked value is taken from the queues that it consumes where these contain it, and named where not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from workers.destinations.settings import setting_named
from workers.destinations.terms import BROADCAST_NAME
from workers.inspection import shown_settings
from workers.inspection.shown_settings import MADE_UP, MASK, Gap

_ATTRIBUTES = ("queue", "exchange", "routing_key", "priority")
AGREES, OWN_EXCHANGE = "", "own exchange"
NOT_REPORTED = "The worker has not reported its configuration, so Celery’s defaults are assumed."


class LiveConfiguration(msgspec.Struct, frozen=True):
    """`conf` and `tasks` (attributes by task name) as a question takes them. `gaps` are what is masked or opaque."""

    conf: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    gaps: list[Gap]

    @property
    def unknown(self) -> list[str]:
        return [gap.text for gap in self.gaps]


def read(configuration: Mapping[str, Any] | None, registered: Iterable[Any] | None = None, queues: Iterable[Any] | None = None) -> LiveConfiguration:
    """What one worker reported, as its row holds it (`workers.models.Worker`); None where it was not inspected or did not answer.

    >>> read({"task_default_routing_key": "********"}).unknown
    ['task_default_routing_key is masked, and no queue reveals it.']
    """
    active = {one["name"]: one["declared"] for one in queues or () if isinstance(one.get("declared"), dict)}
    gaps = [Gap("conf", NOT_REPORTED)] if configuration is None else []
    found = {name: value for name, value in (configuration or {}).items() if value is not None}
    _fill_default_key(found, active, gaps)
    for name in ("task_queues", "CELERY_QUEUES", "CELERY_TASK_QUEUES"):
        if name in found:
            found[name] = shown_settings.queues(found[name], active, gaps)
    for name in ("task_routes", "CELERY_ROUTES", "CELERY_TASK_ROUTES"):
        if name in found:
            found[name] = shown_settings.routes(found[name], gaps)
    for name in ("task_annotations", "CELERY_ANNOTATIONS", "CELERY_TASK_ANNOTATIONS"):
        if name in found:
            found[name] = shown_settings.attributes_set(found[name], gaps)
    for name in [name for name, value in found.items() if value == MASK]:
        del found[name]
        gaps.append(Gap("setting", f"{name} is masked."))
    return LiveConfiguration(found, _tasks(registered or (), gaps), gaps)


def question(live: LiveConfiguration, task: str, **rest: Any) -> dict[str, Any]:
    """A question about a task under that configuration. `rest`: options, args, kwargs, via, predeclare."""
    attributes = live.tasks.get(task)
    reported = {"name": task, "attributes": attributes} if attributes is not None else {"name": task, "unregistered": True}
    return {"conf": live.conf, "task": reported, **rest}


def sender_contradiction(answer: Mapping[str, Any], sent: Mapping[str, Any]) -> str:
    """How a task-sent event contradicts the worker's configuration, as a sentence; AGREES if it doesn't, OWN_EXCHANGE if it can't be compared, since a call
    that names an exchange only declares the queue.

    >>> sender_contradiction({"queue": "mail"}, {"queue": "celery"})
    "The sender used queue 'celery', but this configuration gives queue 'mail': the sender's own configuration or options differ."
    """
    keys = [key for key in ("queue", "exchange", "routing_key") if _comparable(key, sent) != _comparable(key, answer)]
    if not keys:
        return AGREES
    if "exchange" in keys and sent.get("exchange") and "queue" not in keys:
        return OWN_EXCHANGE
    used = ", ".join(f"{key} {sent.get(key)!r}" for key in keys)
    configured = ", ".join(f"{key} {answer.get(key)!r}" for key in keys)
    return f"The sender used {used}, but this configuration gives {configured}: the sender's own configuration or options differ."


def _comparable(key: str, of: Mapping[str, Any]) -> str:
    """Without the part of a broadcast queue's name that each process makes up anew."""
    value = str(of.get(key) or "")
    return MADE_UP.sub(BROADCAST_NAME.partition(".")[2], value) if key == "queue" else value


def may_lack_patterns(conf: Mapping[str, Any], task: str) -> bool:
    """Whether the reported routes may lack one whose key is a compiled pattern, which could decide: `inspect conf` leaves out keys that are no text, though not
    those in lists of pairs. Names that are equal are looked up before patterns.

    >>> may_lack_patterns({"task_routes": [{"shop.*": "mail"}]}, "shop.pay"), may_lack_patterns({"task_routes": [{"shop.pay": "mail"}]}, "shop.pay")
    (True, False)
    """
    routes = next((value for name, value in conf.items() if setting_named(name) == "task_routes"), None)
    for router in routes if isinstance(routes, list) else [routes]:
        if isinstance(router, dict) and not any(str(name).startswith("$") for name in router):
            return task not in router
    return False


def _fill_default_key(found: dict[str, Any], active: Mapping[str, Any], gaps: list[Gap]) -> None:
    """A queue that Celery made from the defaults is bound by the default key."""
    names = ("task_default_routing_key", "CELERY_DEFAULT_ROUTING_KEY", "CELERY_TASK_DEFAULT_ROUTING_KEY")
    name = next((name for name in names if found.get(name) == MASK), None)
    if name is None:
        return
    default = active.get(_first(found, "task_default_queue", "CELERY_DEFAULT_QUEUE", "CELERY_TASK_DEFAULT_QUEUE") or "celery")
    own_queues = _first(found, "task_queues", "CELERY_QUEUES", "CELERY_TASK_QUEUES")
    if default is not None and not own_queues and isinstance(default.get("routing_key"), str):
        found[name] = default["routing_key"]
        return
    del found[name]
    gaps.append(Gap("default_key", f"{name} is masked, and no queue reveals it."))


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name)), None)


def _tasks(registered: Iterable[Any], gaps: list[Gap]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for task in registered:
        attributes = {name: value for name, value in task["attributes"].items() if name in _ATTRIBUTES and value != "None"}
        opaque = [name for name, value in attributes.items() if value.startswith("<")]
        gaps += [
            Gap("attribute", f"The {name} of task {task['name']} is an object that the worker does not report: {attributes[name]}.", task["name"])
            for name in opaque
        ]
        read = {name: value for name, value in attributes.items() if name not in opaque and name != "priority"}
        priority = attributes.get("priority", "")
        found[task["name"]] = {**read, "priority": int(priority)} if priority.isdecimal() and len(priority) < 10 else read
    return found
