"""What is known of the workers of one virtual host, in memory: events and answers change it, time judges it.

Pure and bounded: at most `MOST_WORKERS` are kept, the longest gone forgotten first; names beyond are refused and counted. Applying an event
twice changes no state, only the counts: `receiver` sees to it that a message that comes again is not applied again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from workers.receiving.events import Event
from workers.receiving.liveness import ANSWER_HOLDS, DEFAULT_FREQUENCY, GOODBYE, Hearing, Signs, judge, silent_after
from workers.receiving.throughput import Throughput

MOST_WORKERS = 5000
CONTROL_QUEUE_SUFFIX = ".celery.pidbox"
COUNTED = frozenset(
    f"task-{word}" for word in ("received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "sent", "progress")
)  # fmt: skip
OTHER = "other"
_LONGEST_FREQUENCY = 86400.0

FIELDS = (
    "hostname", "state", "reason", "since", "pool", "concurrency", "autoscale_min", "autoscale_max", "processes", "active", "reserved", "scheduled",
    "active_tasks", "prefetch", "processed", "queues", "registered", "configuration", "configuration_at", "load", "software", "pid", "uptime_seconds",
    "clock_skew_seconds", "events_off", "heartbeat_at", "heartbeat_seconds", "inspected_at", "inspect_reason", "event_counts", "succeeded_per_second",
    "failed_per_second", "processed_at_first_sight", "lost_events", "reconciliation", "first_seen_at",
)  # fmt: skip
"""Of `WorkerState`: what a row of `workers.models.Worker` holds under the same name."""


class WorkerState(msgspec.Struct):
    """One worker: the fields of its row, then what only memory needs."""

    hostname: str
    first_seen_at: datetime
    id: int | None = None  # None until it is stored
    state: str = "unknown"
    reason: str = ""
    since: datetime | None = None
    pool: str | None = None
    concurrency: int | None = None
    autoscale_min: int | None = None
    autoscale_max: int | None = None
    processes: list[int] | None = None
    active: int | None = None
    reserved: int | None = None
    scheduled: int | None = None
    active_tasks: list[dict[str, Any]] | None = None
    prefetch: int | None = None
    processed: int | None = None
    queues: list[dict[str, Any]] | None = None
    registered: list[dict[str, Any]] | None = None
    configuration: dict[str, Any] | None = None
    configuration_at: datetime | None = None
    load: list[float] | None = None
    software: dict[str, str] = {}
    pid: int | None = None
    uptime_seconds: int | None = None
    clock_skew_seconds: float | None = None
    events_off: bool | None = None
    heartbeat_at: datetime | None = None
    heartbeat_seconds: float | None = None
    inspected_at: datetime | None = None
    inspect_reason: str = ""
    event_counts: dict[str, int] = {}
    succeeded_per_second: float | None = None
    failed_per_second: float | None = None
    processed_at_first_sight: int | None = None
    lost_events: int = 0
    reconciliation: dict[str, Any] = {}
    stored_state: str | None = None  # None: never stored
    answered_at: datetime | None = None
    began_at: datetime | None = None  # its present process, if it replaced one that we knew
    said_goodbye_at: datetime | None = None
    goodbye_timestamp: float | None = None
    last_event_at: datetime | None = None
    throughput: Throughput = msgspec.field(default_factory=Throughput)
    changed: bool = True

    @property
    def frequency(self) -> timedelta:
        return timedelta(seconds=self.heartbeat_seconds) if self.heartbeat_seconds else DEFAULT_FREQUENCY


class Book:
    """The workers of one virtual host by host name. Their skew and their lost events are measured in `workers.receiving.task_buffer`."""

    def __init__(self, known: Iterable[WorkerState] = (), most_workers: int = MOST_WORKERS) -> None:
        self.workers = {worker.hostname: worker for worker in known}
        self.most_workers = most_workers
        self.forgotten: list[int] = []  # primary keys whose rows are to go
        self.newly_online: list[str] = []
        for worker in self.workers.values():
            _resume(worker)

    def apply(self, events: Iterable[Event], now: datetime) -> int:
        """How many events were refused because there are too many names. `now`: when they were received."""
        refused = 0
        workers = self.workers
        for event in events:
            kind = event.type
            worker = workers.get(event.hostname)
            if worker is None:
                if kind == "task-sent":  # from a producer, gen<pid>@host, which is no worker
                    continue
                worker = self._meet(event.hostname, now)
                if worker is None:
                    refused += 1
                    continue
            if kind in COUNTED:
                worker.event_counts[kind] = worker.event_counts.get(kind, 0) + 1
                worker.changed = True
                worker.last_event_at = now
            elif kind in ("worker-heartbeat", "worker-online"):
                _heartbeat(worker, event, now)
            elif kind == "worker-offline":
                _goodbye(worker, event, now)
            else:
                worker.event_counts[OTHER] = worker.event_counts.get(OTHER, 0) + 1
                worker.changed = True
        return refused

    def apply_answer(self, hostname: str, fields: Mapping[str, Any], now: datetime) -> bool:
        """What a worker answered, as fields of its row. False: there are too many names to keep it."""
        worker = self.workers.get(hostname) or self._meet(hostname, now)
        if worker is None:
            return False
        for name, value in fields.items():
            setattr(worker, name, value)
        if "configuration" in fields:
            worker.configuration_at = now
        worker.inspected_at = worker.answered_at = now
        worker.inspect_reason = ""
        worker.changed = True
        return True

    def judge(self, hearing: Hearing, now: datetime, control_queues: frozenset[str] | None = None) -> None:
        """Brings state, reason and rates of every worker up to `now`. `control_queues` are those that the broker shows; None: not known."""
        for worker in self.workers.values():
            known = None if control_queues is None else worker.hostname + CONTROL_QUEUE_SUFFIX in control_queues
            self._judge(worker, hearing, now, known)
            _rates(worker, hearing, now)

    def note_answers(self, asking: Hearing, now: datetime) -> None:
        """Says on every worker why its pool and slots are unknown or old; nothing on those that answer."""
        for worker in self.workers.values():
            reason = "" if worker.state == "gone" else _unanswered(worker, asking, now)
            if reason != worker.inspect_reason:
                worker.inspect_reason, worker.changed = reason, True

    def silent(self, now: datetime) -> list[str]:
        """Workers that were not heard for longer than they should, and are not known to be gone: for these the broker is asked."""
        return [
            worker.hostname
            for worker in self.workers.values()
            if worker.state != "gone" and worker.heartbeat_at is not None and now - worker.heartbeat_at > silent_after(worker.frequency)
        ]

    def take_changes(self) -> list[WorkerState]:
        """The workers that changed since the last call, which are clean from now on."""
        found = [worker for worker in self.workers.values() if worker.changed]
        for worker in found:
            worker.changed = False
        return found

    def _judge(self, worker: WorkerState, hearing: Hearing, now: datetime, control_queue: bool | None) -> None:
        signs = Signs(
            worker.heartbeat_at, worker.frequency, worker.said_goodbye_at, worker.answered_at, worker.last_event_at, worker.pool, control_queue
        )  # fmt: skip
        verdict = judge(signs, hearing, now)
        if verdict is None or (verdict.state, verdict.reason) == (worker.state, worker.reason):
            return
        if worker.state == "gone" and verdict.state == "unknown":
            return  # that we can't hear says nothing new of one that had gone before
        if verdict.state != worker.state:
            worker.since = verdict.since or now
            if verdict.state == "online":
                self.newly_online.append(worker.hostname)
        worker.state, worker.reason, worker.changed = verdict.state, verdict.reason, True

    def _meet(self, hostname: str, now: datetime) -> WorkerState | None:
        if len(self.workers) >= self.most_workers:
            gone = [worker for worker in self.workers.values() if worker.state == "gone"]
            if not gone:
                return None
            oldest = min(gone, key=lambda worker: worker.since or worker.first_seen_at)
            del self.workers[oldest.hostname]
            if oldest.id is not None:
                self.forgotten.append(oldest.id)
        worker = self.workers[hostname] = WorkerState(hostname=hostname, first_seen_at=now)
        return worker


def _heartbeat(worker: WorkerState, event: Event, now: datetime) -> None:
    timestamp = event.timestamp
    if worker.goodbye_timestamp is not None and timestamp is not None and timestamp <= worker.goodbye_timestamp:
        return  # it was sent before the goodbye and only came later
    worker.said_goodbye_at = worker.goodbye_timestamp = None
    at = _sent_at(worker, timestamp, now)
    if event.pid is not None:
        worker.pid = event.pid
    worker.heartbeat_at = at if worker.heartbeat_at is None else max(worker.heartbeat_at, at)
    if event.freq and 0 < event.freq <= _LONGEST_FREQUENCY:
        worker.heartbeat_seconds = event.freq
    if event.active is not None:
        worker.active = event.active
    if event.loadavg:
        worker.load = event.loadavg[:3]
    software = {name: value for name, value in (("ident", event.sw_ident), ("version", event.sw_ver), ("system", event.sw_sys)) if value}
    worker.software = software or worker.software
    worker.changed = True


def _goodbye(worker: WorkerState, event: Event, now: datetime) -> None:
    worker.said_goodbye_at, worker.goodbye_timestamp = now, event.timestamp
    worker.active, worker.reserved, worker.scheduled, worker.active_tasks = 0, 0, 0, []
    worker.answered_at = None
    worker.changed = True


def _sent_at(worker: WorkerState, timestamp: float | None, now: datetime) -> datetime:
    """When a heartbeat was sent by our clock: on receipt, unless it waited in the queue for us, which its timestamp and the known skew tell."""
    if timestamp is None or worker.clock_skew_seconds is None:
        return now
    age = now.timestamp() + worker.clock_skew_seconds - timestamp
    return now - timedelta(seconds=age) if silent_after(worker.frequency).total_seconds() < age < _LONGEST_FREQUENCY else now


def _unanswered(worker: WorkerState, asking: Hearing, now: datetime) -> str:
    if asking.reason:
        return asking.reason
    waited_since = max(moment for moment in (worker.answered_at, asking.since, worker.first_seen_at) if moment is not None)
    if now - waited_since <= ANSWER_HOLDS:
        return worker.inspect_reason if worker.inspected_at is None else ""
    if worker.inspected_at is None:
        return "it has not answered yet"
    return f"it has not answered since {worker.inspected_at:%Y-%m-%d %H:%M:%S} UTC"


def _rates(worker: WorkerState, hearing: Hearing, now: datetime) -> None:
    rates: tuple[float | None, float | None] = (None, None)
    if worker.state == "online" and not hearing.reason and not worker.events_off:
        counts = worker.event_counts
        worker.throughput.note(now, counts.get("task-succeeded", 0), counts.get("task-failed", 0))
        rates = worker.throughput.per_second() or rates
    else:
        worker.throughput.samples.clear()
    if rates != (worker.succeeded_per_second, worker.failed_per_second):
        (worker.succeeded_per_second, worker.failed_per_second), worker.changed = rates, True


def _resume(worker: WorkerState) -> None:
    """Goes on with a worker as it was stored."""
    worker.changed = False
    if worker.state == "gone" and worker.reason == GOODBYE:
        worker.said_goodbye_at = worker.since
