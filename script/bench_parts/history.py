"""An hour of 10,000 queues as Hareline stores it, against plain rows in the same database: bytes a point, and how long reading takes.

`.venv/bin/python -m script.bench_parts.history [--queues 10000] [--polls 720] [--days 90]`. About 1,100 queues
change a poll, as in a shop with its ups and downs.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from script.bench_parts.history_days import days_measured
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_least, at_most, emit, percentile

POLL_SECONDS = 5
CHANGING = 0.11
GOAL_SMALLER, GOAL_CHEAPER, GOAL_HOUR_SLOWER, GOAL_MOMENT_TIMES = 12, 4.5, 20, 15
READS = 30
Numbers = tuple[float, ...]


def polls(queues: int, count: int, rng: random.Random) -> Any:
    """What changed, poll by poll: {queue: (ready, unacknowledged, consumers, four rates, bytes of memory)}; everything in the first."""
    known: dict[int, list[float]] = {
        number: [rng.randrange(500), rng.randrange(20), rng.randrange(4), 0.0, 0.0, 0.0, 0.0, 20_000.0] for number in range(1, queues + 1)
    }
    yield {number: tuple(row) for number, row in known.items()}
    busy = list(known)[: int(queues * 0.2)]  # most queues of a big broker rest
    for _ in range(count - 1):
        changed: dict[int, Numbers] = {}
        for number in rng.sample(busy, int(queues * CHANGING)):
            row = known[number]
            row[0] = max(0, row[0] + rng.randint(-20, 20))
            row[1] = max(0, min(20, row[1] + rng.randint(-2, 2)))
            row[3] = round(rng.uniform(0, 40) * 5) / 5
            row[4] = row[5] = round(rng.uniform(0, 40) * 5) / 5
            row[7] = 20_000 + round(row[0] / 16) * 16 * 900
            changed[number] = tuple(row)
        yield changed


def milliseconds(read: Callable[[], Any]) -> float:
    """Nine in ten reads take no longer."""
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        read()
        took.append((time.perf_counter() - began) * 1000)
    return percentile(took, 90)


def measured(data: Path, queues: int, count: int) -> list[Row]:
    from django.db import connection, transaction

    from brokers import queries, store
    from brokers.addresses import BrokerAddress
    from brokers.models import Snapshot, SnapshotBlock
    from brokers.packing import pack_history
    from brokers.queries.frames import moment
    from brokers.rolling_up import HistoryRollups
    from brokers.scope import EVERYTHING
    from brokers.store.snapshots import SnapshotWriter

    def roll_up(now: datetime) -> None:
        rollups = HistoryRollups()
        while rollups.update(now):
            pass

    start = datetime.now(UTC) - timedelta(seconds=count * POLL_SECONDS)
    broker = store.ensure_brokers([BrokerAddress("bench", ("http://127.0.0.1:1",), "u", "p")], start)["bench"].pk
    writer, plain = SnapshotWriter(broker, "queues"), Plain(data / "plain.sqlite3")
    ours = theirs = 0.0
    for number, changed in enumerate(polls(queues, count, random.Random(3))):  # noqa: S311  (the same in every run)
        at = start + timedelta(seconds=number * POLL_SECONDS)
        began = time.process_time()
        with transaction.atomic():
            writer.write(changed, at)
        between = time.process_time()
        plain.write(changed, at.timestamp())
        ours, theirs = ours + between - began, theirs + time.process_time() - between
    end, hour = start + timedelta(seconds=(count - 1) * POLL_SECONDS), timedelta(hours=1)
    began = time.process_time()
    roll_up(end + timedelta(hours=1))
    rolling = time.process_time() - began
    while pack_history():
        pass
    packing = time.process_time() - began - rolling
    with connection.cursor() as cursor:
        tables = (Snapshot._meta.db_table, SnapshotBlock._meta.db_table)
        cursor.execute(" UNION ALL ".join(f"SELECT coalesce(sum(length(data)), 0) + 60 * count(*) FROM {table}" for table in tables))  # noqa: S608
        size = sum(found for (found,) in cursor.fetchall())
    points = queues * count * len(changed[next(iter(changed))])
    metrics = ["ready", "unacknowledged", "publish_per_second"]
    one = milliseconds(lambda: queries.history(EVERYTHING, broker, "queues", 7, metrics, end - hour, end, POLL_SECONDS))
    whole = milliseconds(lambda: moment(broker, "queues", start + (end - start) * random.random()))  # noqa: S311
    plain_one = milliseconds(lambda: plain.hour_of(7, end.timestamp()))
    plain_whole = milliseconds(lambda: plain.moment(start.timestamp() + (end - start).total_seconds() * 0.7))
    per, per_plain = size / points, plain.size() / points
    return [
        Row(f"stored bytes a point ({queues:,} queues, {count} polls)", f"{per:.2f} B", f"plain rows of what changed: {per_plain:.2f} B", per_plain / per,
            *at_least(GOAL_SMALLER, per_plain / per)),
        Row("writing a poll, CPU", f"{ours / count * 1000:.1f} ms", f"plain rows: {theirs / count * 1000:.1f} ms", theirs / ours,
            *at_least(GOAL_CHEAPER, theirs / ours)),
        Row("making rollups and blocks of a poll, CPU", f"{(rolling + packing) / count * 1000:.1f} ms", f"writing it: {ours / count * 1000:.1f} ms",
            ours / (rolling + packing)),
        Row("one queue’s last hour", f"{one:.1f} ms", f"plain rows: {plain_one:.1f} ms", plain_one / one,
            *at_most(GOAL_HOUR_SLOWER, one / plain_one, " × the peer")),
        Row("all queues at a past moment", f"{whole:.1f} ms", f"plain rows: {plain_whole:,.0f} ms", plain_whole / whole,
            *at_least(GOAL_MOMENT_TIMES, plain_whole / whole)),
    ]  # fmt: skip


class Plain:
    """The obvious table: a row for each queue that changed, found by queue and time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.link = sqlite3.connect(path)
        self.link.execute("PRAGMA journal_mode=WAL")
        numbers = ", ".join(f"n{place}" for place in range(8))
        self.link.execute(f"CREATE TABLE point (queue INTEGER, at REAL, {numbers}, PRIMARY KEY (queue, at)) WITHOUT ROWID")

    def write(self, changed: dict[int, Numbers], at: float) -> None:
        with self.link:
            self.link.executemany("INSERT INTO point VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(queue, at, *row) for queue, row in changed.items()])

    def hour_of(self, queue: int, end: float) -> list[Any]:
        return self.link.execute("SELECT at, n0, n1, n3 FROM point WHERE queue = ? AND at BETWEEN ? AND ? ORDER BY at", (queue, end - 3600, end)).fetchall()

    def moment(self, at: float) -> list[Any]:
        return self.link.execute("SELECT queue, max(at), n0, n1, n2, n3, n4, n5, n6, n7 FROM point WHERE at <= ? GROUP BY queue", (at,)).fetchall()

    def size(self) -> int:
        self.link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--polls", type=int, default=720)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--of", type=int, default=100, help="queues of those days")
    options = parser.parse_args()
    data = set_up()
    emit(*measured(data, options.queues, options.polls))
    if options.days:
        emit(*days_measured(data, options.days, options.of, milliseconds))


if __name__ == "__main__":
    main()
