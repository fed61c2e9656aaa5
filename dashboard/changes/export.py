"""What a file of changes has in its columns. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from brokers.models import Change

COLUMNS = ("at", "earlier_at", "broker", "vhost", "kind", "what", "name", "text", "before", "after", "who")
ENDED = "the login is over, or nothing may be viewed any more."


def values_of(one: Change) -> dict[str, Any]:
    return {name: getattr(one, name) for name in COLUMNS} | {"at": _moment(one.at), "earlier_at": _moment(one.earlier_at), "broker": one.broker.name}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
