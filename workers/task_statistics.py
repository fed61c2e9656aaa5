"""What is counted of tasks by name and queue: how often each kind of event came, how long tasks ran and how long they waited. Pure.

An event counts in the minute in which it happened, by our clock. Each counts once: events that are delivered again are known by the task they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from workers.duration_sketch import DurationSketch
from workers.receiving.task_order import EVENTS, FAILED, RECEIVED, REJECTED, RETRIED, REVOKED, SENT, STARTED, SUCCEEDED

MINUTE, HOUR, DAY = 60, 3600, 86_400
TIERS = (MINUTE, HOUR, DAY)
KEPT_SECONDS = {MINUTE: 2 * DAY, HOUR: 90 * DAY, DAY: 730 * DAY}
OTHERS = "\ue000"
"""Stands for the names of tasks, or of queues, beyond those that are counted by name: a character that no name has."""
MOST_PAIRS = 2000
"""So many pairs of a name and a queue are counted by name in a virtual host on a day."""
MOST_OF_OTHERS = 500
"""So many queues are distinguished of other names."""


class Key(NamedTuple):
    """`start`: of the minute, hour or day, in seconds since 1970; `name` and `queue` are "" where they are unknown."""

    start: int
    name: str
    queue: str


class Counted(msgspec.Struct, array_like=True, gc=False):
    """`events`: how many came, by their place in `EVENTS`. `runtimes` of what succeeded or failed and `waits` of what was started, as far as they are known."""

    events: list[int]
    runtimes: DurationSketch
    waits: DurationSketch

    def merge(self, other: Counted) -> None:
        self.events = [own + others for own, others in zip(self.events, other.events, strict=True)]
        self.runtimes.merge(other.runtimes)
        self.waits.merge(other.waits)

    @property
    def sent(self) -> int:
        return self.events[SENT]

    @property
    def received(self) -> int:
        return self.events[RECEIVED]

    @property
    def started(self) -> int:
        return self.events[STARTED]

    @property
    def succeeded(self) -> int:
        return self.events[SUCCEEDED]

    @property
    def failed(self) -> int:
        return self.events[FAILED]

    @property
    def retried(self) -> int:
        return self.events[RETRIED]

    @property
    def revoked(self) -> int:
        return self.events[REVOKED]

    @property
    def rejected(self) -> int:
        return self.events[REJECTED]

    @property
    def ended(self) -> int:
        """How many succeeded or failed."""
        return self.succeeded + self.failed

    @property
    def failed_share(self) -> float | None:
        """Of those that succeeded or failed; None if none did."""
        return self.failed / self.ended if self.ended else None


def nothing() -> Counted:
    """Counts of no event."""
    return Counted([0] * len(EVENTS), DurationSketch(), DurationSketch())


def merged(parts: Iterable[Counted]) -> Counted:
    """The sum of all."""
    found = nothing()
    for part in parts:
        found.merge(part)
    return found


def summed(parts: Iterable[tuple[Key, Counted]], seconds: int) -> dict[Key, Counted]:
    """By periods of `seconds`."""
    found: dict[Key, Counted] = {}
    for key, counted in parts:
        longer = Key(period(key.start, seconds), key.name, key.queue)
        known = found.get(longer)
        if known is None:
            known = found[longer] = nothing()
        known.merge(counted)
    return found


def period(moment: float, seconds: int) -> int:
    """When the period began in which a moment is.

    >>> period(3725.9, HOUR)
    3600
    """
    return int(moment // seconds) * seconds


def tier_for(since: datetime, until: datetime, now: datetime) -> int:
    """Which periods answer a question about a range: minutes up to six hours, hours up to two weeks, longer ones where shorter are no longer kept."""
    length, age = (until - since).total_seconds(), (now - since).total_seconds()
    least = MINUTE if length <= 6 * HOUR else HOUR if length <= 15 * DAY else DAY
    return next((tier for tier in TIERS if tier >= least and age <= KEPT_SECONDS[tier] - tier), DAY)


class Span(NamedTuple):
    """All periods of `seconds` that begin from `first` on and before `end`; None: all later ones too."""

    seconds: int
    first: int
    end: int | None


def spans(since: float, until: float, seconds: int, now: float) -> list[Span]:
    """The fewest periods of `seconds` and longer that make up a range: one that reaches until now has no end.

    >>> [(span.seconds, span.first // HOUR) for span in spans(22 * HOUR, 100 * HOUR, HOUR, 99.5 * HOUR)]
    [(3600, 22), (86400, 24)]
    """
    end = None if until > now - seconds else -(-int(until) // seconds) * seconds
    return _spans(period(since, seconds), end, seconds, now)


def _spans(first: int, end: int | None, seconds: int, now: float) -> list[Span]:
    longer = next((tier for tier in TIERS if tier > seconds), None)
    if longer is None:
        return [Span(seconds, first, end)]
    whole_from, whole_to = -(-first // longer) * longer, None if end is None else period(end, longer)
    if whole_from >= (now if whole_to is None else whole_to):
        return [Span(seconds, first, end)]
    before = [Span(seconds, first, whole_from)] if first < whole_from else []
    after = [Span(seconds, whole_to, end)] if whole_to is not None and end is not None and whole_to < end else []
    return before + _spans(whole_from, whole_to, longer, now) + after


def limited(key: Key, known: set[tuple[str, str]], most: int = MOST_PAIRS, most_of_others: int = MOST_OF_OTHERS) -> Key:
    """The key, or that of other names once `known`, the pairs of that day, are too many. Adds what is new to them."""
    for name, queue, limit in ((key.name, key.queue, most), (OTHERS, key.queue, most + most_of_others)):
        if (name, queue) in known or len(known) < limit:
            known.add((name, queue))
            return Key(key.start, name, queue)
    return Key(key.start, OTHERS, OTHERS)


_encoder = msgspec.msgpack.Encoder()
_counted = msgspec.msgpack.Decoder(tuple[DurationSketch, DurationSketch])
_batch = msgspec.msgpack.Decoder(list[tuple[int, str, str, Counted]])


def encoded_sketches(counted: Counted) -> bytes:
    return _encoder.encode((counted.runtimes, counted.waits))


def decoded_sketches(data: bytes) -> tuple[DurationSketch, DurationSketch]:
    """(runtimes, waits)."""
    return _counted.decode(data)


def encoded_batch(counts: Iterable[tuple[Key, Counted]]) -> bytes:
    """What a batch of events counted, in one value."""
    return _encoder.encode([(*key, counted) for key, counted in counts])


def decoded_batch(data: bytes) -> list[tuple[Key, Counted]]:
    return [(Key(start, name, queue), counted) for start, name, queue, counted in _batch.decode(data)]
