"""Ninety simulated days of 100 queues through all tiers of history, against the generator's own numbers, and plain rows of the same.

A poll a minute, at its half, so that every minute has two numbers; a quarter of an hour a day is not recorded, some queues appear late and are deleted early.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from script.bench_parts.history_bounded import BOUND_BYTES, trimmed
from script.bench_parts.history_peers import SeriesStore
from script.bench_parts.history_plain import ROUNDS, in_turns
from script.bench_parts.rows import Row, at_least

Floats = npt.NDArray[np.float64]
POLL, MINUTES_A_DAY = 60, 1440
GOAL_SMALLER, READS = 8, 30
METRICS = ("ready", "publish_per_second")


class Course:
    """`ready` and `published`, `[poll, queue]`, NaN where the queue was not there or the poll failed."""

    def __init__(self, days: int, queues: int) -> None:
        dice, polls = np.random.default_rng(11), days * MINUTES_A_DAY
        moves = dice.integers(-20, 21, (polls, queues)) * (dice.random((polls, queues)) < 0.3) * (np.arange(queues) % 3 == 0)
        self.ready = np.abs(np.cumsum(moves, axis=0)).astype(np.float64)
        self.published = np.round(np.abs(moves) * 0.13, 2)
        minute = np.arange(polls)[:, None]
        first, last = dice.integers(0, polls, queues) * (np.arange(queues) % 10 == 1), polls - dice.integers(0, polls, queues) * (np.arange(queues) % 10 == 2)
        self.failed = (np.arange(polls) % MINUTES_A_DAY) // 15 == 41
        gone = (minute < first) | (minute >= last) | self.failed[:, None]
        self.ready[gone], self.published[gone] = np.nan, np.nan

    def changes(self, poll: int) -> dict[int, tuple[float | None, ...]]:
        """What to store of a poll, by place; everything after one that failed."""
        ready, published = self.ready[poll], self.published[poll]
        moved = np.ones(len(ready), np.bool_)
        if poll and not self.failed[poll - 1]:
            moved = ~((ready == self.ready[poll - 1]) | (np.isnan(ready) & np.isnan(self.ready[poll - 1]))) | (published != self.published[poll - 1])
        return {
            place: (None,) * 8 if np.isnan(ready[place]) else (int(ready[place]), 0, 1, float(published[place]), 0.0, 0.0, 0.0, 20_000)
            for place in np.flatnonzero(moved).tolist()
        }

    def truth(self, numbers: Floats, minutes: int) -> tuple[Floats, Floats, Floats]:
        """(average, minimum, maximum) of each so many minutes, `[step, queue]`: of every minute half is what the poll before it had."""
        before = np.vstack((np.full((1, numbers.shape[1]), np.nan), numbers[:-1]))
        halves = np.stack((before, numbers)).swapaxes(0, 1).reshape(len(numbers) // minutes, 2 * minutes, -1)
        known = ~np.isnan(halves)
        with np.errstate(invalid="ignore", divide="ignore"):
            average = np.where(known, halves, 0).sum(axis=1) / known.sum(axis=1)
        lowest, highest = np.where(known, halves, np.inf).min(axis=1), np.where(known, halves, -np.inf).max(axis=1)
        nothing = ~known.any(axis=1)
        lowest[nothing], highest[nothing] = np.nan, np.nan
        return average, lowest, highest


Milliseconds = Callable[[Callable[[], Any]], float]


def days_measured(data: Path, days: int, queues: int, milliseconds: Milliseconds, program: str | None) -> list[Row]:
    """In the database that is set up, with a broker of its own. `program`: the store of time series that has the last day."""
    from brokers import queries, store
    from brokers.addresses import BrokerAddress
    from brokers.history_bound import measure_and_trim
    from brokers.history_bytes import Stored
    from brokers.models import Rollup, RollupBlock, Snapshot, SnapshotBlock
    from brokers.scope import EVERYTHING

    for model in (Snapshot, SnapshotBlock, Rollup, RollupBlock):
        model._default_manager.all().delete()
    course = Course(days, queues)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=days)
    broker = store.ensure_brokers([BrokerAddress("days", ("http://127.0.0.1:1",), "u", "p")], start)["days"].pk
    ids = [10_000 + place for place in range(queues)]
    _record(course, broker, ids, start)
    stored: list[Stored] = measure_and_trim(0)
    wrong, compared = _compared(course, broker, ids, start, end, days)
    plain = PlainTiers(data / "days.sqlite3")
    plain.fill(course, start, ids)
    total, theirs = sum(one.size_bytes for one in stored if one.tier > 5), plain.bytes_a_row * _rows(course, days)
    last_day = end - timedelta(days=1)
    of_one = in_turns(
        lambda queue: queries.history(EVERYTHING, broker, "queues", queue, METRICS, last_day, end, 60),
        lambda queue: plain.course([queue], last_day, end),
        ids[:READS],
        time.thread_time,
    )
    lines = milliseconds(lambda: queries.sparklines(EVERYTHING, broker, "queues", ids[:100], "ready", last_day, end, 144))
    plain_lines = milliseconds(lambda: plain.course(ids[:100], last_day, end))
    beside = _beside(course, SeriesStore(program, data / f"{program}-days"), ids, end, of_one.ours, lines) if program else []
    bound = min(BOUND_BYTES, 0.6 * sum(one.size_bytes for one in stored))
    kept = trimmed(bound)
    return [
        Row(f"{days} days of {queues} queues: numbers that are not the generator’s", f"{wrong:,} of {compared:,}", "", None, "0", 0.0 if wrong else 1.0),
        Row("stored bytes of their minutes and ten minutes", f"{total / 1e6:.1f} MB", f"plain rows of what changed: {theirs / 1e6:,.0f} MB", theirs / total,
            *at_least(GOAL_SMALLER, theirs / total)),
        Row(f"one queue’s 24 h, a point a minute, CPU, median of {ROUNDS} rounds of {READS} queues", f"{of_one.ours:.1f} ms",
            f"plain rows: {of_one.theirs:.2f} ms", 1 / of_one.slower),
        Row("100 sparklines of 24 h, CPU", f"{lines:.1f} ms", f"plain rows: {plain_lines:.1f} ms", plain_lines / lines),
        *beside,
        Row(f"history bounded to {bound / 1e6:.1f} MB", f"{kept / 1e6:.1f} MB", "", None, f"≤ {bound / 1e6:.1f} MB", bound / kept),
    ]  # fmt: skip


def _beside(course: Course, peer: SeriesStore, ids: Sequence[int], end: datetime, ours: float, our_lines: float) -> list[Row]:
    """The last day's polls in a store of time series, beside our own times for a queue and for sparklines."""
    try:
        begin = end.timestamp() - 86_400
        times = begin + POLL * np.arange(MINUTES_A_DAY, dtype=np.float64) + POLL / 2
        numbers = np.stack([part[-MINUTES_A_DAY:].T for part in (course.ready, course.published)]).astype(np.float64)
        for first in range(0, MINUTES_A_DAY, 60):
            peer.write(METRICS, ids, times[first : first + 60], numbers[..., first : first + 60])
        one = peer.milliseconds(lambda: peer.course(METRICS, [ids[3]], begin, end.timestamp(), 60))
        lines = peer.milliseconds(lambda: peer.course(METRICS[:1], ids[:100], begin, end.timestamp(), 600))
    finally:
        peer.close()
    return [
        Row("one queue’s 24 h, a point a minute, CPU", f"{ours:.1f} ms", f"{peer.name}: {one:.1f} ms", one / ours),
        Row("100 sparklines of 24 h, CPU", f"{our_lines:.1f} ms", f"{peer.name}: {lines:.1f} ms", lines / our_lines),
    ]


