"""Workers as they were at a past moment: the numbers from snapshots; all else that changes is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from brokers.queries.frames import moment
from brokers.snapshots import METRICS
from workers.models import Worker

NO_NUMBERS = "nothing is recorded of it at that moment: it was not online, or Hareline did not receive its events"
_NOT_KEPT = (
    "since", "concurrency", "processes", "active", "reserved", "scheduled", "active_tasks", "active_tasks_at", "prefetch", "processed",
    "queues", "registered", "configuration", "configuration_at", "periodic", "load", "pid", "uptime_seconds", "clock_skew_seconds", "heartbeat_at",
    "succeeded_per_second", "failed_per_second", "autoscale_min", "autoscale_max", "peak_memory_bytes", "events_off", "inspected_at",
)  # fmt: skip


def workers_as_they_were(workers: Iterable[Worker], at: datetime) -> list[Worker]:
    """The rows, which are never saved: never today's numbers under yesterday's date. Only an online worker has numbers, so that one with any was online."""
    workers = list(workers)
    recorded = {broker_id: moment(broker_id, "workers", at) for broker_id in {worker.broker_id for worker in workers}}
    columns = {
        broker_id: {metric.name: found[1].column(metric.name) for metric in METRICS["workers"]} for broker_id, found in recorded.items() if found is not None
    }
    for worker in workers:
        numbers = {name: column.get(worker.pk) for name, column in columns.get(worker.broker_id, {}).items()}
        for field in _NOT_KEPT:
            setattr(worker, field, numbers.get(field))
        worker.load = None if numbers.get("load") is None else [numbers["load"]]
        online = any(value is not None for value in numbers.values())
        worker.state, worker.reason, worker.silence = (Worker.ONLINE, "", "") if online else (Worker.UNKNOWN, NO_NUMBERS, "")
        worker.past_at, worker.inspect_reason, worker.forgotten_at = at, "", None
    return workers
