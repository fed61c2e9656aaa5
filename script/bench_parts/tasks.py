"""The pages of tasks with a million of them stored, while 2,000 events a second come in; against Flower's table in memory.

`.venv/bin/python -m script.bench_parts.tasks [--tasks 1000000]`. A process of its own takes the events in and stores them.
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
from script.bench_parts.rows import Row, emit, percentile
from script.bench_parts.task_events import EVENTS_A_TASK, bodies

FIRST_TASKS = 20_000
READS = 60
EVENTS_PER_SECOND, ROUND_SECONDS = 2_000, 0.5
GOAL_TIMES = 4


def fill(tasks: int) -> None:
    """So many rows: some taken in as events are, then copied under new names with the words that are searched for."""
    from django.db import connection

    intake, rng = Intake(), random.Random(2)  # noqa: S311  (the same in every run)
    intake.take(bodies(FIRST_TASKS, rng))
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pragma_table_info('workers_task') WHERE name NOT IN ('id', 'uuid', 'first_seen_at')")
        columns = ", ".join(f'"{row[0]}"' for row in cursor.fetchall())
        cursor.execute("PRAGMA synchronous = OFF")
        for back in range(1, tasks // FIRST_TASKS):
            cursor.execute(
                f"INSERT INTO workers_task ({columns}, uuid, first_seen_at) SELECT {columns}, lower(hex(randomblob(16))), "  # noqa: S608
                f"strftime('%Y-%m-%d %H:%M:%f', first_seen_at, '-{back} minutes') || '000' FROM workers_task WHERE id <= {FIRST_TASKS}"
            )
        cursor.execute(
            "INSERT INTO workers_task_words (rowid, words) SELECT id, name || ' ' || coalesce(exception, '') || ' ' || args || ' ' || kwargs "
            "FROM workers_task WHERE id > %s",
            [FIRST_TASKS],
        )
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def feed() -> None:
    """Takes events in, at their rate, until it is ended."""
    attach()
    intake, rng = Intake(), random.Random()  # noqa: S311
    due = time.monotonic()
    while True:
        intake.take(bodies(int(EVENTS_PER_SECOND * ROUND_SECONDS / EVENTS_A_TASK), rng, time.time() - 1))
        due += ROUND_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))


def measured(tasks: int) -> Iterator[Row]:
    from django.test import Client

    from brokers.models import Broker
    from dashboard.models import User
    from workers.models import Task

    Broker.objects.filter(revision=0).update(revision=1)  # as if it had been polled: what viewers share is kept only then
    person = Client(headers={"host": "localhost"})
    person.force_login(User.objects.create_superuser("bench", password="bench"))  # noqa: S106
    rng = random.Random(5)  # noqa: S311
    last = Task.objects.latest("pk").pk
    flower = peer(str(FLOWER_PYTHON), "flower", PEER_TASKS)
    pages: dict[str, Any] = {
        "newest first": lambda: "/tasks/",
        "by state": lambda: "/tasks/?q=state:failure",
        "by worker node": lambda: f"/tasks/?q=worker:w{rng.randrange(20)}@node0",
        "by state and worker node": lambda: f"/tasks/?q=state:failure+worker:w{rng.randrange(0, 20, 5)}@node0",
        "by name": lambda: "/tasks/?q=name:shop.mail.send",
        "words of the arguments": lambda: f"/tasks/?q=customer-{rng.randrange(5000)}",
        "one task": lambda: f"/tasks/{rng.randrange(1, last)}/",
    }
    for name, address in pages.items():
        took, spent = [], []
        for _ in range(READS):
            target, began, busy = address(), time.perf_counter(), time.process_time()
            answer = person.get(target)
            took.append((time.perf_counter() - began) * 1000)
            spent.append((time.process_time() - busy) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{target} answered {answer.status_code}")
        worst = percentile(took, 99)
        peer_ms = flower["search_ms" if name.startswith("words") else "table_ms"] if flower else None
        shown = f"{worst:.0f} ms (half: {percentile(took, 50):.0f}; CPU {percentile(spent, 50):.0f})"
        text, times = (f"Flower’s at {PEER_TASKS:,} tasks, at rest: {peer_ms:.0f} ms", peer_ms / worst) if peer_ms else ("", None)
        met = times >= GOAL_TIMES if times else None
        yield Row(f"tasks, {tasks:,} stored, {EVENTS_PER_SECOND:,} events/s, 99 %: {name}", shown, text, times, f"≥ {GOAL_TIMES}x", met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--feed", action="store_true", help="only take events in, into the database of the environment")
    options = parser.parse_args()
    if options.feed:
        feed()
    set_up(pages=True)
    began = datetime.now(UTC)
    fill(options.tasks)
    print(f"filled in {(datetime.now(UTC) - began).total_seconds():.0f} s", file=sys.stderr)
    feeder = subprocess.Popen([sys.executable, "-m", "script.bench_parts.tasks", "--feed"])
    try:
        for row in measured(options.tasks):
            emit(row)
        if feeder.poll() is not None:
            raise SystemExit("the events stopped coming in")
    finally:
        feeder.kill()
        feeder.wait()


if __name__ == "__main__":
    main()
