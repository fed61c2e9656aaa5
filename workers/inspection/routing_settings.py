"""Of what a worker tells about its configuration (`inspect conf`): the part that decides where tasks go, by an allow-list.

Pure. Everything else is dropped before it is stored or shown: addresses of brokers and backends, passwords, the project's own settings. Celery
masks by name what looks like a secret (celery/app/utils.py filter_hidden_settings), but not inside of lists; so known fields alone are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workers.destinations.question import EXECUTION_OPTIONS
from workers.destinations.settings import setting_named

LARGEST_BYTES = 64 * 1024
_LONGEST_TEXT, _DEEPEST = 500, 8
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ROUTE_FIELDS = ("queue", "exchange", "exchange_type", "routing_key", "priority", "countdown", "eta", "expires", "delivery_mode", "mandatory", "immediate")
_EXCHANGE_FIELDS = ("name", "type", "durable", "auto_delete", "arguments", "delivery_mode", "no_declare", "passive")
_QUEUE_FIELDS = (
    *("name", "exchange", "exchange_type", "routing_key", "binding_key", "alias", "durable", "exclusive", "auto_delete", "no_declare", "bindings"),
    *("queue_arguments", "binding_arguments", "expires", "message_ttl", "max_length", "max_length_bytes", "max_priority"),
    *("exchange_durable", "exchange_auto_delete", "exchange_arguments", "queue_durable", "queue_auto_delete", "delivery_mode"),
)


def kept(conf: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings that decide where tasks go, by the names they were given; what Celery masked stays masked. None if they are too many to keep.

    >>> kept({"broker_url": "amqp://me:secret@rabbit", "task_default_queue": "jobs"})
    {'task_default_queue': 'jobs'}
    """
    found = {}
    for given, value in conf.items():
        name = setting_named(given)
        if name is not None and value is not None:
            found[given] = _READERS.get(name, _plain)(value)
    return found if len(msgspec.json.encode(found)) <= LARGEST_BYTES else None


def kept_queue(told: Any) -> Any:
    """The declaration of a queue as kombu tells it (Queue.as_dict), without what is as usual; a mask or a name as it is.

    >>> kept_queue({"name": "mail", "durable": True, "no_ack": False, "exchange": {"name": "post", "type": "topic", "arguments": None}})
    {'name': 'mail', 'exchange': {'name': 'post', 'type': 'topic'}}
    """
    if not isinstance(told, dict):
        return _plain(told)
    found = {name: _plain(value) for name, value in told.items() if name in _QUEUE_FIELDS and not _usual(name, value)}
    if "exchange" in found:
        found["exchange"] = _exchange(told["exchange"])
    if "bindings" in found:
        found["bindings"] = [_binding(one) for one in told["bindings"] if isinstance(one, dict)] if isinstance(told["bindings"], list) else []
    for name in ("queue_arguments", "exchange_arguments"):
        if isinstance(found.get(name), dict):
            found[name] = _arguments(found[name])
    return found


def _usual(name: str, value: Any) -> bool:
    return value is None or value == [] or (name == "durable" and value is True) or (name in ("exclusive", "auto_delete", "no_declare") and value is False)


def _exchange(told: Any) -> Any:
    if not isinstance(told, dict):
        return _plain(told)
    found = {name: _plain(value) for name, value in told.items() if name in _EXCHANGE_FIELDS and not _usual(name, value)}
    if isinstance(found.get("arguments"), dict):
        found["arguments"] = _arguments(found["arguments"])
    return {name: value for name, value in found.items() if (name, value) != ("passive", False)}


def _binding(told: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _plain(told[name]) for name in ("routing_key", "arguments") if told.get(name) is not None}
    return {**found, "exchange": _exchange(told.get("exchange"))}


def _arguments(told: Mapping[str, Any]) -> dict[str, Any]:
    """Those that RabbitMQ knows."""
    return {name: value for name, value in told.items() if name.startswith("x-") or name == "alternate-exchange"}


def _queues(told: Any) -> Any:
    if isinstance(told, dict):
        return {_text(name): kept_queue(fields) for name, fields in told.items()}
    return [kept_queue(one) for one in told] if isinstance(told, list) else _plain(told)


def _routes(told: Any) -> Any:
    return [_router(one) for one in told] if isinstance(told, list) else _router(told)


def _router(told: Any) -> Any:
    """A table, a list of pairs, or the text of what is code of the application."""
    if isinstance(told, dict):
        return {_text(key): _route(value) for key, value in told.items()}
    if isinstance(told, list):
        return [[_plain(pair[0]), _route(pair[1])] if isinstance(pair, list) and len(pair) == 2 else _plain(pair) for pair in told]
    return _plain(told)


def _route(told: Any) -> Any:
    if not isinstance(told, dict):
        return _plain(told)
    found = {name: _plain(value) for name, value in told.items() if name in _ROUTE_FIELDS}
    if isinstance(told.get("queue"), dict):
        found["queue"] = kept_queue(told["queue"])
    if isinstance(told.get("exchange"), dict):
        found["exchange"] = _exchange(told["exchange"])
    return found


def _annotations(told: Any) -> Any:
    return [_annotation(one) for one in told] if isinstance(told, list) else _annotation(told)


def _annotation(told: Any) -> Any:
    if not isinstance(told, dict):
        return _plain(told)
    return {_text(task): _attributes(attributes) for task, attributes in told.items()}


def _attributes(told: Any) -> Any:
    return {name: _plain(value) for name, value in told.items() if name in EXECUTION_OPTIONS} if isinstance(told, dict) else _plain(told)


def _plain(value: Any, depth: int = 0) -> Any:
    """Bounded in depth and length, in text that every database takes."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict) and depth < _DEEPEST:
        return {_text(name): _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list) and depth < _DEEPEST:
        return [_plain(inner, depth + 1) for inner in value]
    return value if isinstance(value, bool | int | float) else None


def _text(value: str) -> str:
    """Without the place in memory of what it names: that differs in each process."""
    return _ADDRESS.sub("", value[:_LONGEST_TEXT]).encode("utf-8", "replace").decode().replace("\x00", "�")


_READERS: dict[str, Callable[[Any], Any]] = {"task_queues": _queues, "task_routes": _routes, "task_annotations": _annotations}
