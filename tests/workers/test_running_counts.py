"""The number of running tasks and the list of them, each with its moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from workers.inspection import answers
from workers.receiving.events import Event
from workers.receiving.worker_registry import WorkerRegistry
from workers.receiving.worker_state import WorkerState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LISTED = answers.active([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "c"}])


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def heartbeat(sent: float, received: float, registry: WorkerRegistry, **fields: Any) -> None:
    registry.apply([Event("worker-heartbeat", "w@h", at(sent).timestamp(), fields.pop("pid", 7), freq=2.0, **fields)], at(received))


def listing() -> tuple[WorkerRegistry, WorkerState]:
    """A worker that listed three running tasks 100 seconds after its first heartbeat."""
    registry = WorkerRegistry()
    heartbeat(0, 0, registry, active=1)
    registry.apply_answer("w@h", {**LISTED, "reserved": 4}, at(100))
    return registry, registry.workers["w@h"]


def test_a_list_has_its_moment_and_a_later_heartbeat_changes_the_count_alone() -> None:
    registry, worker = listing()
    assert (worker.active, worker.active_tasks_at) == (3, at(100))
    heartbeat(102, 102, registry, active=2)
    assert (worker.active, len(worker.active_tasks or []), worker.active_tasks_at) == (2, 3, at(100))
    registry.apply_answer("w@h", {"reserved": 0}, at(103))  # an answer to another command lists nothing
    assert worker.active_tasks_at == at(100)


def test_a_heartbeat_that_was_sent_before_the_list_and_came_late_does_not_change_the_count() -> None:
    registry, worker = listing()
    worker.clock_skew_seconds = 0.0
    heartbeat(60, 101, registry, active=9)
    assert worker.active == 3


def test_a_worker_that_was_restarted_runs_nothing_of_what_its_former_process_ran() -> None:
    registry, worker = listing()
    heartbeat(110, 110, registry, pid=8)
    assert (worker.active, worker.reserved, worker.active_tasks, worker.active_tasks_at) == (None, None, None, None)
    heartbeat(112, 112, registry, pid=8, active=1)
    assert (worker.active, worker.active_tasks) == (1, None)
