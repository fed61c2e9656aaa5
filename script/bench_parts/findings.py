"""What it costs that all rules look at a broker once: 10,000 queues, 500 workers, 200,000 tasks, as stored after a poll.

`.venv/bin/python -m script.bench_parts.findings [--engine sqlite|postgresql] [--queues 10000] [--workers 500] [--tasks 200000] [--rounds 30] [--profile]`; on
both engines where none is named. Between two rounds a poll changes a tenth of the queues, every worker sends a heartbeat, and a thousand tasks end. Measured
is the processor time of the thread, from reading the facts to storing what came of them; that of PostgreSQL's server is not in it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, at_most, emit, percentile
from script.bench_parts.task_fill import fill
from script.postgresql_server import PostgresServer

GOAL_MS = 50
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
SERVER = ("shared_buffers=256MB",)
VHOSTS = ("/", "shop", "mail", "reports")
ENDED_A_POLL = 1000
TROUBLED = 20
"""So many queues hold messages that nobody consumes, and so many workers are gone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--profile", action="store_true", help="print where the time goes, and no row")
    options = parser.parse_args()
    if options.engine is None:
        for engine in ENGINES:
            subprocess.run([sys.executable, "-m", "script.bench_parts.findings", "--engine", engine, *sys.argv[1:]], check=True)
        return
    server = PostgresServer(SERVER) if options.engine == "postgresql" else None
    try:
        if server:
            server.start()
        set_up(database_url=server.url() if server else "")
        bench(options)
    finally:
        if server:
            server.remove()


def bench(options: argparse.Namespace) -> None:
    from django.db import connection

    from brokers.models import Broker
    from dashboard.findings.evaluation import Evaluation
    from dashboard.models import Finding

    fill(options.tasks)
    now = datetime.now(UTC)
    broker = Broker.objects.order_by("pk")[0]
    plant(broker.pk, options.queues, options.workers, now)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    evaluation, took, rng = Evaluation(), [], random.Random(7)  # noqa: S311  (the same in every run)
    profile = cProfile.Profile()
    for number in range(options.rounds):
        now += timedelta(seconds=5)
        poll(broker.pk, now, rng)
        broker = Broker.objects.get(pk=broker.pk)
        began = time.thread_time()
        if options.profile and number > 2:
            profile.enable()
        evaluation.look_at(broker, now)
        profile.disable()
        took.append(1000 * (time.thread_time() - began))
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    found = Finding.objects.filter(closed_at=None).count()
    print(f"first round {took[0]:.0f} ms; {found} findings are open", file=sys.stderr)
    later = took[3:] or took
    middle, most = percentile(later, 50), max(later)
    what = f"all rules look at {options.queues:,} queues, {options.workers:,} workers, {options.tasks:,} tasks, {ENGINES[options.engine]}"
    if not options.profile:
        emit(Row(what, f"{middle:.0f} ms CPU a poll (most {most:.0f})", "", None, *at_most(GOAL_MS, middle, " ms")))


def plant(broker_id: int, queues: int, workers: int, now: datetime) -> None:
    """A broker that works, with twenty queues that nobody consumes and twenty workers that were killed."""
    from brokers.models import Binding, Broker, ClientTrend, Heartbeat, Node, Queue, VirtualHost
    from workers.models import EventSource, Worker

    since = now - timedelta(days=2)
    Broker.objects.filter(pk=broker_id).update(state=Broker.UP, reason="", since=since, polled_at=now, tried_at=now, poll_seconds=5.0, topology_at=since)
    EventSource.objects.all().delete()  # those that the tasks came through
    Worker.objects.all().delete()
    VirtualHost.objects.all().delete()
    VirtualHost.objects.bulk_create(VirtualHost(broker_id=broker_id, name=name, first_seen_at=since) for name in VHOSTS)
    EventSource.objects.bulk_create(EventSource(broker_id=broker_id, vhost=name, state="receiving", beat_at=now, received_at=now) for name in VHOSTS)
    Node.objects.bulk_create(Node(broker_id=broker_id, name=f"rabbit@{letter}", running=True, at=now, memory_alarm=False, disk_alarm=False) for letter in "abc")
    Heartbeat.objects.bulk_create(
        Heartbeat(kind=kind, holder=f"host:{number}:1", at=now) for number, kind in enumerate(("web", "poller", "receiver", "maintenance"))
    )
    rows = [_queue(broker_id, number, number < TROUBLED, now) for number in range(queues)]
    Queue.objects.bulk_create(rows, batch_size=500)
    Binding.objects.bulk_create(
        (
            Binding(
                broker_id=broker_id, vhost=row.vhost, source="tasks", destination=row.name, destination_type="queue", routing_key=row.name, first_seen_at=since
            )
            for row in rows
        ),
        batch_size=500,
    )
    Worker.objects.bulk_create((_worker(broker_id, number, queues, number < TROUBLED, now) for number in range(workers)), batch_size=100)
    samples = [[int(now.timestamp()) - 60 * (60 - minute), 40 + minute % 3, 80] for minute in range(60)]
    ClientTrend.objects.bulk_create(
        ClientTrend(broker_id=broker_id, vhost="/", user="shop", peer_host=f"10.0.0.{number}", product="py-amqp", samples=samples) for number in range(50)
    )


