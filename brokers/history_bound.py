"""Keeps history within the bytes that a setting allows: a job of the maintenance process."""

from __future__ import annotations

from datetime import UTC, datetime

from brokers.history_bytes import Stored, kept_seconds
from brokers.queries.history_sizes import history_sizes
from brokers.store import trim_tiers

SPARE = 0.95
"""To so much of the bound history is trimmed once it is above it: a tier begins with a keyframe, so a little more stays than was aimed at."""


def measure_and_trim(most_bytes: float) -> list[Stored]:
    """The sizes of the tiers, measured; `most_bytes` 0 is no bound. What is above it is deleted, the oldest first."""
    stored = history_sizes()
    if most_bytes and sum(one.size_bytes for one in stored) > most_bytes:
        kept = kept_seconds(stored, SPARE * most_bytes)
        trim_tiers({one.tier: datetime.fromtimestamp(one.last - kept[one.tier], UTC) for one in stored if one.tier in kept})
    return stored
