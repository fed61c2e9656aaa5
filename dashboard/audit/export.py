"""The audit log as CSV, or as JSON with an object a line: piece by piece, so that millions of entries need no memory. Pure."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from io import StringIO
from typing import Any, TypeVar

from dashboard.layout.csv_cells import csv_cell
from dashboard.people.audit_chain import Entry

E = TypeVar("E", bound=Entry)
COLUMNS = (
    "number", "at", "user_id", "user_name", "address", "via", "action", "broker", "vhost", "name", "outcome", "intent", "detail", "previous", "hash",
)  # fmt: skip
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
ENDINGS = {"csv": "csv", "json": "ndjson"}


def head(kind: str) -> str:
    return ",".join(COLUMNS) + "\r\n" if kind == "csv" else ""


def piece(kind: str, entries: Iterable[E], outcome_of: Callable[[E], str]) -> str:
    """`outcome_of` is the word that the page has for it: of an intent in the log "begun" is no outcome."""
    values = [as_values(entry, outcome_of(entry)) for entry in entries]
    if kind == "json":
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in values)
    text = StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in each.values()] for each in values)
    return text.getvalue()


def ended(kind: str) -> str:
    """In place of the rest."""
    reason = "The export ends here: the login is over, or the permission to read the audit log was taken back."
    return f'"{reason}"\r\n' if kind == "csv" else json.dumps({"error": reason}) + "\n"


def as_values(entry: Entry, outcome: str) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": entry.at.isoformat(), "outcome": outcome}