def _record(course: Course, broker: int, ids: Sequence[int], start: datetime) -> None:
    """Polls, rollups and retention, as the processes would have done it meanwhile."""
    from django.db import transaction

    from brokers.packing import pack_history
    from brokers.rolling_up import HistoryRollups
    from brokers.store import SnapshotWriter, trim_history

    writer, rollups = SnapshotWriter(broker, "queues", POLL), HistoryRollups()
    for hour in range(len(course.ready) // 60):
        with transaction.atomic():
            for poll in range(hour * 60, hour * 60 + 60):
                at = start + timedelta(seconds=POLL * poll + 30)
                if course.failed[poll]:
                    writer.write_gap(at)
                else:
                    writer.write({ids[place]: row for place, row in course.changes(poll).items()}, at)
        is_last = hour == len(course.ready) // 60 - 1
        while rollups.update(at + timedelta(days=1) if is_last else at):
            pass
        if hour % 24 == 23:
            while pack_history():
                pass
            trim_history(at, 24, rollup_days={60: 14, 600: 90})


def _compared(course: Course, broker: int, ids: Sequence[int], start: datetime, end: datetime, days: int) -> tuple[int, int]:
    """How many averages, minima and maxima of each tier are not the generator's, and of how many."""
    from brokers.bands import bands
    from brokers.queries.outline import outline
    from brokers.queries.spans import spans
    from brokers.snapshots import RAW_STEP
    from brokers.tiers import Part, plan

    wrong = compared = 0
    for minutes, reach, tier in ((10, days, None), (1, min(days, 13), None), (1, 1, RAW_STEP)):
        step, begin = 60.0 * minutes, end - timedelta(days=reach)
        places = slice((days - reach) * MINUTES_A_DAY // minutes, None)
        times = np.arange(begin.timestamp() + step, end.timestamp() + 1, step)
        for some in range(0, len(ids), 20):
            whole = Part(tier or 0, begin.timestamp(), end.timestamp())
            parts = [whole] if tier else plan(whole.start, whole.end, step, outline(broker, "queues", begin, end).reaches)
            found = bands(spans(broker, "queues", ids[some : some + 20], METRICS, parts), times, step)
            for row, numbers in enumerate((course.ready, course.published)):
                expected = course.truth(numbers[:, some : some + 20], minutes)
                for ours, theirs in zip((found.average, found.minimum, found.maximum), expected, strict=True):
                    same = np.isclose(ours[row].T, theirs[places], atol=0.006, equal_nan=True)
                    wrong, compared = wrong + int((~same).sum()), compared + same.size
    return wrong, compared


def _rows(course: Course, days: int) -> int:
    """How many rows of minutes and ten minutes plain tables keep, where one that equals the one before is left out."""
    count = 0
    for minutes, kept in ((1, min(days, 14)), (10, days)):
        average, lowest, highest = course.truth(course.ready, minutes)
        both = np.stack((average, lowest, highest))[:, -kept * MINUTES_A_DAY // minutes :]
        count += int((np.diff(both, axis=1) != 0).any(axis=0).sum())
    return count


class PlainTiers:
    """The obvious table: a row a queue and minute with average, minimum and maximum of eight numbers; of the last day."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes_a_row = path, 0.0
        self.link = sqlite3.connect(path)
        numbers = ", ".join(f"n{place}" for place in range(24))
        self.link.execute(f"CREATE TABLE minute (queue INTEGER, at INTEGER, {numbers}, PRIMARY KEY (queue, at)) WITHOUT ROWID")

    def fill(self, course: Course, start: datetime, ids: Sequence[int]) -> None:
        begin, count = len(course.ready) - MINUTES_A_DAY, 0
        ready, published = (course.truth(numbers[max(begin - 1, 0) :], 1) for numbers in (course.ready, course.published))
        of_day = slice(-MINUTES_A_DAY, None)
        with self.link:
            for minute in range(MINUTES_A_DAY):
                at = int(start.timestamp()) + (begin + minute) * 60
                rows = []
                for place, queue in enumerate(ids):
                    numbers = [float(part[of_day][minute, place]) for part in (*ready, *published)]
                    rows.append((queue, at, *numbers, *(0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20_000, 20_000, 20_000)))
                self.link.executemany(f"INSERT INTO minute VALUES ({', '.join('?' * 26)})", rows)  # noqa: S608  (marks)
                count += len(rows)
        self.bytes_a_row = self.path.stat().st_size / count

    def course(self, queues: Sequence[int], start: datetime, end: datetime) -> list[Any]:
        marks = ", ".join("?" * len(queues))
        statement = f"SELECT queue, at, n0, n3 FROM minute WHERE queue IN ({marks}) AND at BETWEEN ? AND ? ORDER BY queue, at"  # noqa: S608  (marks)
        return self.link.execute(statement, (*queues, start.timestamp(), end.timestamp())).fetchall()
