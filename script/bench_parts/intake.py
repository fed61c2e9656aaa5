"""Celery's events taken in by one core: read, brought to the state of tasks and workers, stored; against Celery's own State and Flower's.

`.venv/bin/python -m script.bench_parts.intake [--tasks 334000]`. The broker's part is left out for all alike. CPU time of the process counts.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from script.bench_parts.own_database import set_up
from script.bench_parts.rows import Row, emit, private_kilobytes
from script.bench_parts.task_events import EVENTS_A_TASK, bodies

AT_ONCE_TASKS = 12_000
ROUND_MESSAGES = 10_000  # as workers.receiving.vhost_watch stores under load
PEER_TASKS = 40_000
GOAL_PER_SECOND, GOAL_MEGABYTES = 40_000, 200
FLOWER_PYTHON = Path("var/bench/flower/bin/python")


class Intake:
    """What workers.receiving.vhost_watch does with what arrives in one virtual host."""

    def __init__(self) -> None:
        from brokers import store as broker_store
        from brokers.addresses import BrokerAddress
        from workers import store
        from workers.receiving.task_watch import TaskWatch
        from workers.receiving.worker_registry import WorkerRegistry

        now = datetime.now(UTC)
        self.broker = broker_store.ensure_brokers([BrokerAddress("bench", ("http://127.0.0.1:1",), "user", "password")], now)["bench"].pk
        self.writer, _ = store.take_over(self.broker, "/", now)
        self.registry, self.watch = WorkerRegistry(), TaskWatch(self.broker, "/")

    def take(self, messages: list[bytes]) -> int:
        """How many events these were; all are stored."""
        return sum(self._round(messages[start : start + ROUND_MESSAGES]) for start in range(0, len(messages), ROUND_MESSAGES))

    def _round(self, messages: list[bytes]) -> int:
        from workers import store
        from workers.receiving import events

        now = datetime.now(UTC)
        batch = store.Batch(received_at=now)
        for message in messages:
            parsed = events.parse(message)
            self.registry.apply(parsed.events, now)
            self.watch.add_events(parsed.events, now)
            batch.events += len(parsed.events)
        batch.tasks, batch.workers = self.watch.prepare(self.registry.workers, True), self.registry.take_changes()
        store.save_batch(self.writer, self.broker, "/", batch, now)
        self.watch.note_stored(batch.tasks)
        return batch.events


def ours(tasks: int) -> dict[str, Any]:
    """Events a CPU second at the beginning and at the end, the process's memory, bytes stored a task."""
    data = set_up()
    intake, rng = Intake(), random.Random(1)  # noqa: S311  (the same in every run)
    speeds, events = [], 0
    for place in range(0, tasks, AT_ONCE_TASKS):
        messages = bodies(min(AT_ONCE_TASKS, tasks - place), rng)
        began, before = time.process_time(), events
        events += intake.take(messages)
        speeds.append((events - before) / (time.process_time() - began))
    size = sum(file.stat().st_size for file in data.rglob("*.sqlite3*"))
    return {"events": events, "first": speeds[0], "last": speeds[-1], "all": len(speeds) / sum(1 / one for one in speeds),
            "megabytes": private_kilobytes() / 1024, "bytes_a_task": size / tasks}  # fmt: skip


def peer(python: str, which: str, tasks: int = PEER_TASKS) -> dict[str, float] | None:
    """What peer_state.py measured; None where that Python is not there."""
    if not Path(python).exists():
        return None
    command = [python, str(Path(__file__).with_name("peer_state.py")), which, str(tasks)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=334_000)
    tasks = parser.parse_args().tasks
    fewer = min(tasks, PEER_TASKS)
    celery, flower = peer(sys.executable, "celery", fewer), peer(str(FLOWER_PYTHON), "flower", fewer)
    found = ours(tasks)
    for name, other in (("Celery’s State, in memory", celery), ("Flower’s state, in memory", flower)):
        emit(
            Row(
                "events a CPU second: read, tasks’ and workers’ state, stored and searchable",
                f"{found['all']:,.0f} (first {found['first']:,.0f}, after {found['events']:,} events {found['last']:,.0f})",
                f"{name}: {other['per_second']:,.0f}" if other else f"{name}: not installed here",
                found["all"] / other["per_second"] if other else None,
                f"≥ {GOAL_PER_SECOND:,}",
                found["all"] >= GOAL_PER_SECOND,
            )
        )
    text = f"Flower after {fewer * EVENTS_A_TASK:,}: {flower['megabytes']:,.0f} MB" if flower else ""
    goal = f"< {GOAL_MEGABYTES} MB, flat"
    emit(Row(f"memory after {found['events']:,} events", f"{found['megabytes']:,.0f} MB", text, None, goal, found["megabytes"] < GOAL_MEGABYTES))
    emit(Row("stored bytes a task, with its indexes and words", f"{found['bytes_a_task']:,.0f}"))


if __name__ == "__main__":
    main()
