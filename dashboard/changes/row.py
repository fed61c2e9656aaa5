"""One change, or one mark, in the list and on its own page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.urls import reverse

from brokers.models import Change
from dashboard.changes.filter import MARK
from dashboard.layout import formatting
from dashboard.models import Mark

KIND_WORDS = {"operator_policy": "operator policy", "vhost": "virtual host", "worker": "worker node", "hareline": "Hareline"}
LEVELS = {"raised": "warning", "gone": "notice"}


class Row(msgspec.Struct, frozen=True):
    """`between`: "between 12:00:01 and 12:00:06", or "before 12:00:06". `before` and `after`: definitions as text, "" for none."""

    key: str
    at: datetime
    kind: str
    what: str
    text: str
    address: str
    broker: str
    vhost: str
    who: str
    between: str = ""
    before: str = ""
    after: str = ""
    link: str = ""  # of a mark
    is_mark: bool = False
    pk: int = 0
    may_remove: bool = False


def row_of(change: Change, now: datetime) -> Row:
    return Row(
        f"change-{change.pk}",
        change.at,
        KIND_WORDS.get(change.kind, change.kind),
        change.what,
        change.text,
        reverse("change", args=[change.pk]),
        change.broker.name,
        change.vhost,
        change.who or "",
        between(change, now),
        definition_text(change.before),
        definition_text(change.after),
        pk=change.pk,
    )


def mark_row(mark: Mark, may_remove: bool) -> Row:
    broker = mark.broker.name if mark.broker else ""
    return Row(f"mark-{mark.pk}", mark.at, MARK, "", mark.title, "", broker, "", mark.made_by, link=mark.url, is_mark=True, pk=mark.pk, may_remove=may_remove)


def between(change: Change, now: datetime) -> str:
    """When it happened, as far as polls show it."""
    end = formatting.moment_text(change.at, now)
    if change.earlier_at is None:
        return f"before {end}; when it was last otherwise is not known"
    start = formatting.moment_text(change.earlier_at, now)
    return f"between {start} and {end}" if start != end else f"at {end}"


def definition_text(definition: Mapping[str, Any] | None) -> str:
    """The definition, a line a field.

    >>> print(definition_text({"routing_key": "order.*", "arguments": {}, "durable": True}))
    routing_key: order.*
    durable: true
    """
    if definition is None:
        return ""
    lines = [f"{name}: {_value(value)}" for name, value in definition.items() if value not in ({}, [], "")]
    return "\n".join(lines) or "(without settings)"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
