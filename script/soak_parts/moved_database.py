"""A database as after a day in production, in the data directory of the environment: `python -m script.soak_parts.moved_database TASKS QUEUES HOURS`.

A private RabbitMQ node is polled for its inventory; the tasks and the day of history are those of script/bench, written by the same code that stores them.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, datetime, timedelta

from script.bench_parts import big_broker
from script.bench_parts.history import polls
from script.bench_parts.history_truth import POLL_SECONDS
from script.bench_parts.own_database import attach


def main(tasks: int, queues: int, hours: float) -> None:
    with big_broker.running(queues) as node:
        os.environ["HARELINE_BROKERS"] = f"bench={node.management_url.replace('://', f'://{node.user}:{node.password}@')}"
        attach()
        from django.conf import settings
        from django.core.management import call_command

        from brokers import store
        from brokers.polling.poll_loop import PollLoop
        from dashboard.operations import database_state

        database_state.make_file()
        call_command("migrate", verbosity=0)
        began = datetime.now(UTC)
        broker = store.ensure_brokers(list(settings.BROKERS), began)["bench"].pk
        history(broker, queues, hours, began)
        if tasks:
            from script.bench_parts.task_fill import fill

            fill(tasks)
        loop = PollLoop(settings.BROKERS[0], broker, "soak", POLL_SECONDS)
        loop.run_round()
        loop.inventory.run_round()


def history(broker: int, queues: int, hours: float, end: datetime) -> None:
    """Polls of so many queues up to `end`, under the keys that the queues will have."""
    from django.db import transaction

    from brokers.store.snapshots import SnapshotWriter

    count = int(hours * 3600 / POLL_SECONDS)
    writer = SnapshotWriter(broker, "queues")
    for number, changed in enumerate(polls(queues, count, random.Random(4))):  # noqa: S311  (the same in every run)
        with transaction.atomic():
            writer.write(changed, end - timedelta(seconds=(count - number) * POLL_SECONDS))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
