"""The first values of the form of Send: those of a task that was sent or seen before, else the address's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.scope import Scope
from dashboard import queries as own_queries
from dashboard.layout import json_fields
from dashboard.send import action as sending
from dashboard.send import form as send_form
from workers import queries
from workers.models import Task
from workers.sending.described_arguments import described


def values(scope: Scope, query: Mapping[str, str]) -> dict[str, str]:
    """{field: text} of all fields. `again` and `sent` number an audit event, `like` a task that was seen; else each field has its own parameter."""
    found = {name: query[name][:2000] for name in send_form.TEXTS if query.get(name)}
    sent, seen = number(query.get("again") or query.get("sent")), number(query.get("like"))
    if sent and (event := own_queries.audit_event(sent, sending.ACTION)) and scope.covers(event.broker, event.vhost):
        found = _values_of(event.detail)
        if not scope.shows_arguments(event.broker, event.vhost):
            found = {name: value for name, value in found.items() if name not in ("args", "kwargs")}
    elif seen and (task := queries.task_by_id(scope, seen)):
        where = {"exchange": task.exchange, "routing_key": task.routing_key} if task.exchange else {"queue": task.routing_key or task.queue}
        read = described(task.args, task.kwargs)
        known = {"task": task.name, **where, **{name: json_fields.written(value) for name in ("args", "kwargs") if (value := getattr(read, name)) is not None}}
        found = {name: value for name, value in known.items() if value}
    return {**send_form.EMPTY, **found}


def like(scope: Scope, text: str | None) -> Task | None:
    """The task that is to be sent like, None where none is, or it is not visible."""
    pk = number(text)
    return queries.task_by_id(scope, pk) if pk else None


def number(text: str | None) -> int | None:
    """The row's number in a parameter, None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _values_of(detail: Mapping[str, Any]) -> dict[str, str]:
    options = sending.options_of(detail)
    if detail.get("usual"):
        options = {name: value for name, value in options.items() if name not in ("queue", "exchange", "routing_key")}
    given = {"task": detail.get("task"), "args": detail.get("args"), "kwargs": detail.get("kwargs"), **options}
    return {name: str(value) for name, value in given.items() if value not in (None, "") and name in send_form.TEXTS}
