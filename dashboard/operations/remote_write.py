"""How far the long-term store is behind, in numbers and as a sentence."""

from __future__ import annotations

from datetime import datetime

from dashboard.layout import formatting
from dashboard.models import RemoteWrite


def lag_seconds(row: RemoteWrite, now: datetime) -> float:
    """The age of the first recorded moment that waits to be written; 0 where none does."""
    return 0.0 if row.behind_since is None else max(0.0, (now - row.behind_since).total_seconds())


def remote_write_text(row: RemoteWrite, now: datetime) -> str:
    """What is wrong, as a sentence; "" if nothing is."""
    found = []
    if row.error and row.failing_since is not None:
        waits = f"; figures since {formatting.moment_text(row.behind_since, now)} wait" if row.behind_since else ""
        found.append(f"Nothing can be written to {row.address} for {formatting.age(row.failing_since, now)}: {row.error}{waits}.")
    if row.dropped:
        found.append(f"{row.address} refused {formatting.number(row.dropped)} {'sample' if row.dropped == 1 else 'samples'} for good ({row.refusal}).")
    return " ".join(found)
