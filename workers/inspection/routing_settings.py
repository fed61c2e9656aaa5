"""The part of a worker's configuration (`inspect conf`) that decides where tasks go, by an allow-list.

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

OTHER_SETTINGS = (
    *("event_exchange", "event_queue_prefix", "control_exchange", "accept_content", "task_serializer"),
    *("worker_detect_quorum_queues", "broker_native_delayed_delivery_queue_type", "worker_pool_restarts"),
)
"""Beside those that decide where tasks go, and whether the pool may be restarted; kept by these names, however they were given."""
LARGEST_BYTES = 64 * 1024
_LONGEST_TEXT, _DEEPEST = 500, 8
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_ROUTE_FIELDS = ("queue", "exchange", "exchange_type", "routing_key", "priority", "countdown", "eta", "expires", "delivery_mode", "mandatory", "immediate")
_EXCHANGE_FIELDS = ("name", "type", "durable", "auto_delete", "arguments", "delivery_mode", "no_declare", "passive")
_QUEUE_FIELDS = (
    *("name", "queue", "exchange", "exchange_type", "routing_key", "binding_key", "alias", "durable", "exclusive", "auto_delete", "no_declare", "bindings"),
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
        elif (other := given.lower().removeprefix("celery_")) in OTHER_SETTINGS and value is not None:
            found[other] = _plain(value)
    return found if len(msgspec.json.encode(found)) <= LARGEST_BYTES else None


def kept_queue(reported: Any) -> Any:
    """The declaration of a queue as kombu reports it (Queue.as_dict), without default values; a mask or a name as it is.

    >>> kept_queue({"name": "mail", "durable": True, "no_ack": False, "exchange": {"name": "post", "type": "topic", "arguments": None}})
    {'name': 'mail', 'exchange': {'name': 'post', 'type': 'topic'}}
    """
    if not isinstance(reported, dict):
        return _plain(reported)
    found = {name: _plain(value) for name, value in reported.items() if name in _QUEUE_FIELDS and not _usual(name, value)}
    if "exchange" in found:
        found["exchange"] = _exchange(reported["exchange"])
    if "bindings" in found:
        found["bindings"] = [_binding(one) for one in reported["bindings"] if isinstance(one, dict)] if isinstance(reported["bindings"], list) else []
    for name in ("queue_arguments", "exchange_arguments"):
        if isinstance(found.get(name), dict):
            found[name] = _arguments(found[name])
    return found


def is_queue(reported: Any) -> bool:
    """Whether it is a queue of kombu and no table of routes: those may stand among routers, where Celery fails on them."""
    return isinstance(reported, dict) and {"name", "exchange", "routing_key", "no_ack", "durable"} <= reported.keys()


def is_exchange(reported: Any) -> bool:
    return isinstance(reported, dict) and {"name", "type", "durable", "delivery_mode"} <= reported.keys()


def _usual(name: str, value: Any) -> bool:
    return value is None or value == [] or (name == "durable" and value is True) or (name in ("exclusive", "auto_delete", "no_declare") and value is False)


def _exchange(reported: Any) -> Any:
    if not isinstance(reported, dict):
        return _plain(reported)
    found = {name: _plain(value) for name, value in reported.items() if name in _EXCHANGE_FIELDS and not _usual(name, value)}
    if isinstance(found.get("arguments"), dict):
        found["arguments"] = _arguments(found["arguments"])
    return {name: value for name, value in found.items() if (name, value) != ("passive", False)}


def _binding(reported: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _plain(reported[name]) for name in ("routing_key", "arguments") if reported.get(name) is not None}
    return {**found, "exchange": _exchange(reported.get("exchange"))}


def _arguments(reported: Mapping[str, Any]) -> dict[str, Any]:
    """Those that RabbitMQ knows."""
    return {name: value for name, value in reported.items() if name.startswith("x-") or name == "alternate-exchange"}


def _queues(reported: Any) -> Any:
    if isinstance(reported, dict):
        return {_text(name): kept_queue(fields) for name, fields in reported.items()}
    return [kept_queue(one) for one in reported] if isinstance(reported, list) else _plain(reported)


def _routes(reported: Any) -> Any:
    return [_router(one) for one in reported] if isinstance(reported, list) else _router(reported)


def _router(reported: Any) -> Any:
    """A table, a list of pairs, or the text of what is code of the application."""
    if is_queue(reported):
        return {"$queue": kept_queue(reported)}
    if is_exchange(reported):
        return {"$exchange": _exchange(reported)}
    if isinstance(reported, dict):
        return {_text(key): _route(value) for key, value in reported.items()}
    if isinstance(reported, list):
        return [[_plain(pair[0]), _route(pair[1])] if isinstance(pair, list) and len(pair) == 2 else _plain(pair) for pair in reported]
    return _plain(reported)


def _route(reported: Any) -> Any:
    if not isinstance(reported, dict):
        return _plain(reported)
    found = {name: _plain(value) for name, value in reported.items() if name in _ROUTE_FIELDS}
    if isinstance(reported.get("queue"), dict):
        found["queue"] = kept_queue(reported["queue"])
    if isinstance(reported.get("exchange"), dict):
        found["exchange"] = _exchange(reported["exchange"])
    return found


def _annotations(reported: Any) -> Any:
    return [_annotation(one) for one in reported] if isinstance(reported, list) else _annotation(reported)


def _annotation(reported: Any) -> Any:
    if not isinstance(reported, dict):
        return _plain(reported)
    return {_text(task): _attributes(attributes) for task, attributes in reported.items()}


def _attributes(reported: Any) -> Any:
    return {name: _plain(value) for name, value in reported.items() if name in EXECUTION_OPTIONS} if isinstance(reported, dict) else _plain(reported)


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
