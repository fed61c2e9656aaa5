"""How costs grow with the number of queues and of tasks, and a model fitted to them for sizes beyond this machine.

`.venv/bin/python -m script.bench_parts.scaling [--queues 100 1000 10000] [--tasks 10000 100000 1000000]`. Each size has a process, a node and a database of
its own. A cost is fitted as a + b · n; a row of a size that was not measured says that it is of the model.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from script.bench_parts import big_broker, cells
from script.bench_parts.history import polls
from script.bench_parts.history_truth import POLL_SECONDS
from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, emit, percentile, private_kilobytes
from script.rabbitmq_node import RabbitNode

CONSUMERS, MESSAGES_A_SECOND = 50, 100
SETTLES_SECONDS, WATCHED_SECONDS = 15.0, 60.0
HISTORY_POLLS, PAGE_READS = 720, 12
BEYOND_QUEUES, BEYOND_TASKS = 100_000, 10_000_000
QUEUE_COSTS = {
    "broker_seconds": ("broker CPU a poll, everything included", "{:.3f} s"),
    "poller_seconds": ("poller CPU a poll, everything included", "{:.3f} s"),
    "poller_megabytes": ("memory of the poller", "{:.0f} MB"),
    "day_megabytes": ("history of a day, a tenth of the queues changing a poll", "{:.0f} MB"),
    "page_ms": ("server time of the list by depth, half", "{:.0f} ms"),
}
TASK_COSTS = {
    "megabytes": ("database", "{:,.0f} MB"),
    "newest_ms": ("server time of the newest tasks, half", "{:.0f} ms"),
    "named_ms": ("server time of the tasks of a name, half", "{:.0f} ms"),
    "searched_ms": ("server time of a search for words, half", "{:.0f} ms"),
}


NOT_MODELLED = {"broker_seconds", "poller_seconds"}  # a poll has another source above 1,000 queues


def of_queues(queues: int) -> dict[str, float]:
    """Costs of a broker with so many queues, 50 consumers and 100 messages a second, polled for a minute."""
    with big_broker.running(queues) as node:
        set_up(f"bench=http://{node.user}:{node.password}@127.0.0.1:{node.ports['management']}", pages=True)
        with cells.program("traffic", node.amqp_url(), str(min(CONSUMERS, queues)), str(MESSAGES_A_SECOND)) as consumers:
            consumers.readline()
            found = _polled(node)
        found["day_megabytes"] = _history_megabytes(queues) * 24
        found["page_ms"] = _page_ms("/queues/?sort=-depth")
    return found


def _polled(node: RabbitNode) -> dict[str, float]:
    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.management.management_api import Limits
    from brokers.polling.poll_loop import PollLoop

    address = BrokerAddress("bench", (node.management_url,), node.user, node.password)
    broker = store.ensure_brokers([address], datetime.now(UTC))["bench"].pk
    time.sleep(SETTLES_SECONDS / 4)
    idle = _broker_cpu(node, SETTLES_SECONDS)
    loop = PollLoop(address, broker, "bench", POLL_SECONDS, limits=Limits(read_seconds=90, total_seconds=90))
    threads = [threading.Thread(target=work.run, daemon=True) for work in (loop, loop.inventory)]
    for thread in threads:
        thread.start()
    time.sleep(SETTLES_SECONDS)  # the first reading of everything is over
    ours = time.process_time()
    busy = _broker_cpu(node, WATCHED_SECONDS)
    spent = (time.process_time() - ours) * POLL_SECONDS / WATCHED_SECONDS
    memory = private_kilobytes() / 1024
    loop.stop()
    for thread in threads:
        thread.join(10)
    return {"broker_seconds": max(busy - idle, 0) * POLL_SECONDS, "poller_seconds": spent, "poller_megabytes": memory}


def _broker_cpu(node: RabbitNode, seconds: float) -> float:
    """CPU seconds a second of the node."""
    cost, began = big_broker.cpu_seconds(node.pid or 0), time.monotonic()
    time.sleep(seconds)
    return (big_broker.cpu_seconds(node.pid or 0) - cost) / (time.monotonic() - began)


def _history_megabytes(queues: int) -> float:
    """An hour's frames."""
    from django.db import connection, transaction

    from brokers import store
    from brokers.addresses import BrokerAddress
    from brokers.models import Snapshot
    from brokers.store.snapshots import SnapshotWriter

    start = datetime.now(UTC) - timedelta(hours=1)
    broker = store.ensure_brokers([BrokerAddress("hour", ("http://127.0.0.1:1",), "user", "password")], start)["hour"].pk
    writer = SnapshotWriter(broker, "queues")
    for number, changed in enumerate(polls(queues, HISTORY_POLLS, random.Random(3))):  # noqa: S311  (the same in every run)
        with transaction.atomic():
            writer.write(changed, start + timedelta(seconds=number * POLL_SECONDS))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sum(length(data)) + 60 * count(*) FROM {Snapshot._meta.db_table} WHERE broker_id = %s", [broker])  # noqa: S608
        return float(cursor.fetchone()[0]) / 1e6


