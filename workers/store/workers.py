"""Writes workers and event sources, and the receiver's round: all that one transaction stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from brokers.diff import ChangeText
from brokers.store.polls import save_changes
from brokers.store.rows import update_rows
from brokers.store.snapshots import SnapshotWriter
from workers.models import EventSource, Worker
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_registry import FIELDS, WorkerState
from workers.store.tasks import doubt_all, save_tasks


class SourceFacts(msgspec.Struct, frozen=True):
    """How hearing and asking stand in a virtual host: fields of EventSource."""

    queue: str = ""
    state: str = EventSource.UNKNOWN
    reason: str = ""
    grant: str = ""
    since: datetime | None = None
    inspect_state: str = EventSource.UNKNOWN
    inspect_reason: str = ""
    inspect_grant: str = ""


class Batch(msgspec.Struct):
    """What one transaction stores. `events` and `refused_events` are those since the last batch; `lost_events` is the sum of all workers."""

    workers: Sequence[WorkerState] = ()
    forgotten: Sequence[int] = ()
    facts: SourceFacts | None = None
    events: int = 0
    refused_events: int = 0
    refused_example: str = ""
    received_at: datetime | None = None
    lost_events: int = 0
    uncertain: bytes = b""  # fingerprints of the messages that brought it, as far as they may come again
    tasks: Sequence[TaskRecord] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.tasks or self.workers or self.forgotten or self.facts or self.events or self.refused_events)


def ensure_source(broker_id: int, vhost: str, now: datetime) -> EventSource:
    """The row of a virtual host with Celery's event exchange, made if it is new."""
    return EventSource.objects.get_or_create(broker_id=broker_id, vhost=vhost, defaults={"since": now, "reason": "not tried yet"})[0]


def remove_source(broker_id: int, vhost: str) -> None:
    """For a virtual host that is gone from the broker: nothing can be heard or asked there. Its workers stay, as gone with it."""
    EventSource.objects.filter(broker_id=broker_id, vhost=vhost).delete()


def save_batch(source_id: int, broker_id: int, vhost: str, batch: Batch, now: datetime) -> None:
    """One transaction: changed workers, new ones (their `id` is set once it is committed), tasks, counts, and the source's revision."""
    if batch.is_empty:
        return
    with transaction.atomic():
        known = _known(broker_id, vhost, [worker.hostname for worker in batch.workers if worker.id is None])
        save_changes(broker_id, _changes(vhost, batch.workers), now)
        update_rows(
            Worker, (*FIELDS, "changed_at"), [(key, _values(worker, now)) for worker in batch.workers if (key := worker.id or known.get(worker.hostname))]
        )
        new = [worker for worker in batch.workers if worker.id is None and worker.hostname not in known]
        rows = Worker.objects.bulk_create(
            Worker(broker_id=broker_id, vhost=vhost, changed_at=now, **{name: getattr(worker, name) for name in FIELDS}) for worker in new
        )
        known.update({row.hostname: row.pk for row in rows})
        if batch.forgotten:
            Worker.objects.filter(pk__in=batch.forgotten).delete()
        save_tasks(broker_id, vhost, batch.tasks, now)
        _save_source(source_id, batch)
    for worker in batch.workers:
        worker.id, worker.stored_state = worker.id or known[worker.hostname], worker.state


def mark_gone(broker_id: int, vhost: str, reason: str, now: datetime) -> None:
    """Every worker of a virtual host that is gone from the broker, and the tasks they had."""
    Worker.objects.filter(broker_id=broker_id, vhost=vhost).exclude(state=Worker.GONE).update(state=Worker.GONE, reason=reason, since=now, changed_at=now)
    doubt_all(broker_id, vhost, f"its worker is gone: {reason}", now)


class Sampler:
    """Stores what the sparklines of a broker's workers show: one snapshot a call, of what changed since the last."""

    def __init__(self, broker_id: int, interval_seconds: float) -> None:
        self._broker_id, self._interval_seconds = broker_id, interval_seconds
        self._start()

    def _start(self) -> None:
        self._writer = SnapshotWriter(self._broker_id, "workers", self._interval_seconds)
        self._last: dict[int, tuple[float | None, ...]] = {}

    def save(self, workers: Iterable[Worker], now: datetime) -> None:
        """Numbers of workers that are not online are unknown, not what they were."""
        samples = {worker.pk: _sample(worker) for worker in workers}
        changed = {key: sample for key, sample in samples.items() if self._last.get(key, _NOTHING) != sample}
        gone = {key: _NOTHING for key in self._last.keys() - samples.keys() if self._last[key] != _NOTHING}
        try:
            with transaction.atomic():
                self._writer.write({**changed, **gone}, now)
        except BaseException:
            self._start()  # what was not committed must be told again
            raise
        self._last = samples


_NOTHING: tuple[float | None, ...] = (None,) * 5


def _sample(worker: Worker) -> tuple[float | None, ...]:
    if worker.state != Worker.ONLINE:
        return _NOTHING
    return (worker.active, worker.reserved, worker.concurrency, worker.succeeded_per_second, worker.failed_per_second)


def _known(broker_id: int, vhost: str, hostnames: list[str]) -> dict[str, int]:
    """{host name: primary key} of rows that exist though memory thought them new."""
    if not hostnames:
        return {}
    return dict(Worker.objects.filter(broker_id=broker_id, vhost=vhost, hostname__in=hostnames).values_list("hostname", "pk"))


def _values(worker: WorkerState, now: datetime) -> list[Any]:
    return [*(getattr(worker, name) for name in FIELDS), now]


def _save_source(source_id: int, batch: Batch) -> None:
    changed: dict[str, Any] = {"revision": F("revision") + 1, "lost_events": batch.lost_events, "uncertain": batch.uncertain}
    if batch.facts is not None:
        changed |= msgspec.structs.asdict(batch.facts)
    if batch.events:
        changed |= {"events": F("events") + batch.events, "received_at": batch.received_at}
    if batch.refused_events:
        changed |= {"refused_events": F("refused_events") + batch.refused_events, "refused_example": batch.refused_example}
    EventSource.objects.filter(pk=source_id).update(**changed)


def _changes(vhost: str, workers: Iterable[WorkerState]) -> list[ChangeText]:
    """Sentences for workers that came or went; one that was only out of sight did neither."""
    found = []
    for worker in workers:
        was, name = worker.stored_state, worker.hostname
        if worker.state == Worker.ONLINE and was in (None, Worker.GONE):
            found.append(ChangeText("worker", "added", vhost, name, f"Worker {name} is online"))
        elif worker.state == Worker.GONE and was in (Worker.ONLINE, Worker.UNKNOWN):
            found.append(ChangeText("worker", "gone", vhost, name, f"Worker {name} is gone: {worker.reason}"))
    return found
