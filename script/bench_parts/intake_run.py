"""One run of our intake, whose figures it prints as JSON: `python -m script.bench_parts.intake_run [--tasks N] [--postgres URL] [--amqp URL] [--report N]`.

Without `--amqp` the messages are handed over as if they had just been read; with it they wait in the queue of that node already. CPU time of this process.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from script.bench_parts.own_database import set_up
from script.bench_parts.rows import private_kilobytes
from script.bench_parts.task_events import EVENTS_A_TASK, numbered, templates

AT_ONCE_TASKS = 12_000
INSTALLATION = "bench"
QUEUE = f"hareline.{INSTALLATION}.events"


class Intake:
    """The watch of a virtual host, which stores as it does under load. Django must be set up."""

    def __init__(self, amqp_url: str = "amqp://guest@127.0.0.1:1") -> None:

        from brokers import interpreter
        from brokers import store as broker_store
        from brokers.addresses import BrokerAddress
        from workers.amqp_connection import Target
        from workers.receiving.place import Place
        from workers.receiving.receiver import EventFeed
        from workers.receiving.vhost_watch import VhostWatch

        address = BrokerAddress("bench", ("http://127.0.0.1:1",), "user", "password")
        broker = broker_store.ensure_brokers([address], datetime.now(UTC))["bench"].pk
        self._watch = VhostWatch(Place(address, broker, "/", INSTALLATION, receives_events=True, inspects=False))
        self._watch._feed = EventFeed([Target(amqp_url, "/")], QUEUE)
        self._watch._load()
        interpreter.look_for_garbage_rarely()

    def take(self, messages: Sequence[bytes]) -> None:
        """All of them are stored."""
        from workers.receiving import vhost_watch
        from workers.receiving.deliveries import Delivery

        watch = self._watch
        for start in range(0, len(messages), vhost_watch.MOST_A_ROUND):
            watch._apply([Delivery(body, "application/json", False) for body in messages[start : start + vhost_watch.MOST_A_ROUND]])
            if watch._unstored >= vhost_watch.MOST_UNSTORED:
                watch._store(datetime.now(UTC))
        watch._store(datetime.now(UTC))

    def receive(self, events: int) -> None:
        """So many events, from the broker; all are stored and acknowledged."""
        from workers.models import EventSource

        watch = self._watch
        while EventSource.objects.get().events + watch._batch.events < events:
            watch._round()
        watch._store(datetime.now(UTC))
        watch._feed.close()


def messages(tasks: int) -> Iterator[list[bytes]]:
    """Those of so many tasks, some thousand at a time."""
    made = templates(min(AT_ONCE_TASKS, tasks), random.Random(1))  # noqa: S311  (the same in every run)
    for number in range(max(tasks // AT_ONCE_TASKS, 1)):
        yield numbered(made, number)


def handed_over(tasks: int, report: int = 0) -> dict[str, Any]:
    """Events a CPU second at the beginning and at the end; `report`: after so many events each, the memory on standard error."""
    intake, speeds, events = Intake(), [], 0
    for some in messages(tasks):
        began, count = time.process_time(), EVENTS_A_TASK * min(AT_ONCE_TASKS, tasks)
        intake.take(some)
        speeds.append(count / (time.process_time() - began))
        if report and (events + count) // report > events // report:
            print(f"{events + count:,} events: {private_kilobytes() / 1024:,.0f} MB, {speeds[-1]:,.0f} events a CPU second", file=sys.stderr, flush=True)
        events += count
    return {"events": events, "first": speeds[0], "last": speeds[-1], "per_second": len(speeds) / sum(1 / one for one in speeds)}


def received(tasks: int, amqp_url: str) -> dict[str, Any]:
    intake, events = Intake(amqp_url), EVENTS_A_TASK * tasks
    began = time.process_time()
    intake.receive(events)
    return {"events": events, "per_second": events / (time.process_time() - began)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=12_000)
    parser.add_argument("--postgres", default="")
    parser.add_argument("--amqp", default="")
    parser.add_argument("--report", type=int, default=0)
    options = parser.parse_args()
    data = set_up(database_url=options.postgres)
    found = received(options.tasks, options.amqp) if options.amqp else handed_over(options.tasks, options.report)
    size = sum(file.stat().st_size for file in data.rglob("*.sqlite3*"))
    print(json.dumps({**found, "megabytes": private_kilobytes() / 1024, "bytes_a_task": size * EVENTS_A_TASK / found["events"]}))


if __name__ == "__main__":
    main()
