"""What is kept of tasks beside their rows, as much of it as there may be: groups of failures with a day of hours, and statistics by name, queue and minute."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

from script.bench_parts.task_events import HOSTS, NAMES

GROUPS, HOURS, MINUTES = 2_000, 24, 360
TASKS_A_MINUTE = 60


def fill_history() -> None:
    """In the virtual host of the other tasks, up to now."""
    rng = random.Random(7)  # noqa: S311  (the same in every run)
    _fill_failures(rng)
    _fill_statistics(rng)


def _fill_failures(rng: random.Random) -> None:
    from brokers.models import Broker
    from workers.models import FailureGroup, FailureHour, FailurePart

    broker, now = Broker.objects.get(name="bench"), datetime.now(UTC)
    hour = int(now.timestamp() // 3600)
    traceback = "Traceback (most recent call last):\n" + '  File "/srv/shop/orders.py", line 17, in pay\n    charge(card)\n' * 20
    groups = FailureGroup.objects.bulk_create(
        FailureGroup(
            broker=broker,
            vhost="/",
            fingerprint=f"bench-{number}",
            exception=f"Error{number % 40}",
            place=f"shop/module{number % 100}.py in step",
            message=f"the step … of kind {number} failed",
            count=rng.randrange(1, 10**6),
            first_at=now - timedelta(days=7),
            last_at=now - timedelta(seconds=number),
            sample_exception=f"Error{number % 40}('no')",
            sample_traceback=traceback,
            sample_queue="mail",
        )
        for number in range(GROUPS)
    )
    FailureHour.objects.bulk_create((FailureHour(group=group, hour=hour - back, count=rng.randrange(1, 500)) for group in groups for back in range(HOURS)), 500)
    parts = [(FailurePart.TASK, name) for name in NAMES[:3]] + [(FailurePart.WORKER, host) for host in HOSTS[:3]]
    FailurePart.objects.bulk_create((FailurePart(group=group, kind=kind, name=name, count=9) for group in groups for kind, name in parts), 500)


def _fill_statistics(rng: random.Random) -> None:
    from brokers.models import Broker
    from workers import store
    from workers.receiving.task_order import EVENTS
    from workers.store.task_statistics import save_counted
    from workers.task_statistics import MINUTE, Key, nothing, period

    broker, latest = Broker.objects.get(name="bench").pk, period(time.time(), MINUTE)
    for back in range(MINUTES):
        counts = {}
        for name in NAMES:
            counted = nothing()
            for event in ("task-received", "task-started", "task-succeeded"):
                counted.events[EVENTS.index(event)] = TASKS_A_MINUTE
            for _ in range(TASKS_A_MINUTE):
                counted.runtimes.add(rng.expovariate(2.0))
                counted.waits.add(rng.expovariate(10.0))
            counts[Key(latest - back * MINUTE, name, name.split(".")[1])] = counted
        save_counted(broker, "/", counts)
    while store.sum_statistics():
        pass
