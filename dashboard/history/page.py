"""The history page: how far back each broker is recorded, and what a day of it holds: changes, findings, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Broker
from brokers.scope import EVERYTHING, Scope
from dashboard import queries as own
from dashboard.layout import formatting
from dashboard.layout.moment_slider import Slider, stretch_of_time
from dashboard.layout.moments import AT_EXAMPLES, at_text

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
STEP = timedelta(minutes=5)
LEAST_MISSING = 10.0
"""Seconds of an hour; less is a poll that came late."""
AGO = (("1 minute", timedelta(minutes=1)), ("10 minutes", timedelta(minutes=10)), ("1 hour", HOUR), ("1 day", DAY), ("1 week", timedelta(weeks=1)))


class Reach(msgspec.Struct, frozen=True):
    """How far back a broker is recorded: `first` is None before its first poll. `steps`: "every 5 s since 3 Nov 14:27:51"."""

    name: str
    first: datetime | None
    steps: tuple[str, ...]
    address: str


class Hour(msgspec.Struct, frozen=True):
    """One hour of the day; `missing` says what of it is not recorded, "" where all is."""

    start: datetime
    words: str
    address: str
    changes: int
    findings: int
    missing: str


class HistoryPage:
    """The data of one request; `broker` is the chosen one, None for all."""

    examples = AT_EXAMPLES

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, day: str, now: datetime) -> None:
        self.scope, self.broker, self.now = scope, broker, now
        self.brokers = [broker] if broker else list(brokers)
        self.day = _day(day, now)
        self.start = now - DAY if self.day is None else datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        self.end = min(self.start + DAY, now)

    @property
    def _broker_id(self) -> int | None:
        return self.broker.pk if self.broker else None

    @cached_property
    def reach(self) -> list[Reach]:
        """Each broker with its first record, of any step."""
        recorded = queries.recorded_since(self.scope, self._broker_id)
        found = []
        for broker in self.brokers:
            steps = recorded.get(broker.pk, {})
            first = min(steps.values(), default=None)
            texts = tuple(f"every {formatting.duration(step)} since {formatting.moment_text(at, self.now)}" for step, at in sorted(steps.items()))
            found.append(Reach(broker.name, first, texts, self._address(first, broker) if first else ""))
        return found

    @property
    def first(self) -> datetime | None:
        return min((one.first for one in self.reach if one.first), default=None)

    def _address(self, at: datetime, broker: Broker | None = None) -> str:
        broker = broker or self.broker
        chosen = {"broker": broker.name} if broker else {}
        return f"{reverse('overview')}?{urlencode({**chosen, 'at': at_text(at)})}"

    def _recorded_address(self, at: datetime) -> str:
        """ "" before the first record."""
        return self._address(at) if self.first and at >= self.first else ""

    @property
    def ago(self) -> list[tuple[str, str]]:
        """(how long ago, the overview then) of what is recorded."""
        return [(words, self._address((self.now - length).replace(microsecond=0))) for words, length in AGO if self.first and self.now - length > self.first]

    @cached_property
    def changes(self) -> list[datetime]:
        return queries.change_times(self.scope, self.start, self.end, self._broker_id)

    @cached_property
    def findings(self) -> list[datetime]:
        return own.finding_times(self.scope, self.start, self.end, self._broker_id)

    @cached_property
    def slider(self) -> Slider:
        return stretch_of_time(self.start, self.end, self.changes, self.findings, self._recorded_address)

    @cached_property
    def _missing(self) -> dict[str, list[tuple[datetime, float]]]:
        """{broker: (the beginning of each step of the day, how many seconds of it are not recorded)}. No number is in it, so it is of all that is watched."""
        length, count = STEP.total_seconds(), max(1, -(-(self.end - self.start) // STEP))
        found: dict[str, list[tuple[datetime, float]]] = {}
        for broker in self.brokers:
            history = queries.history_bands(EVERYTHING, broker.pk, "broker", None, ("ready",), self.start + STEP, self.start + count * STEP, length)
            shares = zip(history.times, history.share["ready"], strict=True)
            found[broker.name] = [(at - STEP, length * (1 - share) - max(0.0, (at - self.end).total_seconds())) for at, share in shares]
        return found

    @property
    def hours(self) -> list[Hour]:
        """The hours of the day, the latest first."""
        found, start = [], self.start
        while start < self.end:
            end = min(start + HOUR, self.end)
            changes, findings = (sum(start <= at < end for at in each) for each in (self.changes, self.findings))
            words = f"{start:%H:%M}" if start.date() == self.now.date() else f"{start.day} {start:%b %H:%M}"
            found.append(Hour(start, words, self._recorded_address(start), changes, findings, self._missing_text(start, end)))
            start = end
        return found[::-1]

    def _missing_text(self, start: datetime, end: datetime) -> str:
        """ "prod: 20 min", the brokers of which something is missing there."""
        parts = []
        for name, steps in self._missing.items():
            seconds = sum(max(0.0, missing) for at, missing in steps if start <= at < end)
            if seconds >= LEAST_MISSING:
                whole = seconds > (end - start).total_seconds() - LEAST_MISSING
                parts.append(f"{name}: {'all of it' if whole else 'about ' + formatting.duration(seconds)}")
        return ", ".join(parts)

    @property
    def day_before(self) -> str:
        """The address of the day before; "" where nothing is recorded of it."""
        before = self.start.date() - DAY if self.day else self.start.date()
        return self._day_address(before) if self.first and self.first.date() <= before else ""

    @property
    def day_after(self) -> str:
        if self.day is None:
            return ""
        return self._day_address(self.day + DAY) if self.day < self.now.date() else ""

    def _day_address(self, day: date) -> str:
        chosen = {"broker": self.broker.name} if self.broker else {}
        return f"{reverse('history')}?{urlencode({**chosen, 'day': day.isoformat()})}"


def _day(text: str, now: datetime) -> date | None:
    """The day of the address; None for the last 24 hours, also where it is no day, or in the future.

    >>> _day("2026-11-24", datetime(2026, 11, 25, tzinfo=UTC)), _day("2026-11-26", datetime(2026, 11, 25, tzinfo=UTC)), _day("x", datetime(2026, 11, 25))
    (datetime.date(2026, 11, 24), None, None)
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date.min + DAY < found <= now.date() else None
