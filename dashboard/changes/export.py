"""What a file of changes has in its columns. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from brokers.models import Change
from dashboard.changes.filter import MARK
from dashboard.models import Mark

COLUMNS = ("at", "earlier_at", "broker", "vhost", "kind", "what", "name", "text", "before", "after", "who")
ENDED = "the login is over, or nothing may be viewed any more."


def values_of(one: Change) -> dict[str, Any]:
    return {name: getattr(one, name) for name in COLUMNS} | {"at": _moment(one.at), "earlier_at": _moment(one.earlier_at), "broker": one.broker.name}


def values_of_mark(one: Mark) -> dict[str, Any]:
    """The same of a mark: its title is the text, its link stands in `after`."""
    known = {"at": _moment(one.at), "broker": one.broker.name if one.broker else "", "kind": MARK, "text": one.title, "who": one.made_by}
    return dict.fromkeys(COLUMNS) | known | {"after": {"url": one.url} if one.url else None}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
