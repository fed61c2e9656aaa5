"""What a file of the audit log has in its columns. Pure."""

from __future__ import annotations

from typing import Any

from dashboard.people.audit_chain import Entry

COLUMNS = (
    "number", "at", "user_id", "user_name", "address", "via", "action", "broker", "vhost", "name", "outcome", "intent", "detail", "previous", "hash",
)  # fmt: skip
ENDED = "the login is over, or the permission to read the audit log was taken back."


def as_values(entry: Entry, outcome: str) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": entry.at.isoformat(), "outcome": outcome}