def _page_ms(address: str) -> float:
    from django.test import Client

    from dashboard.models import User

    person = Client(headers={"host": "localhost"})
    user, _ = User.objects.get_or_create(username="bench", is_superuser=True)
    person.force_login(user)
    took = []
    for _ in range(PAGE_READS):
        began = time.perf_counter()
        answer = person.get(address)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}")
    return percentile(took, 50)


def of_tasks(tasks: int) -> dict[str, float]:
    """What so many stored tasks cost at rest."""
    data = set_up(pages=True)
    from script.bench_parts.task_fill import fill

    fill(tasks)
    pages = {"newest_ms": "/tasks/", "named_ms": "/tasks/?q=name:shop.mail.send", "searched_ms": "/tasks/?q=customer-17"}
    return {"megabytes": _megabytes(data)} | {name: _page_ms(address) for name, address in pages.items()}


def _megabytes(data: Path) -> float:
    return sum(file.stat().st_size for file in data.rglob("*.sqlite3*")) / 1e6


def model(sizes: Sequence[int], values: Sequence[float]) -> Callable[[float], float]:
    """a + b · n, fitted to the relative errors, so that the small sizes count as much as the large ones.

    >>> round(model([100, 1000, 10_000], [1.1, 2.0, 11.0])(100_000), 1)
    101.0
    """
    b, a = np.polyfit(sizes, values, 1, w=[1 / max(value, 1e-6) for value in values])
    return lambda size: float(a + b * size)


def rows(kind: str, sizes: Sequence[int], measured: Sequence[dict[str, float]], costs: dict[str, tuple[str, str]], beyond: int) -> list[Row]:
    found = []
    for name, (what, shown) in costs.items():
        values = [one[name] for one in measured]
        found += [Row(f"{size:,} {kind}: {what}", shown.format(value)) for size, value in zip(sizes, values, strict=True)]
        if len(sizes) > 1 and beyond not in sizes and name not in NOT_MODELLED:
            found.append(Row(f"{beyond:,} {kind}: {what}", f"{shown.format(model(sizes, values)(beyond))} by the model"))
    return found


def in_a_process(option: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "script.bench_parts.scaling", option, str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"scaling: {option[2:]} {size:,}: {found}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--tasks", type=int, nargs="*", default=[20_000, 100_000, 1_000_000])
    parser.add_argument("--of-queues", type=int)
    parser.add_argument("--of-tasks", type=int)
    options = parser.parse_args()
    if options.of_queues:
        print(json.dumps(of_queues(options.of_queues)))
    elif options.of_tasks:
        print(json.dumps(of_tasks(options.of_tasks)))
    else:
        emit(*rows("queues", options.queues, [in_a_process("--of-queues", size) for size in options.queues], QUEUE_COSTS, BEYOND_QUEUES))
        emit(*rows("tasks", options.tasks, [in_a_process("--of-tasks", size) for size in options.tasks], TASK_COSTS, BEYOND_TASKS))


if __name__ == "__main__":
    main()
