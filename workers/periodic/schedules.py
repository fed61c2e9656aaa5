"""Schedules of periodic tasks as Celery prints them, and the moments at which they are due.

A worker answers `inspect conf` with its `beat_schedule`, in which each schedule is a number of seconds or the text that Python or Celery prints of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

MOST_MOMENTS = 3_000
_FREQUENCY = re.compile(r"<freq: (\d+(?:\.\d+)?) (second|minute|hour|day)s?>")
_DELTA = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?")
_CRONTAB = re.compile(r"<crontab: (\S+) (\S+) (\S+) (\S+) (\S+) \((m/h/\w+/\w+/\w+)\)(?:, ([\w/+-]{1,100}))?>")  # with a zone: django-celery-beat
_ORDERS = {"m/h/dM/MY/d": (0, 1, 2, 3, 4), "m/h/d/dM/MY": (0, 1, 3, 4, 2)}  # of Celery 5.4 and later; of earlier versions
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Every(msgspec.Struct, frozen=True, tag="every"):
    """So many seconds after the last run."""

    seconds: float


class Crontab(msgspec.Struct, frozen=True, tag="crontab"):
    """Celery's crontab: unlike cron's, a day must fit both its fields. `timezone` is a name of the IANA database."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    timezone: str = "UTC"

    @property
    def expression(self) -> str:
        return f"{self.minute} {self.hour} {self.day_of_month} {self.month_of_year} {self.day_of_week}"

    def moments(self, start: datetime, end: datetime) -> list[datetime]:
        """When it is due from `start` up to, not at, `end`, in UTC; at most the first 3,000. [] where a field can't be read."""
        fields = _fields(self)
        return [] if fields is None else _moments(fields, zone(self.timezone), start, end)


class Other(msgspec.Struct, frozen=True, tag="other"):
    """A schedule of another kind, such as the sun's, as it was printed."""

    text: str


Schedule = Every | Crontab | Other


class Fields(msgspec.Struct, frozen=True):
    """What a crontab's fields allow."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days_of_month: frozenset[int]
    months: frozenset[int]
    days_of_week: frozenset[int]  # Sunday is 0


def read(reported: Any, timezone: str = "UTC") -> Schedule:
    """The schedule of an entry as it was reported.

    >>> read("<crontab: */5 3,4 * * mon-fri (m/h/dM/MY/d)>").expression
    '*/5 3,4 * * mon-fri'
    >>> read("0:01:30"), read(30), read("<freq: 10.50 seconds>"), read("<solar: sunset at …>")
    (Every(seconds=90.0), Every(seconds=30.0), Every(seconds=10.5), Other(text='<solar: sunset at …>'))
    """
    if isinstance(reported, int | float) and not isinstance(reported, bool):
        return Every(float(reported)) if 0 < reported < 1e9 else Other(str(reported)[:100])
    text = " ".join(reported.split()) if isinstance(reported, str) else ""  # django-celery-beat prints lines
    if found := _FREQUENCY.fullmatch(text):
        seconds = float(found[1]) * _SECONDS[found[2]]
        return Every(seconds) if 0 < seconds < 1e9 else Other(text)
    if found := _DELTA.fullmatch(text):
        days, hours, minutes, whole = (int(part or 0) for part in found.groups()[:4])
        seconds = days * 86400 + hours * 3600 + minutes * 60 + whole + float(f"0.{found[5] or 0}")
        return Every(float(seconds)) if seconds > 0 else Other(text)
    if (found := _CRONTAB.fullmatch(text)) and found[6] in _ORDERS:
        minute, hour, day, month, weekday = (found[1 + place][:100] for place in _ORDERS[found[6]])
        return Crontab(minute, hour, day, month, weekday, found[7] or timezone)
    return Other(text[:100])


def period(schedule: Schedule, now: datetime) -> timedelta | None:
    """About how long it is from one run to the next; None where that is unknown."""
    if isinstance(schedule, Every):
        return timedelta(seconds=schedule.seconds)
    if isinstance(schedule, Crontab):
        for days in (1, 8, 62):
            moments = schedule.moments(now, now + timedelta(days=days))
            if len(moments) > 1:
                return min(after - before for before, after in itertools.pairwise(moments))
    return None


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The time zone of this name, or UTC where there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError
        return UTC


@lru_cache(maxsize=2048)
def _fields(crontab: Crontab) -> Fields | None:
    """As Celery itself reads them; None for what it refuses."""
    from celery.schedules import ParseException  # a quarter of a second, which only who needs it waits for
    from celery.schedules import crontab as celery_crontab

    try:
        found = celery_crontab(crontab.minute, crontab.hour, crontab.day_of_week, crontab.day_of_month, crontab.month_of_year)
    except (ParseException, ValueError, TypeError):
        return None
    return Fields(*(frozenset(getattr(found, name)) for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")))


def _moments(fields: Fields, there: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    day = (start.astimezone(there) - timedelta(days=1)).date()
    last = (end.astimezone(there) + timedelta(days=1)).date()
    while day <= last and len(found) < MOST_MOMENTS:
        if day.month in fields.months and day.day in fields.days_of_month and day.isoweekday() % 7 in fields.days_of_week:
            found += [moment for moment in _of_day(fields, there, day.year, day.month, day.day) if start <= moment < end]
        day += timedelta(days=1)
    return sorted(set(found))[:MOST_MOMENTS]


def _of_day(fields: Fields, there: tzinfo, *day: int) -> Iterator[datetime]:
    for hour in sorted(fields.hours):
        for minute in sorted(fields.minutes):
            yield datetime(day[0], day[1], day[2], hour, minute, tzinfo=there).astimezone(UTC)
