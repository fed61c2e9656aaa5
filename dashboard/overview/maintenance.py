"""Hareline's own maintenance process, where it is silent: nothing else on a page depends on it, so nothing else would show it.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from brokers.clock import is_within
from brokers.models import Heartbeat
from dashboard.layout import formatting
from dashboard.layout.levels import Level
from dashboard.operations.readiness import BEATS_EVERY, MISSED
from dashboard.overview.head import Line


def notices(beats: Iterable[Heartbeat], now: datetime, address: str) -> list[Line]:
    """A line once its latest heartbeat is old; one that has never run is only in `/readyz`, whose `address` the line leads to."""
    latest = max((beat.at for beat in beats if beat.kind == "maintenance"), default=None)
    if latest is None or is_within(latest, now, MISSED * BEATS_EVERY):
        return []
    why = f"last stored a heartbeat at {formatting.moment_text(latest, now)}: it is stopped, stuck or starved, and old data is not deleted meanwhile"
    return [Line(Level("notice", why), "Hareline’s maintenance process", address)]