def _queue(broker_id: int, number: int, abandoned: bool, now: datetime) -> Any:
    from brokers.models import Queue

    depth = number % 40 * (number % 5 == 0) + 500 * abandoned
    values: dict[str, Any] = (
        {"consumers": 0, "active_consumers": 0, "nobody_consumes_since": now - timedelta(hours=1)} if abandoned else {"consumers": 4, "active_consumers": 4}
    )
    return Queue(
        broker_id=broker_id, vhost=VHOSTS[number % 4], name=f"queue.{number}", type=("classic", "quorum")[number % 2], state="running", durable=True,
        arguments={"x-queue-type": "quorum"} if number % 2 else {}, effective_policy={"max-length": 100_000}, node="rabbit@a", ready=depth, unacknowledged=4,
        depth=depth + 4, publish_per_second=2.0, deliver_per_second=2.0, ack_per_second=2.0, growth_per_second=0.0, members=["rabbit@a", "rabbit@b", "rabbit@c"]
        if number % 2 else None, online=["rabbit@a", "rabbit@b", "rabbit@c"] if number % 2 else None, leader="rabbit@a" if number % 2 else None,
        first_seen_at=now - timedelta(days=2), changed_at=now, **values,
    )  # fmt: skip


def _worker(broker_id: int, number: int, queues: int, killed: bool, now: datetime) -> Any:
    from workers.models import Worker

    names = [f"queue.{number % 4 + 4 * (number // 4 + place)}" for place in range(3)]
    declared = [{"name": name, "exchange": "tasks", "exchange_type": "topic", "routing_key": name, "declared": {"name": name}} for name in names]
    registered = [{"name": f"shop.tasks.task_{place}", "attributes": {}} for place in range(60)]
    configuration = {
        "task_default_queue": "queue.0",
        "task_routes": {f"shop.tasks.task_{place}": {"queue": f"queue.{number % 4 + 4 * (place % 9)}"} for place in range(60)},
    }
    started = {"name": "shop.tasks.task_1", "args": "(1, 2)", "kwargs": "{}", "started_at": now.isoformat()}
    active = [{"uuid": f"{number}-{place}", **started} for place in range(4)]
    state = {"state": "gone", "since": now, "reason": "no heartbeat since"} if killed else {"state": "online"}
    return Worker(
        broker_id=broker_id, vhost=VHOSTS[number % 4], hostname=f"worker@host-{number:04}.shop", heartbeat_at=now, heartbeat_seconds=2.0, pool="prefork",
        concurrency=4, active=4, reserved=4, active_tasks=active, active_tasks_at=now, prefetch=16, processed=1000, queues=declared, registered=registered,
        configuration=configuration, configuration_at=now, load=[0.1, 0.2, 0.3], software={"ident": "py-celery", "version": "5.5.3", "system": "Linux"},
        inspected_at=now, clock_skew_seconds=0.01, events_off=False, event_counts={"task-received": 1000}, first_seen_at=now, changed_at=now, **state,
    )  # fmt: skip


def poll(broker_id: int, now: datetime, rng: random.Random) -> None:
    """What the other processes store between two rounds."""
    from django.db.models import F

    from brokers.models import Broker, Heartbeat, Queue
    from workers.models import EventSource, Task, Worker

    Broker.objects.filter(pk=broker_id).update(polled_at=now, tried_at=now, revision=F("revision") + 1)
    Queue.objects.filter(broker_id=broker_id, pk__in=[pk for pk in range(1, 10_000) if rng.random() < 0.1]).update(depth=F("ready") + 5, changed_at=now)
    Worker.objects.filter(broker_id=broker_id, state="online").update(heartbeat_at=now, processed=F("processed") + 4)
    EventSource.objects.filter(broker_id=broker_id).update(beat_at=now, received_at=now, revision=F("revision") + 1)
    Heartbeat.objects.update(at=now)
    newest = list(Task.objects.filter(broker_id=broker_id).order_by("-pk").values_list("pk", flat=True)[:20_000])
    start = rng.randrange(max(1, len(newest) - ENDED_A_POLL))
    Task.objects.filter(pk__in=newest[start : start + ENDED_A_POLL]).update(state="SUCCESS", ended_at=now, changed_at=now - timedelta(seconds=1))


if __name__ == "__main__":
    main()
