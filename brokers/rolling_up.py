"""Makes rollups of the stored polls: a job of the maintenance process.

An interval is rolled up once a later poll is stored, or a quarter of an hour after its last one. What was lost with a process is made again from the polls,
as long as these are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from brokers import unreadable
from brokers.models import Broker
from brokers.queries import brokers
from brokers.queries.frames import frames
from brokers.queries.rollups import first_keyframe, last_poll, last_rollup, next_poll
from brokers.rollups import STEPS, RolledUp, roll_up
from brokers.scope import EVERYTHING
from brokers.snapshots import METRICS, UnreadableSnapshot
from brokers.snapshots.rollups import RollupEncoder
from brokers.store import save_rollups

NOTHING_MORE_COMES = timedelta(minutes=15)
AT_ONCE = timedelta(hours=1)
"""So much of a broker's polls is rolled up in one go, so that no run takes long: the rest with the next."""
KEY_EVERY = 60
"""So many intervals have a keyframe among them."""


class _Written(NamedTuple):
    """The last interval of a series, and what encodes the next one."""

    at: datetime
    encoder: RollupEncoder


class HistoryRollups:
    """All series of a process: it keeps what the next frame is a difference to."""

    def __init__(self) -> None:
        self._written: dict[tuple[int, str, int], _Written] = {}

    def update(self, now: datetime) -> int:
        """How many intervals were stored: of each broker, kind and step those that are over. What can't be read is left out, with a line in the log an hour."""
        stored = 0
        for broker in brokers(EVERYTHING):
            for kind in METRICS:
                last = last_poll(broker.pk, kind)
                for step in STEPS if last else ():
                    stored += self._update(broker, kind, step, last, now)  # type: ignore[arg-type]
        return stored

    def _update(self, broker: Broker, kind: str, step: int, last: datetime, now: datetime) -> int:
        length, series = timedelta(seconds=step), (broker.pk, kind, step)
        follow = last_rollup(*series)
        first = first_keyframe(broker.pk, kind)
        end = floor(last, step) + (length if now - last > NOTHING_MORE_COMES else timedelta())
        begin = floor(first or last, step) if follow is None else max(follow + length, floor(first or last, step))
        while begin < end:
            until = min(end, begin + max(AT_ONCE, length))
            rolled = self._rolled(broker, kind, step, begin, until)
            if rolled:
                return self._store(series, rolled, follow)
            following = next_poll(broker.pk, kind, until)
            if following is None:
                break
            begin = max(until, floor(following, step))
        return 0

    def _rolled(self, broker: Broker, kind: str, step: int, begin: datetime, until: datetime) -> list[RolledUp]:
        try:
            return list(roll_up(kind, _in_milliseconds(frames(broker.pk, kind, begin, until)), milliseconds(begin), milliseconds(until), step * 1000))
        except UnreadableSnapshot as error:
            unreadable.warn("polls_could_not_be_read", broker=broker.name, kind=kind, since=begin.isoformat(), reason=str(error))
            return []

    def _store(self, series: tuple[int, str, int], rolled: list[RolledUp], follow: datetime | None) -> int:
        _, kind, step = series
        written = self._written.pop(series, None)
        encoder = written.encoder if written is not None and written.at == follow else None
        rows, period = [], KEY_EVERY * step * 1000
        before = -1 if encoder is None or follow is None else milliseconds(follow) // period
        encoder = encoder or RollupEncoder(kind)
        for begin, ids, codes in rolled:
            is_key = begin // period != before
            rows.append((moment_of(begin), is_key, encoder.encode(ids, codes, step, is_key)))
            before = begin // period
        if not save_rollups(*series, rows, follow):
            return 0
        self._written[series] = _Written(rows[-1][0], encoder)
        return len(rows)


def floor(at: datetime, step: int) -> datetime:
    """The beginning of the interval that has a moment.

    >>> floor(datetime(2026, 5, 4, 12, 34, 56, tzinfo=UTC), 600).isoformat()
    '2026-05-04T12:30:00+00:00'
    """
    return datetime.fromtimestamp(int(at.timestamp()) // step * step, UTC)


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def moment_of(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _in_milliseconds(found: Iterator[tuple[datetime, bytes]]) -> Iterator[tuple[int, bytes]]:
    return ((milliseconds(at), data) for at, data in found)
