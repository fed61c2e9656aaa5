"""One worker in memory: the fields of its row and what only memory needs; and which values of a stored row can be used again.

Pure. Rows may hold what an earlier version or a person wrote: values that nothing could compute with are unknown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from workers.receiving.events import FARTHEST_SECONDS
from workers.receiving.liveness import DEFAULT_FREQUENCY, Silence
from workers.receiving.throughput import Throughput

OTHER = "other"
LONGEST_FREQUENCY = 86400.0
RESTARTS_APART = timedelta(seconds=10)  # of one worker, that are named: several nodes of one name take turns
JUST_STARTED = "Hareline’s receiver has just started and has not received a heartbeat of it yet"

Count = Annotated[int, Meta(ge=0, le=2**53)]

FIELDS = (
    "hostname", "state", "reason", "silence", "since", "pool", "concurrency", "autoscale_min", "autoscale_max", "processes", "active", "reserved", "scheduled",
    "reserved_routes", "scheduled_routes", "peak_memory_bytes",
    "active_tasks", "active_tasks_at", "prefetch", "processed", "queues", "registered", "configuration", "configuration_at", "periodic", "load", "software",
    "pid", "uptime_seconds", "clock_skew_seconds", "events_off", "heartbeat_at", "heartbeat_seconds", "inspected_at", "inspect_reason", "event_counts",
    "succeeded_per_second", "failed_per_second", "processed_at_first_sight", "lost_events", "reconciliation", "first_seen_at",
)  # fmt: skip
"""Of `WorkerState`: what a row of `workers.models.Worker` holds under the same name."""


class WorkerState(msgspec.Struct):
    """One worker: the fields of its row, then what only memory needs."""

    hostname: str
    first_seen_at: datetime
    id: int | None = None  # None until it is stored
    state: Literal["online", "gone", "unknown"] = "unknown"
    reason: str = ""
    silence: Silence = ""
    since: datetime | None = None
    pool: str | None = None
    concurrency: Count | None = None
    autoscale_min: Count | None = None
    autoscale_max: Count | None = None
    processes: list[int] | None = None
    active: Count | None = None
    reserved: Count | None = None
    scheduled: Count | None = None
    reserved_routes: list[tuple[str, str, Count]] | None = None
    scheduled_routes: list[tuple[str, str, Count]] | None = None
    active_tasks: list[dict[str, Any]] | None = None
    active_tasks_at: datetime | None = None
    prefetch: Count | None = None
    processed: Count | None = None
    queues: list[dict[str, Any]] | None = None
    registered: list[dict[str, Any]] | None = None
    configuration: dict[str, Any] | None = None
    configuration_at: datetime | None = None
    periodic: dict[str, Any] | None = None
    load: list[float] | None = None
    software: dict[str, str] = {}
    pid: Count | None = None
    uptime_seconds: Count | None = None
    peak_memory_bytes: Count | None = None
    clock_skew_seconds: Annotated[float, Meta(ge=-FARTHEST_SECONDS, le=FARTHEST_SECONDS)] | None = None
    events_off: bool | None = None
    heartbeat_at: datetime | None = None
    heartbeat_seconds: Annotated[float, Meta(gt=0, le=LONGEST_FREQUENCY)] | None = None
    inspected_at: datetime | None = None
    inspect_reason: str = ""
    event_counts: dict[str, Count] = {}
    succeeded_per_second: float | None = None
    failed_per_second: float | None = None
    processed_at_first_sight: Count | None = None
    lost_events: Count = 0
    reconciliation: dict[str, Any] = {}
    pool_limit: tuple[float, str] | None = None  # of all that its pool runs, as `workers.time_limits` has it
    stored_state: str | None = None  # None: never stored
    known: dict[str, Any] = {}  # what it has reported of its pool, queues and configuration, as last stored
    answered_at: datetime | None = None
    began_at: datetime | None = None  # when its present process was first seen, if it replaced one that we knew
    restarted: str = ""  # a clause on its new process, until it is stored
    offline_at: datetime | None = None
    offline_timestamp: float | None = None  # by its clock, not later than we received it
    offline_clock: int | None = None
    last_event_at: datetime | None = None
    arrived_at: datetime | None = None  # of its last heartbeat, by our clock
    throughput: Throughput = msgspec.field(default_factory=Throughput)
    changed: bool = True

    @property
    def frequency(self) -> timedelta:
        return timedelta(seconds=self.heartbeat_seconds) if self.heartbeat_seconds else DEFAULT_FREQUENCY


def remembered(row: Mapping[str, Any], key: int, now: datetime) -> WorkerState:
    """The worker of a stored row, by the names of FIELDS; `key` is its primary key. None of its times is in the future."""
    worker = WorkerState(hostname=row["hostname"], first_seen_at=now, id=key, stored_state=row["state"])
    for name in FIELDS:
        try:
            value = msgspec.convert(row[name], _TYPES[name])
        except msgspec.ValidationError:
            continue
        setattr(worker, name, min(value, now) if isinstance(value, datetime) else value)
    note_known(worker)
    return worker


def note_known(worker: WorkerState) -> None:
    """What it has reported is what later reports are compared with."""
    worker.known |= reported(worker)


def reported(worker: WorkerState) -> dict[str, Any]:
    """Its pool, concurrency, queues by name and configuration, as far as it has reported them."""
    values: dict[str, Any] = {
        "pool": worker.pool,
        "concurrency": worker.concurrency,
        "queues": None if worker.queues is None else sorted({str(queue.get("name", "")) for queue in worker.queues}),
        "configuration": worker.configuration,
    }
    return {name: value for name, value in values.items() if value is not None}


def cap_times(worker: WorkerState, now: datetime) -> None:
    """After the clock was set back: nothing of the worker was seen later than now."""
    for name, value in msgspec.structs.asdict(worker).items():
        if isinstance(value, datetime) and value > now:
            setattr(worker, name, now)
            worker.changed = True


def resume(worker: WorkerState) -> None:
    """Continues with a worker as it was stored."""
    worker.changed = False
    if worker.state == "gone" and worker.silence == "shut down":
        worker.offline_at = worker.since
    elif worker.state == "unknown":  # the stored reason may no longer hold
        worker.reason, worker.silence, worker.changed = JUST_STARTED, "", True


def note_restart(worker: WorkerState, began_at: datetime, earlier_pid: int | None, pid: int | None) -> None:
    """A new process took the worker's place. One that was online all the time, since it was back before its heartbeats were missed, is so from then on."""
    if worker.began_at is None or began_at - worker.began_at > RESTARTS_APART:
        worker.restarted = "restarted" if earlier_pid is None or earlier_pid == pid else f"restarted: process {pid} took the place of {earlier_pid}"
    if worker.state == "online" and worker.since is not None and worker.arrived_at is not None:
        worker.since = max(worker.since, min(began_at, worker.arrived_at))


def started_anew(worker: WorkerState) -> WorkerState:
    """The same worker with nothing known of it: for one on which our own code fails."""
    return WorkerState(hostname=worker.hostname, first_seen_at=worker.first_seen_at, id=worker.id, stored_state=worker.stored_state)


_TYPES = {field.name: field.type for field in msgspec.structs.fields(WorkerState)}
