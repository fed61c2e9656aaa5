"""What is new of a topic: rows of now compared with those that were sent before.

Owned by the tail's thread, never touched by the event loop. Where rows come from is `live.sources`; how they look is `dashboard.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from dashboard.live.frames import Failing, Moment, Patch, encode
from dashboard.live.rows import LiveRow
from dashboard.live.topics import Topic

Build = Callable[[datetime], LiveRow]
"""A row as it is at a moment: ages and levels follow the clock, so the same facts make other rows a second later."""


class Loaded(msgspec.Struct):
    """A topic's content in the database: rows by key, and `facts`, a value for each part of a page that changes when that part is out of date."""

    rows: dict[str, Build]
    facts: Mapping[str, Hashable] = {}
    row_facts: Mapping[str, Mapping[str, Hashable]] = {}  # the same for parts that belong to one row: {"queue-17": {"consumers": …}}
    at: datetime | None = None
    interval_seconds: float | None = None
    names: Mapping[str, str] = {}  # of queues and exchanges by key, for detail requests
    parts_at_most_every_seconds: float = 0.0  # where facts change all the time: what is out of date meanwhile is named together


class TopicPatches:
    """One topic's memory. `seq` counts its patches; `epoch` is another one in each process, so that numbers of two can't be confused."""

    def __init__(self, topic: Topic, epoch: str) -> None:
        self.topic = topic
        self.name = topic.key
        self.seq = 0
        self._epoch = epoch
        self._loaded = Loaded({})
        self._rows: dict[str, LiveRow] = {}
        self._encoded: dict[str, str] = {}  # whole rows, for viewers that join
        self._owed: set[str] = set()  # parts that are out of date and were not named yet
        self._named_at: datetime | None = None  # when parts were named last
        self.failing: Failing | None = None  # since the last load failed

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self._loaded.rows)

    @property
    def is_loaded(self) -> bool:
        return bool(self._loaded.facts) or self._loaded.at is not None

    def name_of(self, key: str) -> str | None:
        return self._loaded.names.get(key)

    def replace(self, loaded: Loaded, now: datetime) -> Patch:
        """The patch after something was stored, also if nothing that is shown changed: it renews the age. Changes nothing if a row can't be built."""
        built = _built(loaded, now)
        before = self._loaded
        self._owed.update(_outdated(before.facts, loaded.facts))
        row_parts = {key: _outdated(before.row_facts.get(key, {}), facts) for key, facts in loaded.row_facts.items()}
        for key in [key for key, parts in row_parts.items() if parts or key not in before.row_facts]:
            self._encoded.pop(key, None)
        self._loaded, self.failing = loaded, None
        for key in self._rows.keys() - loaded.rows.keys():
            del self._rows[key]
            self._encoded.pop(key, None)
        return self._next(self._news(built, row_parts), self._parts_due(now), now)

    def fail(self, reason: str, now: datetime) -> Patch | None:
        """The patch that reports a load that failed; None if the topic's viewers know already."""
        if self.failing is not None:
            return None
        self.failing = Failing(now, reason)
        return self._next({}, [], now)

    def extend(self, loaded: Loaded, now: datetime) -> None:
        """Takes in rows that nobody showed so far, and facts that nobody needed; nothing is sent for them, their viewers get the state.

        What is known of a row stays as it was sent: what changed since then is news for those who show it.
        """
        known = self._loaded if self.is_loaded else loaded
        built = {key: build(now) for key, build in loaded.rows.items() if key not in self._rows}
        self._loaded = Loaded(
            {**loaded.rows, **known.rows},
            known.facts,
            {**known.row_facts, **{key: {**facts, **known.row_facts.get(key, {})} for key, facts in loaded.row_facts.items()}},
            known.at,
            known.interval_seconds,
            {**known.names, **loaded.names},
            known.parts_at_most_every_seconds,
        )
        self._rows |= built
        for key in loaded.rows:
            self._encoded.pop(key, None)

    def tick(self, now: datetime) -> Patch | None:
        """What the clock alone changed, and parts whose pause is over; None if nothing."""
        news, parts = self._news(_built(self._loaded, now)), self._parts_due(now)
        return self._next(news, parts, now) if news or parts else None

    def state(self, now: datetime) -> Patch:
        """Everything that is known, for viewers that join or lost their place. It has the number of the last patch."""
        for key, row in self._rows.items():
            if key not in self._encoded:
                self._encoded[key] = encode({**row.difference(None), "facts": tokens(self._loaded.row_facts.get(key, {}))})
        return Patch(self.name, self._epoch, self.seq, self._moment(now), self._encoded, full=True, facts=tokens(self._loaded.facts), failing=self.failing)

    def _parts_due(self, now: datetime) -> list[str]:
        """The parts to name now; [] while the pause after the last ones lasts."""
        pause = self._loaded.parts_at_most_every_seconds
        if not self._owed or (pause and self._named_at and (now - self._named_at).total_seconds() < pause):
            return []
        due, self._owed, self._named_at = sorted(self._owed), set(), now
        return due

    def _news(self, built: Mapping[str, LiveRow], row_parts: Mapping[str, list[str]] | None = None) -> dict[str, str]:
        news = {}
        for key, row in built.items():
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
        return Patch(self.name, self._epoch, self.seq, self._moment(now), news, parts, failing=self.failing)

    def _moment(self, now: datetime) -> Moment:
        return Moment(now, self._loaded.at, self._loaded.interval_seconds)


def tokens(facts: Mapping[str, Hashable]) -> dict[str, str]:
    """A short text for each fact, another one if the fact is another one: what a page was rendered from is compared with what is known now."""
    return {name: blake2b(repr(value).encode(), digest_size=6).hexdigest() for name, value in facts.items()}


def _built(loaded: Loaded, now: datetime) -> dict[str, LiveRow]:
    """All rows before any is taken in: one that can't be built must not leave half of the others behind."""
    return {key: build(now) for key, build in loaded.rows.items()}


def _outdated(before: Mapping[str, Hashable], after: Mapping[str, Hashable]) -> list[str]:
    """Names whose value is another one now; not those that were not known before."""
    return [name for name, value in after.items() if name in before and before[name] != value]
