"""An hour of 10,000 queues as Hareline stores it, against plain rows in the same database and a store of time series: bytes a point, how long reading takes,
and whether every answer of every tier is what was recorded. Then a bound of 50 MB, and 90 days of 100 queues (`history_days`).

`.venv/bin/python -m script.bench_parts.history [--queues 10000] [--polls 720] [--days 90] [--peer prometheus] [--engine postgresql]`. About 1,100 queues
change a poll, as in a shop with its ups and downs. Reading counts by the processor time of this process and of PostgreSQL's that serves it, that of the store
of time series by that of its server. On PostgreSQL, in a private server, only the hour is measured, and only reading.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from script.bench_parts.history_bounded import bounded
from script.bench_parts.history_days import days_measured
from script.bench_parts.history_peers import NAMES, SeriesStore, installed
from script.bench_parts.history_plain import ROUNDS, Plain, PlainPostgresql, PlainSqlite, in_turns
from script.bench_parts.history_truth import POLL_SECONDS, compared
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_least, at_most, emit, percentile
from script.postgresql_server import PostgresServer

CHANGING, BUSY = 0.11, 0.2
GOAL_SMALLER, GOAL_CHEAPER, GOAL_HOUR_SLOWER, GOAL_MOMENT_TIMES = 12, 4.5, 20, 15
READS, MOMENTS = 30, 3
SHOWN = ["ready", "unacknowledged", "publish_per_second"]
Numbers = tuple[float, ...]


def polls(queues: int, count: int, rng: random.Random) -> Any:
    """What changed, poll by poll: {queue: (ready, unacknowledged, consumers, four rates, bytes of memory)}; everything in the first."""
    known: dict[int, list[float]] = {
        number: [rng.randrange(500), rng.randrange(20), rng.randrange(4), 0.0, 0.0, 0.0, 0.0, 20_000.0] for number in range(1, queues + 1)
    }
    yield {number: tuple(row) for number, row in known.items()}
    busy = list(known)[: int(queues * BUSY)]  # most queues of a big broker rest
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
    """Of processor time; nine in ten reads take no longer."""
    took = []
    for _ in range(READS):
        began = time.thread_time()
        read()
        took.append((time.thread_time() - began) * 1000)
    return percentile(took, 90)


class Recorded:
    """An hour that is stored by Hareline, and the same in plain rows; ends with the last whole ten minutes."""

    def __init__(self, plain: Plain, queues: int, count: int) -> None:
        from django.db import transaction

        from brokers import store
        from brokers.addresses import BrokerAddress
        from brokers.packing import pack_history
        from brokers.rolling_up import HistoryRollups
        from brokers.store.snapshots import SnapshotWriter

        self.queues, self.count = queues, count
        before = datetime.now(UTC).timestamp() - count * POLL_SECONDS
        self.start = datetime.fromtimestamp(before // 600 * 600, UTC)
        self.end = self.start + timedelta(seconds=(count - 1) * POLL_SECONDS)
        self.broker = store.ensure_brokers([BrokerAddress("bench", ("http://127.0.0.1:1",), "u", "p")], self.start)["bench"].pk
        self.truth: npt.NDArray[np.float32] = np.empty((8, count, queues), np.float32)
        writer, self.plain = SnapshotWriter(self.broker, "queues"), plain
        self.writing = self.plain_writing = 0.0
        for number, changed in enumerate(polls(queues, count, random.Random(3))):  # noqa: S311  (the same in every run)
            at = self.start + timedelta(seconds=number * POLL_SECONDS)
            began = time.process_time()
            with transaction.atomic():
                writer.write(changed, at)
            between = time.process_time()
            self.plain.write(changed, at.timestamp())
            self.writing, self.plain_writing = self.writing + between - began, self.plain_writing + time.process_time() - between
            self.truth[:, number] = self.truth[:, number - 1] if number else 0
            self.truth[:, number, [queue - 1 for queue in changed]] = np.array(list(changed.values()), np.float32).T
        began, rollups = time.process_time(), HistoryRollups()
        while rollups.update(self.end + timedelta(hours=1)):
            pass
        while pack_history():
            pass
        self.maintaining = time.process_time() - began

    @property
    def points(self) -> int:
        return self.truth.size

    def stored_bytes(self) -> int:
        """Of the polls; what a row needs beside its data is counted as 60 bytes."""
        from django.db import connection

        from brokers.models import Snapshot, SnapshotBlock

        tables = (Snapshot._meta.db_table, SnapshotBlock._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(f"SELECT coalesce(sum(length(data)), 0) + 60 * count(*) FROM {table}" for table in tables))  # noqa: S608
            return int(sum(found for (found,) in cursor.fetchall()))


def measured(recorded: Recorded, program: str | None, data: Path) -> list[Row]:
    from brokers import queries
    from brokers.queries.frames import moment
    from brokers.scope import EVERYTHING

    broker, start, end, count, dice = recorded.broker, recorded.start, recorded.end, recorded.count, random.Random(5)  # noqa: S311
    wrong, of = compared(broker, recorded.truth, start)
    hour = end - timedelta(hours=1)
    moments = [start + (end - start) * dice.random() for _ in range(READS)]
    per, per_plain, ours, theirs = recorded.stored_bytes() / recorded.points, recorded.plain.size() / recorded.points, recorded.writing, recorded.plain_writing
    plain, busy = recorded.plain, dice.sample(range(1, int(recorded.queues * BUSY) + 1), READS)
    of_one = in_turns(
        lambda queue: queries.history(EVERYTHING, broker, "queues", queue, SHOWN, hour, end, POLL_SECONDS),
        lambda queue: plain.hour_of(queue, end.timestamp()),
        busy,
        plain.cpu_seconds,
    )
    of_all = in_turns(
        lambda place: moment(broker, "queues", moments[place]), lambda place: plain.moment(moments[place].timestamp()), range(4), plain.cpu_seconds, MOMENTS
    )
    reading = [
        Row(f"one queue’s last hour, CPU, median of {ROUNDS} rounds of {READS} queues", f"{of_one.ours:.2f} ms", f"{plain.name}: {of_one.theirs:.2f} ms",
            1 / of_one.slower, *at_most(GOAL_HOUR_SLOWER, of_one.slower, " × the peer")),
        Row("all queues at a past moment, CPU", f"{of_all.ours:.1f} ms", f"{plain.name}: {of_all.theirs:,.0f} ms", 1 / of_all.slower,
            *at_least(GOAL_MOMENT_TIMES, 1 / of_all.slower)),
    ]  # fmt: skip
    if not isinstance(plain, PlainSqlite):
        return [_compared_row(f"{recorded.queues:,} queues, {count} polls on PostgreSQL", wrong, of), *reading]
    rows = [
        _compared_row(f"{recorded.queues:,} queues, {count} polls", wrong, of),
        Row(f"stored bytes a point ({recorded.queues:,} queues, {count} polls)", f"{per:.2f} B", f"plain rows of what changed: {per_plain:.2f} B",
            per_plain / per, *at_least(GOAL_SMALLER, per_plain / per)),
        Row("writing a poll, CPU", f"{ours / count * 1000:.1f} ms", f"plain rows: {theirs / count * 1000:.1f} ms", theirs / ours,
            *at_least(GOAL_CHEAPER, theirs / ours)),
        Row("making rollups and blocks of a poll, CPU", f"{recorded.maintaining / count * 1000:.1f} ms", f"writing it: {ours / count * 1000:.1f} ms",
            ours / recorded.maintaining),
        *reading,
    ]  # fmt: skip
    return rows + (beside(recorded, program, data, (per, of_one.ours, of_all.ours)) if program else [])


def _compared_row(what: str, wrong: int, of: int) -> Row:
    return Row(f"{what}: numbers of three tiers that are not the generator’s", f"{wrong:,} of {of:,}", "", None, "0", 0.0 if wrong else 1.0)


def beside(recorded: Recorded, program: str, data: Path, ours: tuple[float, float, float]) -> list[Row]:
    """The same numbers, every one of every poll, in a store of time series."""
    from brokers.snapshots import METRICS

    names, times = [metric.name for metric in METRICS["queues"]], recorded.start.timestamp() + POLL_SECONDS * np.arange(recorded.count, dtype=np.float64)
    peer = SeriesStore(program, data / program)
    try:
        for first in range(0, recorded.count, 60):
            polls_of = slice(first, first + 60)
            peer.write(names, range(1, recorded.queues + 1), times[polls_of], recorded.truth[:, polls_of].astype(np.float64).swapaxes(1, 2))
        writing, end = peer.cpu_seconds, recorded.end.timestamp()
        per = peer.stored_bytes() / recorded.points
        one = peer.milliseconds(lambda: peer.course(SHOWN, [7], end - 3600, end, POLL_SECONDS))
        whole = peer.milliseconds(lambda: peer.moment(names, end - 1800))
    finally:
        peer.close()
    mine = recorded.writing + recorded.maintaining
    return [
        Row("stored bytes a point", f"{ours[0]:.2f} B", f"{peer.name}: {per:.2f} B", per / ours[0]),
        Row("taking a poll in and making its rollups and blocks, CPU", f"{mine / recorded.count * 1000:.1f} ms",
            f"{peer.name}, 60 polls at once: {writing / recorded.count * 1000:.1f} ms", writing / mine),
        Row("one queue’s last hour, CPU", f"{ours[1]:.1f} ms", f"{peer.name}: {one:.1f} ms", one / ours[1]),
        Row("all queues at a past moment, CPU", f"{ours[2]:.1f} ms", f"{peer.name}: {whole:,.0f} ms", whole / ours[2]),
    ]  # fmt: skip


def on_postgresql(queues: int, count: int) -> None:
    server = PostgresServer()
    try:
        server.start()
        data = set_up(database_url=server.url())
        emit(*measured(Recorded(PlainPostgresql(server.url()), queues, count), None, data))
    finally:
        server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--polls", type=int, default=720)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--of", type=int, default=100, help="queues of those days")
    parser.add_argument("--peer", choices=[*NAMES, "none"], default=next(iter(installed()), "none"), help="the store of time series to compare with")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    if options.engine == "postgresql":
        on_postgresql(options.queues, options.polls)
        return
    data, program = set_up(), None if options.peer == "none" else options.peer
    recorded = Recorded(PlainSqlite(data / "plain.sqlite3"), options.queues, options.polls)
    emit(*measured(recorded, program, data))
    emit(*bounded(recorded.broker, recorded.start, recorded.end))
    if options.days:
        emit(*days_measured(data, options.days, options.of, milliseconds, program))


if __name__ == "__main__":
    main()
