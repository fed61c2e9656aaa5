"""A question about one task, read from JSON: the configuration, the task, how it is called, what exists in the broker.

Pure. Whatever can't be understood is a BadQuestion that names its field. Options that have no part in the destination are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from workers.destinations.declarations import Predeclared, read_predeclared
from workers.destinations.patterns import Matcher
from workers.destinations.settings import Mapped, Settings, check_address, read_settings
from workers.destinations.terms import BadQuestion, Decoder, number, table

SIGNATURE_CALLED = "signature+apply_async"
WAYS = ("apply_async", "delay", "send_task", "send_task+finalize", "signature", SIGNATURE_CALLED, "signature.set", "group", "chain")
"""`signature+apply_async`: its own options (`sig_options`) under those of the call, as `signature` too where it has any."""
EXECUTION_OPTIONS = (
    "queue",
    "routing_key",
    "exchange",
    "priority",
    "expires",
    "serializer",
    "delivery_mode",
    "compression",
    "time_limit",
    "soft_time_limit",
    "immediate",
    "mandatory",
)
"""What a call takes over from the task's attributes: celery/app/task.py extract_exec_options."""

_IRRELEVANT = {
    *("link", "link_error", "chord", "chain", "task_id", "shadow", "add_to_parent", "group_id", "group_index", "retries", "root_id", "parent_id"),
    *("now", "timezone", "origin", "ignore_result", "replaced_task_nesting", "retry", "retry_policy", "timeout", "confirm_timeout"),
    *("argsrepr", "kwargsrepr", "time_limit", "soft_time_limit", "serializer", "compression", "reply_to", "stamped_headers", "content_type"),
    *("content_encoding", "expiration", "debug", "immutable"),
}
_NOT_DATA = {
    *("self", "name", "args", "kwargs", "task_type", "result_cls", "producer", "publisher", "connection", "router", "message", "body"),
    *("callbacks", "errbacks", "create_sent_event", "event_dispatcher"),
}
_UNTOUCHABLE = {"name", "app", "run", "request", "backend", "bind", "typing", "strategy", "abstract", "registered"}
_TASK = ("name", "attributes", "unregistered")
_KNOWN = {"conf", "task", "options", "args", "kwargs", "via", "sig_options", "predeclare", "id", "note", "expect", "broker", "vhost"}


class Question(msgspec.Struct, frozen=True):
    """`options` are those of the call, `signature_options` those set on the signature before it; `registered`: the sender knows the task's class."""

    settings: Settings
    mapped: tuple[Mapped, ...]
    task: str
    attributes: dict[str, Any]
    registered: bool
    via: str
    options: dict[str, Any]
    signature_options: dict[str, Any]
    args: list[Any]
    kwargs: dict[str, Any]
    predeclared: Predeclared
    matcher: Matcher


def read_question(data: Any) -> Question:
    """Raises BadQuestion.

    >>> read_question({"conf": {}, "task": {"name": "shop.mail"}}).via
    'apply_async'
    """
    if not isinstance(data, dict):
        raise BadQuestion("question", "must be a JSON object")
    for name in data:
        if name not in _KNOWN:
            raise BadQuestion(str(name)[:100], "is no field of a question about a task")
    decoder = Decoder()
    conf = _table_of(data, "conf", required=True)
    settings, mapped = read_settings({name: decoder.decode(value, f"conf.{name}") for name, value in conf.items()})
    name, task = _task(data)
    via = data.get("via") or "apply_async"
    if via not in WAYS:
        raise BadQuestion("via", f"must be one of {', '.join(WAYS)}")
    args = data.get("args") or []
    if not isinstance(args, list):
        raise BadQuestion("args", "must be a list")
    unregistered = bool(task.get("unregistered"))
    return Question(
        settings=settings,
        mapped=mapped,
        task=name,
        attributes=_attributes(decoder.decode(_table_of(task, "attributes", path="task.attributes"), "task.attributes")),
        registered=not unregistered,
        via="send_task" if unregistered and via in ("apply_async", "delay") else via,
        options=_options(decoder.decode(_table_of(data, "options"), "options"), "options"),
        signature_options=_options(decoder.decode(_table_of(data, "sig_options"), "sig_options"), "sig_options"),
        args=args,
        kwargs=_table_of(data, "kwargs"),
        predeclared=read_predeclared(_table_of(data, "predeclare")),
        matcher=Matcher(),
    )


def _table_of(data: Mapping[str, Any], name: str, *, path: str = "", required: bool = False) -> dict[str, Any]:
    if data.get(name) is None and not required:
        return {}
    return table(data.get(name), path or name)


def _task(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    task = data.get("task")
    task = {"name": task} if isinstance(task, str) else task
    if not isinstance(task, dict):
        raise BadQuestion("task", "must be a table with a name")
    for field in task:
        if field not in _TASK:
            raise BadQuestion(f"task.{str(field)[:100]}", "is no field of a task")
    name = task.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 1000:
        raise BadQuestion("task.name", "must be the task's name, at most 1000 characters")
    return name, task


def _attributes(data: dict[str, Any]) -> dict[str, Any]:
    """Those that are data; methods of a task are none."""
    found = {name: value for name, value in data.items() if name.isidentifier() and not name.startswith("_") and name not in _UNTOUCHABLE}
    _check(found, "task.attributes")
    for name in ("time_limit", "soft_time_limit"):
        if found.get(name) is not None:
            number(found[name], f"task.attributes.{name}")
    return found


def _options(data: dict[str, Any], path: str) -> dict[str, Any]:
    for name in data:
        if name in _NOT_DATA:
            raise BadQuestion(f"{path}.{name}", "is not a supported option")
    found = {name: value for name, value in data.items() if name not in _IRRELEVANT}
    _check(found, path)
    return found


def _check(data: dict[str, Any], path: str) -> None:
    check_address(data, path)
    for name in ("countdown", "priority"):
        if data.get(name) is not None:
            number(data[name], f"{path}.{name}")
    if data.get("expires") is not None and not isinstance(data["expires"], str):
        number(data["expires"], f"{path}.expires")
    for name in ("eta", "expires"):
        if data.get(name) is not None and (name == "eta" or isinstance(data[name], str)):
            _check_moment(data[name], f"{path}.{name}")


def _check_moment(value: Any, path: str) -> None:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadQuestion(path, "must be a moment as ISO 8601 text") from None
