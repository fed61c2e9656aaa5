"""Statistics of a thousand task names over 30 days: the pages and calls that read them, and what adding a batch to them costs.

`.venv/bin/python -m script.bench_parts.task_statistics [--names 1000]`. Every name ran in every minute, hour and day that is kept, so that no database of
as many names has more rows to read.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, emit, percentile

DAYS = 30
READS = 5
QUEUES = 20
MINUTES_FOR_DAYS = 2


def fill(names: int) -> int:
    """How many rows: a name's sketches are those of one of a hundred random ones, copied in the database."""
    from django.db import connection
    from django.utils import timezone

    from brokers.models import Broker
    from workers.models import TaskStatistic
    from workers.task_statistics import DAY, HOUR, MINUTE, encoded_sketches, nothing, period

    rng = random.Random(3)  # noqa: S311
    with connection.cursor() as cursor:  # what is made stays in memory until it is all there
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("PRAGMA cache_size = -2000000")
    broker, now = Broker.objects.get(), timezone.now().timestamp()
    for seconds, days, tasks in ((MINUTE, MINUTES_FOR_DAYS, 20), (HOUR, DAYS, 200), (DAY, DAYS, 1000)):
        last, rows = period(now, seconds), []
        for number in range(names):
            counted, typical = nothing(), rng.uniform(0.01, 5.0)
            for _ in range(tasks):
                counted.runtimes.add(rng.lognormvariate(0, 0.6) * typical)
                counted.waits.add(rng.expovariate(2))
            events = {"sent": tasks, "received": tasks, "started": tasks, "retried": 1, "rejected": 0, "revoked": 0, "failed": 2, "succeeded": tasks - 2}
            place = {"broker": broker, "vhost": "/", "seconds": seconds, "start": last, "name": f"shop.part{number % 40}.task_{number}"}
            rows.append(TaskStatistic(**place, queue=f"queue-{number % QUEUES}", sketches=encoded_sketches(counted), **events))
        TaskStatistic.objects.bulk_create(rows)
        columns = ", ".join(str(field.column) for field in TaskStatistic._meta.concrete_fields if field.column not in ("id", "start"))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO workers_taskstatistic ({columns}, start) "  # noqa: S608  (the names of our own model)
                f"WITH RECURSIVE back(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM back WHERE n < %s) "
                f"SELECT {columns}, %s - n * %s FROM workers_taskstatistic, back WHERE seconds = %s AND start = %s",
                [days * DAY // seconds - 1, last, seconds, seconds, last],
            )
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA cache_size = -2000")
    return TaskStatistic.objects.count()


def measured(names: int) -> Iterator[Row]:
    from django.test import Client

    from brokers import interpreter
    from brokers.queries import kept
    from dashboard.models import User

    rows = fill(names)
    person = Client(headers={"host": "localhost"})
    person.force_login(User.objects.create_superuser("bench", password="bench"))  # noqa: S106
    one = "broker=bench&vhost=/&name=shop.part7.task_7"
    pages = {
        "names, the last hour": "/tasks/statistics/",
        "names, the last six hours": "/tasks/statistics/?from=-6h",
        "names, the last day": "/tasks/statistics/?range=24h",
        "names, seven days": "/tasks/statistics/?range=7d",
        "names, 30 days": "/tasks/statistics/?from=-30d",
        "queues, the last day": "/tasks/statistics/?range=24h&group=queue",
        "one name, the last hour": f"/tasks/statistics/name/?{one}",
        "one name, seven days against the seven before": f"/tasks/statistics/name/?{one}&range=7d",
        "call, the last hour": "/api/v1/task-statistics",
        "call, seven days": "/api/v1/task-statistics?from=-7d",
        "call, one name, seven days": "/api/v1/task-statistics?from=-7d&name=shop.part7.task_7",
        "call, two halves of a day": "/api/v1/task-statistics/compare?from=-24h&at=-12h",
    }
    person.get("/tasks/statistics/")  # a process's first page imports the program
    interpreter.look_for_garbage_rarely()  # as the web process
    for name, address in pages.items():
        took: dict[bool, list[float]] = {False: [], True: []}
        spent: dict[bool, list[float]] = {False: [], True: []}
        for number in range(2 * READS):
            is_shared = bool(number % 2)
            if not is_shared:
                kept.forget()
            began, busy = time.perf_counter(), time.process_time()
            answer = person.get(address)
            took[is_shared].append((time.perf_counter() - began) * 1000)
            spent[is_shared].append((time.process_time() - busy) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
        shown = f"{percentile(took[False], 95):.0f} ms (half: {percentile(took[False], 50):.0f}; CPU {percentile(spent[False], 50):.0f})"
        shared = f", the next viewer’s {percentile(took[True], 50):.0f} ms (CPU {percentile(spent[True], 50):.0f})"
        yield Row(f"statistics, {names:,} names, {rows:,} rows, 95 %: {name}", shown + shared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1000)
    options = parser.parse_args()
    set_up(pages=True)
    from django.utils import timezone

    from brokers.models import Broker

    now = timezone.now()
    Broker.objects.get_or_create(name="bench", defaults={"since": now - timedelta(days=DAYS), "polled_at": now, "poll_seconds": 5, "revision": 1})
    began = time.monotonic()
    for row in measured(options.names):
        emit(row)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
