"""What is new of a topic: rows of now compared with those that were sent before.

Owned by the tail's thread, never touched by the event loop. Where rows come from is `live.sources`; how they look is `dashboard.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from dashboard.live.frames import Moment, Patch, encode
from dashboard.live.rows import LiveRow
from dashboard.live.topics import Topic

Build = Callable[[datetime], LiveRow]
"""A row as it is at a moment: ages and levels follow the clock, so the same facts make other rows a second later."""


class Loaded(msgspec.Struct):
    """What the database tells of a topic: rows by key, and `facts`, a value for each part of a page that is another one when that part is out of date."""

    rows: dict[str, Build]
    facts: Mapping[str, Hashable] = {}
    row_facts: Mapping[str, Mapping[str, Hashable]] = {}  # the same for parts that belong to one row: {"queue-17": {"consumers": …}}
    at: datetime | None = None
    interval_seconds: float | None = None
    names: Mapping[str, str] = {}  # of queues and exchanges by key, for the poller's interest
    parts_at_most_every_seconds: float = 0.0  # where facts change all the time: what is out of date meanwhile is named together


class TopicPatches:
    """One topic's memory. `seq` counts its patches; `epoch` is another one in each process, so that numbers of two can't be confused."""

    def __init__(self, topic: Topic, epoch: str) -> None:
        self.topic = topic
        self.name = topic.name
        self.seq = 0
        self._epoch = epoch
        self._loaded = Loaded({})
        self._rows: dict[str, LiveRow] = {}
        self._encoded: dict[str, str] = {}  # whole rows, for viewers that join
        self._owed: set[str] = set()  # parts that are out of date and were not named yet
        self._named_at: datetime | None = None  # when parts were named last

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self._loaded.rows)

    @property
    def is_loaded(self) -> bool:
        return bool(self._loaded.facts) or self._loaded.at is not None

    def name_of(self, key: str) -> str | None:
        return self._loaded.names.get(key)

    def replace(self, loaded: Loaded, now: datetime) -> Patch:
        """The patch after something was stored, also if nothing that is shown changed: it renews the age."""
        before = self._loaded
        self._owed.update(_outdated(before.facts, loaded.facts))
        row_parts = {key: _outdated(before.row_facts.get(key, {}), facts) for key, facts in loaded.row_facts.items()}
        self._loaded = loaded
        for key in self._rows.keys() - loaded.rows.keys():
            del self._rows[key]
            self._encoded.pop(key, None)
        return self._next(self._news(now, row_parts), self._parts_due(now), now)

    def extend(self, loaded: Loaded, now: datetime) -> None:
        """Takes in rows that nobody showed so far; nothing is sent for them, their viewers get the state."""
        known = self._loaded if self.is_loaded else loaded
        self._loaded = Loaded(
            {**known.rows, **loaded.rows},
            known.facts,
            {**known.row_facts, **loaded.row_facts},
            known.at,
            known.interval_seconds,
            {**known.names, **loaded.names},
            known.parts_at_most_every_seconds,
        )
        for key, build in loaded.rows.items():
            self._rows[key] = build(now)
            self._encoded.pop(key, None)

    def tick(self, now: datetime) -> Patch | None:
        """What the clock alone changed, and parts whose pause is over; None if nothing."""
        news, parts = self._news(now), self._parts_due(now)
        return self._next(news, parts, now) if news or parts else None

    def state(self, now: datetime) -> Patch:
        """Everything that is known, for viewers that join or lost their place. It has the number of the last patch."""
        for key, row in self._rows.items():
            if key not in self._encoded:
                self._encoded[key] = encode(row.difference(None))
        return Patch(self.name, self._epoch, self.seq, self._moment(now), self._encoded, full=True)

    def _parts_due(self, now: datetime) -> list[str]:
        """The parts to name now; [] while the pause after the last ones lasts."""
        pause = self._loaded.parts_at_most_every_seconds
        if not self._owed or (pause and self._named_at and (now - self._named_at).total_seconds() < pause):
            return []
        due, self._owed, self._named_at = sorted(self._owed), set(), now
        return due

    def _news(self, now: datetime, row_parts: Mapping[str, list[str]] | None = None) -> dict[str, str]:
        news = {}
        for key, build in self._loaded.rows.items():
            row = build(now)
            difference: dict[str, Any] = dict(row.difference(self._rows.get(key)))
            if difference:
                self._rows[key] = row
                self._encoded.pop(key, None)
            if row_parts and row_parts.get(key):
                difference["parts"] = row_parts[key]
            if difference:
                news[key] = encode(difference)
        return news

    def _next(self, news: dict[str, str], parts: list[str], now: datetime) -> Patch:
        self.seq += 1
        return Patch(self.name, self._epoch, self.seq, self._moment(now), news, parts)

    def _moment(self, now: datetime) -> Moment:
        return Moment(now, self._loaded.at, self._loaded.interval_seconds)


def _outdated(before: Mapping[str, Hashable], after: Mapping[str, Hashable]) -> list[str]:
    """Names whose value is another one now; not those that were not known before."""
    return [name for name, value in after.items() if name in before and before[name] != value]
