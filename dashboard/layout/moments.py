"""Moments as people type them: "-2h", "14:20", "2026-11-24 14:20". Pure; times without a zone are UTC."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

EXAMPLES = "-2h, 14:20 or 2026-11-24T14:20"
_AGO = re.compile(r"-?\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|min|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def moment_of(text: str, now: datetime) -> datetime | None:
    """The moment that the text means; a time of day is the last one that was; None if it is no moment.

    >>> noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    >>> [str(moment_of(text, noon))[:16] for text in ("-2h", "11:30", "23:30", "2026-11-20", "soon")]
    ['2026-11-24 10:00', '2026-11-24 11:30', '2026-11-23 23:30', '2026-11-20 00:00', 'None']
    >>> moment_of("0001-01-01", noon), moment_of("9999-12-31T23:59:59Z", noon)
    (None, None)
    """
    found = _read(text.strip(), now)
    return found if found is not None and MINYEAR < found.year < MAXYEAR else None  # what is a day before or after it is a moment too


def _read(text: str, now: datetime) -> datetime | None:
    try:
        if ago := _AGO.fullmatch(text.lower()):
            return now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
        if clock := _CLOCK.fullmatch(text):
            then = now.astimezone(UTC).replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            return then if then <= now else then - timedelta(days=1)
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
