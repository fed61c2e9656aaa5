"""Celery's events taken in by one core: read, brought to the state of tasks and workers, stored; against Celery's own State, Flower's, and decoding alone.

`.venv/bin/python -m script.bench_parts.intake [--tasks 40000] [--rounds 3] [--alone]`: medians of the rounds, in each of which all take their turn.
`--alone` leaves out RabbitMQ and PostgreSQL. CPU time of the process counts. For millions of events: `-m script.bench_parts.intake_run --report 1000000`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from statistics import median

import psycopg

from script.bench_parts.intake_run import AT_ONCE_TASKS, QUEUE
from script.bench_parts.rows import Row, at_least, at_most, emit
from script.bench_parts.task_events import EVENTS_A_TASK, bodies
from script.postgresql_server import PostgresServer
from script.rabbitmq_node import RabbitNode
from script.raw_publisher import RawPublisher
from workers.receiving.event_queues import candidates

PEER_TASKS = 40_000
GOAL_MEGABYTES = 200
FLOWER_PYTHON = Path("var/bench/flower/bin/python")
PEERS = {
    "celery": (3.0, "Celery’s State, in memory"),
    "flower": (7.0, "Flower’s state, in memory"),
    "decoding": (0.5, "py-amqp and msgspec, decoding alone"),
}
_WHAT = "events a CPU second: read, tasks’ and workers’ state, stored and searchable"
MEASURED = (
    ("sqlite", f"{_WHAT}, SQLite", ("celery", "flower")),
    ("postgresql", f"{_WHAT}, PostgreSQL", ("celery", "flower")),
    ("received", f"{_WHAT}, from RabbitMQ to SQLite", ("decoding",)),
    ("received, postgresql", f"{_WHAT}, from RabbitMQ to PostgreSQL", ("decoding",)),
)
Figures = dict[str, float]


def run(python: str, *arguments: str) -> Figures:
    done = subprocess.run([python, *arguments], capture_output=True, check=True, timeout=800)
    found: Figures = json.loads(done.stdout)
    return found


def ours(tasks: int, *options: str) -> Figures:
    return run(sys.executable, "-m", "script.bench_parts.intake_run", "--tasks", str(tasks), *options)


def peer(python: str, which: str, tasks: int) -> Figures | None:
    """What peer_state.py measured; None where that Python is not there."""
    return run(python, str(Path(__file__).with_name("peer_state.py")), which, str(tasks)) if Path(python).exists() else None


@contextmanager
def filled_nodes(tasks: int) -> Iterator[Callable[[], tuple[str, int]]]:
    """A function that fills our queue of a RabbitMQ node, and returns the node's address and how many messages wait."""
    messages = bodies(tasks, random.Random(1))  # noqa: S311  (the same in every run)
    with tempfile.TemporaryDirectory(prefix="hareline-bench-node-", ignore_cleanup_errors=True) as directory:
        node = RabbitNode(Path(directory))
        node.start()
        try:
            publisher = RawPublisher(node.amqp_url(), queue=QUEUE, arguments=candidates(QUEUE, 1)[0].arguments)

            def fill() -> tuple[str, int]:
                publisher.publish(messages)
                publisher.wait_for_confirms()
                return node.amqp_url(), len(messages)

            yield fill
        finally:
            node.kill()


@contextmanager
def databases() -> Iterator[Callable[[Callable[[str], Figures]], Figures]]:
    """A function that measures on a new database of a private PostgreSQL. With `server`: that one's CPU microseconds an event."""
    server, made = PostgresServer(), count(1)
    server.start()

    def measured(take: Callable[[str], Figures]) -> Figures:
        name = f"intake{next(made)}"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        before = cpu_seconds(server.pid or 0)
        found = take(server.url(name))
        return {**found, "server": (cpu_seconds(server.pid or 0) - before) * 1e6 / found["events"]}

    try:
        yield measured
    finally:
        server.remove()


def cpu_seconds(pid: int) -> float:
    """Of a process and its children, those that ended too."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if path.parent.name == str(pid):
                found += sum(map(int, fields[11:15]))
            elif fields[1] == str(pid):
                found += sum(map(int, fields[11:13]))
    return found / os.sysconf("SC_CLK_TCK")


def rounds(tasks: int, times: int, alone: bool) -> dict[str, list[Figures]]:
    """What each of them came to, round by round, in turns."""
    found: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        turns: dict[str, Callable[[], Figures | None]] = {
            "celery": lambda: peer(sys.executable, "celery", tasks),
            "flower": lambda: peer(str(FLOWER_PYTHON), "flower", tasks),
            "sqlite": lambda: ours(tasks),
        }
        if not alone:
            fill, measured = stack.enter_context(filled_nodes(tasks)), stack.enter_context(databases())
            turns["postgresql"] = lambda: measured(lambda url: ours(tasks, "--postgres", url))
            turns["decoding"] = lambda: run(sys.executable, "-m", "script.bench_parts.peer_decoding", QUEUE, *map(str, fill()))
            turns["received"] = lambda: ours(tasks, "--amqp", fill()[0])
            turns["received, postgresql"] = lambda: measured(lambda url: ours(tasks, "--amqp", fill()[0], "--postgres", url))
        for _ in range(times):
            for name, take in turns.items():
                figures = take()
                if figures is not None:
                    found.setdefault(name, []).append(figures)
                    print(f"{name}: {figures['per_second']:,.0f}", file=sys.stderr, flush=True)
    return found


def rows(found: dict[str, list[Figures]]) -> Iterator[Row]:
    """One for each of our measurements and each of its peers; medians."""
    middle = {name: {key: median(one[key] for one in some) for key in some[0]} for name, some in found.items()}
    for name, what, peers in MEASURED:
        if name not in middle:
            continue
        one = middle[name]["per_second"]
        server = f"; the server {middle[name]['server']:.1f} µs an event" if "server" in middle[name] else ""
        for other in peers:
            goal, title = PEERS[other]
            if other not in middle:
                yield Row(what, f"{one:,.0f}{server}", f"{title}: not installed here", None, *at_least(goal, None))
                continue
            times = one / middle[other]["per_second"]
            yield Row(what, f"{one:,.0f}{server}", f"{title}: {middle[other]['per_second']:,.0f}", times, *at_least(goal, times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=PEER_TASKS, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without RabbitMQ and PostgreSQL")
    parser.add_argument("--long", type=int, default=336_000, metavar="TASKS", help="after which memory is looked at")
    options = parser.parse_args()
    found = rounds(options.tasks, options.rounds, options.alone)
    emit(*rows(found))
    long = ours(options.long)
    flower = f"Flower after {options.tasks * EVENTS_A_TASK:,}: {found['flower'][0]['megabytes']:,.0f} MB" if "flower" in found else ""
    times = found["flower"][0]["megabytes"] / long["megabytes"] if "flower" in found else None
    emit(
        Row(f"memory after {long['events']:,} events", f"{long['megabytes']:,.0f} MB", flower, times, *at_most(GOAL_MEGABYTES, long["megabytes"], " MB")),
        Row(f"events a CPU second, SQLite: the first {AT_ONCE_TASKS * EVENTS_A_TASK:,}, the last", f"{long['first']:,.0f}, {long['last']:,.0f}"),
        Row("stored bytes a task, with its indexes and words", f"{long['bytes_a_task']:,.0f}"),
    )


if __name__ == "__main__":
    main()
