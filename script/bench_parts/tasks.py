"""The pages of tasks, of their failures and statistics, with a million of them stored, while 2,000 events a second come in; against Flower's table in memory.

`.venv/bin/python -m script.bench_parts.tasks [--engine sqlite|postgresql] [--tasks 1000000]`; on both engines where none is named. A process of its own
takes the events in and stores them. PostgreSQL is a private server, whose processor time is not in that of the page.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from script.bench_parts.intake import FLOWER_PYTHON, PEER_TASKS, peer
from script.bench_parts.intake_run import Intake
from script.bench_parts.own_database import attach, set_up
from script.bench_parts.rows import Row, at_least, emit, percentile
from script.bench_parts.task_events import EVENTS_A_TASK, NAMES, bodies
from script.bench_parts.task_fill import fill
from script.bench_parts.task_history import GROUPS, fill_history
from script.postgresql_server import PostgresServer

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
SERVER = ("shared_buffers=256MB", "max_wal_size=2GB", "maintenance_work_mem=256MB")
READS = 200
EVENTS_PER_SECOND, ROUND_SECONDS, SUM_SECONDS = 2_000, 0.5, 10.0
GOAL_TIMES = 4
SEARCHES = ("words of the arguments", "arguments only", "exception", "runtime, found nowhere")
"""What only Flower's search can find."""


def feed() -> None:
    """Takes events in, at their rate, and adds up what they count as maintenance does, until it is ended."""
    attach()
    from workers import store

    intake, rng = Intake(), random.Random()  # noqa: S311
    due = sum_at = time.monotonic()
    while True:
        intake.take(bodies(int(EVENTS_PER_SECOND * ROUND_SECONDS / EVENTS_A_TASK), rng, time.time() - 1))
        due += ROUND_SECONDS
        if time.monotonic() >= sum_at:
            store.sum_statistics()
            sum_at = time.monotonic() + SUM_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))


