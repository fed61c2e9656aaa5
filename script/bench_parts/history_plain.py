"""The obvious table beside history: a row for each queue that changed, found by queue and time; in SQLite or PostgreSQL. And reading both in turns."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

ROUNDS = 7
_COLUMNS = ", ".join(f"n{place}" for place in range(8))
_HOUR = "SELECT at, n0, n1, n3 FROM point WHERE queue = ? AND at BETWEEN ? AND ? ORDER BY at"
_MOMENT = f"SELECT queue, max(at), {_COLUMNS} FROM point WHERE at <= ? GROUP BY queue"  # noqa: S608  (names)
_MOMENT_OF_POSTGRESQL = f"SELECT DISTINCT ON (queue) queue, at, {_COLUMNS} FROM point WHERE at <= %s ORDER BY queue, at DESC"  # noqa: S608  (names)


class Plain(Protocol):
    """Rows of changed queues: (ready, unacknowledged, consumers, four rates, bytes of memory)."""

    name: str

    def write(self, changed: Mapping[int, tuple[float, ...]], at: float) -> None: ...

    def hour_of(self, queue: int, end: float) -> Sequence[Any]: ...

    def moment(self, at: float) -> Sequence[Any]: ...

    def size(self) -> int: ...

    def cpu_seconds(self) -> float:
        """Of this thread and, where there is one, of the server's process that serves it."""


class PlainSqlite:
    name = "plain rows"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.link = sqlite3.connect(path)
        self.link.execute("PRAGMA journal_mode=WAL")
        self.link.execute(f"CREATE TABLE point (queue INTEGER, at REAL, {_COLUMNS}, PRIMARY KEY (queue, at)) WITHOUT ROWID")

    def write(self, changed: Mapping[int, tuple[float, ...]], at: float) -> None:
        with self.link:
            self.link.executemany("INSERT INTO point VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(queue, at, *row) for queue, row in changed.items()])

    def hour_of(self, queue: int, end: float) -> list[Any]:
        return self.link.execute(_HOUR, (queue, end - 3600, end)).fetchall()

    def moment(self, at: float) -> list[Any]:
        return self.link.execute(_MOMENT, (at,)).fetchall()

    def size(self) -> int:
        self.link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size

    def cpu_seconds(self) -> float:
        return time.thread_time()


class PlainPostgresql:
    name = "plain rows in PostgreSQL"

    def __init__(self, url: str) -> None:
        import psycopg

        self.link = psycopg.connect(url, autocommit=True)
        numbers = _COLUMNS.replace(",", " double precision,") + " double precision"
        self.link.execute(f"CREATE TABLE point (queue INTEGER, at double precision, {numbers}, PRIMARY KEY (queue, at))")

    def write(self, changed: Mapping[int, tuple[float, ...]], at: float) -> None:
        with self.link.cursor() as cursor, cursor.copy("COPY point FROM STDIN") as copy:
            for queue, row in changed.items():
                copy.write_row((queue, at, *row))

    def hour_of(self, queue: int, end: float) -> list[Any]:
        return self.link.execute(_HOUR.replace("?", "%s"), (queue, end - 3600, end)).fetchall()

    def moment(self, at: float) -> list[Any]:
        return self.link.execute(_MOMENT_OF_POSTGRESQL, (at,)).fetchall()

    def size(self) -> int:
        self.link.execute("VACUUM ANALYZE point")
        return int(self.link.execute("SELECT pg_total_relation_size('point')").fetchone()[0])  # type: ignore[index]

    def cpu_seconds(self) -> float:
        return time.thread_time() + backend_seconds(self.link.info.backend_pid)


def backend_seconds(pid: int) -> float:
    """The processor time of a process of this machine, in nanoseconds as the kernel counts it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def our_cpu_seconds() -> float:
    """Of this thread and of the server's process that serves Django's connection, if there is one."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return time.thread_time()
    connection.ensure_connection()
    return time.thread_time() + backend_seconds(connection.connection.info.backend_pid)


class Pair(NamedTuple):
    """Milliseconds of processor time a read of ours and of the peer, and how many times of the peer's ours takes: each the median of rounds."""

    ours: float
    theirs: float
    slower: float


def in_turns(
    ours: Callable[[int], Any], theirs: Callable[[int], Any], chosen: Sequence[int], cpu: Callable[[], float], rounds: int = ROUNDS
) -> Pair:  # fmt: skip
    """Both read all of the chosen objects, one after the other, in rounds. The first is not counted: a process that has just started has nothing ready."""
    found = []
    for _ in range(rounds + 1):
        pair = []
        for read, clock in ((ours, our_cpu_seconds), (theirs, cpu)):
            began = clock()
            for one in chosen:
                read(one)
            pair.append((clock() - began) * 1000 / len(chosen))
        found.append(pair)
    del found[0]
    return Pair(*(statistics.median(each) for each in zip(*found, strict=True)), statistics.median(ours / theirs for ours, theirs in found))  # type: ignore[call-arg]
