"""Changes as CSV, or as JSON with an object a line. Pure."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from brokers.models import Change
from dashboard.layout.csv_cells import csv_cell

COLUMNS = ("at", "earlier_at", "broker", "vhost", "kind", "what", "name", "text", "before", "after", "who")
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
ENDINGS = {"csv": "csv", "json": "ndjson"}


def head(kind: str) -> str:
    return ",".join(COLUMNS) + "\r\n" if kind == "csv" else ""


def piece(kind: str, changes: Iterable[Change]) -> str:
    values = [values_of(one) for one in changes]
    if kind == "json":
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in values)
    text = StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in each.values()] for each in values)
    return text.getvalue()


def ended(kind: str) -> str:
    """In place of the rest."""
    reason = "The export ends here: the login is over, or nothing may be viewed any more."
    return f'"{reason}"\r\n' if kind == "csv" else json.dumps({"error": reason}) + "\n"


def values_of(one: Change) -> dict[str, Any]:
    return {name: getattr(one, name) for name in COLUMNS} | {"at": _moment(one.at), "earlier_at": _moment(one.earlier_at), "broker": one.broker.name}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
