"""A Celery configuration in Python as the JSON of a question: kombu's entities in the encodings `$queue`, `$exchange`, `$binding`, `$broadcast`, `$regex`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from kombu import Exchange, Queue
from kombu.common import Broadcast
from kombu.entity import binding

from workers.destinations.settings import SETTINGS

_QUEUE = ("alias", "queue_arguments", "binding_arguments", "durable", "exclusive", "auto_delete", "no_declare", "expires", "message_ttl", "max_priority")


def configuration(path: Path) -> dict[str, Any]:
    """The settings of a module that decide where tasks go."""
    return {name: encoded(value) for name, value in vars(loaded(path)).items() if name in SETTINGS}


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def encoded(value: Any) -> Any:
    if isinstance(value, Broadcast):
        return {"$broadcast": {"name": value.alias}}
    if isinstance(value, Queue):
        fields = {name: getattr(value, name) for name in _QUEUE if getattr(value, name) is not None}
        there = {"bindings": encoded(list(value.bindings))} if value.bindings else {"exchange": encoded(value.exchange)}
        return {"$queue": {"name": value.name, "routing_key": value.routing_key, **there, **fields}}
    if isinstance(value, Exchange):
        return {"$exchange": {"name": value.name, "type": value.type, "durable": value.durable, "auto_delete": value.auto_delete}}
    if isinstance(value, binding):
        return {"$binding": {"exchange": encoded(value.exchange), "routing_key": value.routing_key, "arguments": value.arguments}}
    if isinstance(value, re.Pattern):
        return {"$regex": {"pattern": value.pattern, "flags": value.flags & ~re.UNICODE}}
    if isinstance(value, Mapping):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list | tuple | set) else value
