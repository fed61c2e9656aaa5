"""How far back the tiers of history reach and will reach, as maintenance measured them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from brokers.history_bytes import Stored, will_reach
from brokers.models import Heartbeat
from brokers.tiers import TIERS

TIER_TEXT = dict(zip(TIERS, ("Each poll", "Each minute", "Each ten minutes"), strict=True))


class Tier(msgspec.Struct, frozen=True):
    """A tier of history: since when it has numbers, for how long it will have them (None: not known yet), and its bytes."""

    step_seconds: int
    what: str
    since: datetime
    will_reach_seconds: float | None
    size_bytes: float


def kept_by(name: str) -> float:
    """The setting; 0 is no bound."""
    return float(getattr(settings, f"RETENTION_{name}"))


def measured_history(beats: Sequence[Heartbeat]) -> tuple[list[Tier], datetime | None]:
    """The tiers as maintenance measured them last."""
    measured = next((beat.measured["history"] for beat in beats if beat.measured and beat.measured.get("history")), None)
    if measured is None:
        return [], None
    stored = [Stored(*row) for row in measured["tiers"]]
    kept = dict(zip(TIERS, (kept_by("RAW_HOURS") * 3600, kept_by("MINUTE_DAYS") * 86_400, kept_by("TEN_MINUTE_DAYS") * 86_400), strict=True))
    reach = will_reach(stored, kept, kept_by("HISTORY_BYTES") or None)
    found = [Tier(one.tier, TIER_TEXT[one.tier], datetime.fromtimestamp(one.first, UTC), reach.get(one.tier), one.size_bytes) for one in stored]
    return found, datetime.fromisoformat(measured["at"])