def measured(tasks: int, engine: str, reads: int = READS) -> Iterator[Row]:
    from django.test import Client

    from brokers import interpreter
    from brokers.models import Broker
    from dashboard.models import User
    from workers.models import FailureGroup, Task

    Broker.objects.filter(revision=0).update(revision=1)  # as if it had been polled: what viewers share is kept only then
    person = Client(headers={"host": "localhost"})
    person.force_login(User.objects.create_superuser("bench", password="bench"))  # noqa: S106
    rng = random.Random(5)  # noqa: S311
    keys = list(Task.objects.order_by("-pk").values_list("pk", flat=True)[:20_000:100])
    uuids = list(Task.objects.filter(pk__in=keys).values_list("uuid", flat=True))
    groups = list(FailureGroup.objects.order_by("-last_at").values_list("pk", flat=True)[:100])
    flower = peer(str(FLOWER_PYTHON), "flower", PEER_TASKS)
    pages: dict[str, Any] = {
        "newest first": lambda: "/tasks/",
        "by state": lambda: "/tasks/?q=state:failure",
        "by worker node": lambda: f"/tasks/?q=worker:w{rng.randrange(20)}@node0",
        "by state and worker node": lambda: f"/tasks/?q=state:failure+worker:w{rng.randrange(0, 20, 5)}@node0",
        "by name": lambda: "/tasks/?q=name:shop.mail.send",
        "by queue": lambda: "/tasks/?q=queue:mail",
        "of the last two hours": lambda: "/tasks/?q=after:-2h",
        "words of the arguments": lambda: f"/tasks/?q=customer-{rng.randrange(5000)}",
        "arguments only": lambda: f"/tasks/?q=args:customer-{rng.randrange(5000)}",
        "exception": lambda: "/tasks/?q=exception:ValueError",
        "runtime, of all": lambda: "/tasks/?q=runtime>0.2s",
        "runtime, found nowhere": lambda: "/tasks/?q=runtime>2s",
        "runtime of failed tasks": lambda: "/tasks/?q=state:failed+runtime>0.2s",
        "wait": lambda: "/tasks/?q=wait>1m",
        "retries": lambda: "/tasks/?q=retries>2",
        "not succeeded": lambda: "/tasks/?q=-state:success",
        "not of a name": lambda: "/tasks/?q=-name:shop.mail.*",
        "all terms at once": lambda: (
            f"/tasks/?q=name:shop.orders.*+state:failure+worker:w{rng.randrange(20)}@*+runtime>0.2s+wait<1m+queue:orders+exception:ValueError"
            f"+args:customer-{rng.randrange(5000)}+after:-2h"
        ),
        "root": lambda: f"/tasks/?q=root:{rng.choice(uuids)}",
        "one task": lambda: f"/tasks/{rng.choice(keys)}/",
        f"{GROUPS:,} groups of failures": lambda: "/tasks/failures/",
        "groups of failures of an exception": lambda: f"/tasks/failures/?q=exception:Error{rng.randrange(40)}",
        "one group of failures": lambda: f"/tasks/failures/{rng.choice(groups)}/",
        "statistics of an hour": lambda: "/tasks/statistics/",
        "statistics of a day": lambda: "/tasks/statistics/?range=24h",
        "statistics of one name, an hour": lambda: f"/tasks/statistics/name/?broker=bench&vhost=/&name={rng.choice(NAMES)}",
    }
    person.get("/tasks/")  # a process's first page imports the program
    interpreter.look_for_garbage_rarely()  # as the web process
    for name, address in pages.items():
        took, spent = [], []
        for _ in range(reads):
            target, began, busy = address(), time.perf_counter(), time.process_time()
            answer = person.get(target)
            took.append((time.perf_counter() - began) * 1000)
            spent.append((time.process_time() - busy) * 1000)
            interpreter.look_for_garbage_now()  # as the web process after an answer
            if answer.status_code != 200:
                raise SystemExit(f"{target} answered {answer.status_code}")
        worst = percentile(took, 99)
        peer_ms = flower["search_ms" if name in SEARCHES else "table_ms"] if flower else None
        shown = f"{worst:.0f} ms (half: {percentile(took, 50):.0f}; CPU {percentile(spent, 50):.0f})"
        text, times = (f"Flower’s at {PEER_TASKS:,} tasks, at rest: {peer_ms:.0f} ms", peer_ms / worst) if peer_ms else ("", None)
        yield Row(f"tasks, {tasks:,} in {ENGINES[engine]}, {EVENTS_PER_SECOND:,} events/s, 99 %: {name}", shown, text, times, *at_least(GOAL_TIMES, times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--feed", action="store_true", help="only take events in, into the database of the environment")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--reads", type=int, default=READS, help="of each page")
    options = parser.parse_args()
    if options.feed:
        feed()
    if options.engine is None:
        for engine in ENGINES:
            subprocess.run(
                [sys.executable, "-m", "script.bench_parts.tasks", "--engine", engine, "--tasks", str(options.tasks), "--reads", str(options.reads)], check=True
            )
        return
    server = PostgresServer(SERVER) if options.engine == "postgresql" else None
    try:
        if server:
            server.start()
        bench(options.tasks, options.engine, server.url() if server else "", options.reads)
    finally:
        if server:
            server.remove()


def bench(tasks: int, engine: str, url: str, reads: int) -> None:
    """Fills a database and measures."""
    set_up(pages=True, database_url=url)
    began = datetime.now(UTC)
    fill(tasks)
    fill_history()
    print(f"{ENGINES[engine]} filled in {(datetime.now(UTC) - began).total_seconds():.0f} s", file=sys.stderr)
    feeder = subprocess.Popen([sys.executable, "-m", "script.bench_parts.tasks", "--feed"])
    try:
        for row in measured(tasks, engine, reads):
            emit(row)
        if feeder.poll() is not None:
            raise SystemExit("the events stopped coming in")
    finally:
        feeder.kill()
        feeder.wait()


if __name__ == "__main__":
    main()
