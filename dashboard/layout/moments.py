"""Moments as people type them: "-2h", "14:20", "2026-11-24 14:20", "10 minutes ago"; and the past moment of an address. Pure; times without a zone are UTC."""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta

EXAMPLES = "-2h, 14:20 or 2026-11-24T14:20"
AT_EXAMPLES = "2026-11-24T03:10:50Z, 03:10, -2h or 10 minutes ago"
AT = "at"
"""The parameter of an address that holds the moment of a page."""
_AGO = re.compile(r"-?\s*(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|min|h|d|w)")
_SAID_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|min|h|d|w)[a-z]*\.?\s+ago")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_PRINTED = re.compile(r"(?:[A-Z][a-z]{2}\s+)?(\d{1,2} [A-Z][a-z]{2} \d{4}),?\s+(\d{1,2}:\d{2}(?::\d{2})?)(?:\s+UTC)?")
_LOST_PLUS = re.compile(r"(T.*\d) (\d{2}:?\d{2})$")  # a + that stands in an address as it is means a blank there
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class NoSuchMoment(ValueError):
    """A moment that a page can't show. `str()` is a sentence that names the field and what is allowed."""


def moment_of(text: str, now: datetime) -> datetime | None:
    """The moment that the text means; a time of day is the last one that was; None if it is no moment.

    >>> noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    >>> [str(moment_of(text, noon))[:16] for text in ("-2h", "11:30", "23:30", "2026-11-20", "soon")]
    ['2026-11-24 10:00', '2026-11-24 11:30', '2026-11-23 23:30', '2026-11-20 00:00', 'None']
    >>> [str(moment_of(text, noon))[:16] for text in ("10 minutes ago", "Tue 24 Nov 2026, 03:10:50 UTC", "2026-11-24T03:10 01:00")]
    ['2026-11-24 11:50', '2026-11-24 03:10', '2026-11-24 02:10']
    >>> moment_of("0001-01-01", noon), moment_of("9999-12-31T23:59:59Z", noon)
    (None, None)
    """
    found = _read(text.strip(), now)
    return found if found is not None and MINYEAR < found.year < MAXYEAR else None  # what is a day before or after it is a moment too


def _read(text: str, now: datetime) -> datetime | None:
    try:
        if ago := _AGO.fullmatch(text.lower()) or _SAID_AGO.fullmatch(text.lower()):
            return now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
        if clock := _CLOCK.fullmatch(text):
            then = now.astimezone(UTC).replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0)
            return then if then <= now else then - timedelta(days=1)
        if printed := _PRINTED.fullmatch(text):
            time = printed[2] if printed[2].count(":") == 2 else f"{printed[2]}:00"
            return datetime.strptime(f"{printed[1]} {time} +0000", "%d %b %Y %H:%M:%S %z")
        found = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def past_moment(text: str, now: datetime, first: datetime | None) -> datetime:
    """The past moment that an address names; `first` is the first one of which anything is recorded. Raises NoSuchMoment.

    >>> noon, first = datetime(2026, 11, 24, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    >>> past_moment("2026-11-24T03:10:50Z", noon, first).isoformat()
    '2026-11-24T03:10:50+00:00'
    >>> past_moment("tomorrow", noon, first)
    Traceback (most recent call last):
        ...
    dashboard.layout.moments.NoSuchMoment: The field “at” holds no moment that Hareline understands. Write 2026-11-24T03:10:50Z, 03:10, -2h or 10 minutes ago.
    """
    at = moment_of(text, now)
    if at is None:
        raise NoSuchMoment(f"The field “at” holds no moment that Hareline understands. Write {AT_EXAMPLES}.")
    if at > now:
        raise NoSuchMoment(f"The field “at” is {_shown(at)}, which is in the future. It takes moments up to now, {_shown(now)}.")
    if first is None:
        raise NoSuchMoment("The field “at” names a past moment, and nothing is recorded yet.")
    if at < first:
        raise NoSuchMoment(f"The field “at” is {_shown(at)}, which is before the first record that is kept. It takes moments from {_shown(first)} on.")
    return at


def at_text(at: datetime) -> str:
    """The moment as an address holds it.

    >>> at_text(datetime(2026, 11, 24, 3, 10, 50, tzinfo=UTC)), at_text(datetime(2026, 11, 24, 3, 10, 50, 250000, tzinfo=UTC))
    ('2026-11-24T03:10:50Z', '2026-11-24T03:10:50.250000Z')
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
