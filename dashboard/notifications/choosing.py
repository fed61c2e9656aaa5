"""Which findings a target is notified of, and at which hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

LEVELS = ("critical", "warning", "unknown", "notice")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_DAYS = tuple(range(7))
MIDNIGHT = "24:00"  # the end of a day


class What(Protocol):
    """A finding: a row of `dashboard.models.Finding`, with its broker's name."""

    rule: str
    level: str
    vhost: str
    name: str


class Selection(msgspec.Struct, frozen=True):
    """Patterns are shell-style (`*`, `?`); no pattern matches everything."""

    levels: tuple[str, ...] = ("critical", "warning")
    rules: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    vhosts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def matches(self, what: What, broker: str) -> bool:
        """`broker` is "" for a finding about Hareline itself."""
        pairs = ((what.rule, self.rules), (broker, self.brokers), (what.vhost, self.vhosts), (what.name, self.names))
        return what.level in self.levels and all(_matches(value, patterns) for value, patterns in pairs)


def _matches(value: str, patterns: Iterable[str]) -> bool:
    patterns = tuple(patterns)
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


class Schedule(msgspec.Struct, frozen=True):
    """Days (Monday is 0) and hours in a time zone. `ends` is on the next day where it is before `begins`, or the same; such a night belongs to the day on
    which it begins."""

    days: tuple[int, ...] = ALL_DAYS
    begins: str = "00:00"
    ends: str = MIDNIGHT
    zone: str = "UTC"

    def is_open(self, now: datetime) -> bool:
        """
        >>> from datetime import UTC
        >>> night = Schedule(days=(4,), begins="22:00", ends="06:00", zone="Europe/Berlin")
        >>> [night.is_open(datetime(2026, 11, day, hour, tzinfo=UTC)) for day, hour in ((27, 20), (27, 21), (28, 4), (28, 5), (28, 21))]
        [False, True, True, False, False]
        """
        local = now.astimezone(zone_of(self.zone))
        minute, begins, ends = local.hour * 60 + local.minute, minutes(self.begins), minutes(self.ends)
        if begins < ends:
            return local.weekday() in self.days and begins <= minute < ends
        return (minute >= begins and local.weekday() in self.days) or (minute < ends and (local.weekday() - 1) % 7 in self.days)

    def text(self) -> str:
        """
        >>> Schedule().text(), Schedule(days=(0, 1, 2, 3, 4), begins="08:00", ends="18:00", zone="Europe/Berlin").text()
        ('at any time', 'Mon–Fri 08:00–18:00 Europe/Berlin')
        """
        hours = "" if (self.begins, self.ends) == ("00:00", MIDNIGHT) else f" {self.begins}–{self.ends}"
        if self.days == ALL_DAYS and not hours:
            return "at any time"
        return f"{_days_text(self.days)}{hours} {self.zone}"


def zone_of(name: str) -> tzinfo:
    """A time zone; UTC for one that this machine no longer knows, so that people are notified all the same."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def minutes(text: str) -> int:
    """Minutes since midnight of a time of day, "24:00" included. Raises ValueError.

    >>> minutes("08:30"), minutes("24:00")
    (510, 1440)
    """
    if text == MIDNIGHT:
        return 24 * 60
    found = time.fromisoformat(text)
    return found.hour * 60 + found.minute


def _days_text(days: tuple[int, ...]) -> str:
    if days == ALL_DAYS:
        return "every day"
    if len(days) > 2 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{DAYS[days[0]]}–{DAYS[days[-1]]}"
    return ", ".join(DAYS[day] for day in days)


_CAUGHT_UP = timedelta(hours=6)
"""A digest that could not be planned at its hour is, so long after it."""


def digest_is_due(hour: int | None, zone: str, last: datetime | None, now: datetime) -> bool:
    """Whether today's digest is due: its hour has come, and none was planned since."""
    if hour is None:
        return False
    local = now.astimezone(zone_of(zone))
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return timedelta(0) <= local - today < _CAUGHT_UP and (last is None or not today <= last.astimezone(local.tzinfo) <= local)
