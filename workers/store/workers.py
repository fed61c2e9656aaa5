"""Writes workers and event sources, and the receiver's round: all that one transaction stores."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from brokers.snapshots import METRICS
from brokers.store.changes import save_changes
from brokers.store.rows import insert_rows, update_rows
from brokers.store.snapshots import SnapshotWriter
from workers.celery_names import CeleryNames
from workers.custom_events import CustomEvent
from workers.errors import Superseded
from workers.models import EventSource, Worker
from workers.receiving.refusals import Refusals
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import FIELDS, WorkerState, note_known
from workers.store.custom_events import save_custom_events
from workers.store.isolation import save_each
from workers.store.reports import note_reports
from workers.store.task_statistics import save_counted
from workers.store.tasks import mark_tasks_unknown, save_tasks
from workers.store.worker_changes import worker_changes
from workers.task_statistics import Counted, Key

MOST_WORKERS_AT_ONCE = 500
PAUSE_SECONDS = 0.02  # longer than a waiting writer sleeps between its first tries


class SourceFacts(msgspec.Struct, frozen=True):
    """Whether events of a virtual host are received and its workers are inspected: fields of EventSource."""

    queue: str = ""
    state: str = EventSource.UNKNOWN
    reason: str = ""
    grant: str = ""
    since: datetime | None = None
    inspect_state: str = EventSource.UNKNOWN
    inspect_reason: str = ""
    inspect_grant: str = ""
    results_state: str = EventSource.OFF
    results_reason: str = ""


class Batch(msgspec.Struct):
    """What one transaction stores. `events` and `refused` are those since the last batch; `lost_events` is the sum of all workers."""

    workers: Sequence[WorkerState] = ()
    forgotten: Sequence[int] = ()
    facts: SourceFacts | None = None
    events: int = 0
    refused: Refusals = msgspec.field(default_factory=Refusals)
    received_at: datetime | None = None
    lost_events: int = 0
    uncertain: bytes = b""  # fingerprints of the messages that brought it, as far as they may come again
    tasks: Sequence[TaskRecord] = ()
    statistics: Mapping[Key, Counted] = {}
    custom_events: Mapping[str, list[CustomEvent]] = {}  # all that is kept of a task, by its uuid

    @property
    def is_empty(self) -> bool:
        return not (self.tasks or self.custom_events or self.statistics or self.workers or self.forgotten or self.facts or self.events or self.refused.count)


class Unstorable(msgspec.Struct):
    """Rows of a batch that the database can't take, each with the error."""

    workers: list[tuple[WorkerState, Exception]] = []
    tasks: list[tuple[TaskRecord, Exception]] = []


def ensure_source(broker_id: int, vhost: str, now: datetime) -> EventSource:
    """The row of a virtual host with Celery's event exchange, made if it is new."""
    return EventSource.objects.get_or_create(broker_id=broker_id, vhost=vhost, defaults={"since": now, "reason": "not tried yet"})[0]


class Writer(msgspec.Struct, frozen=True):
    """What a watch needs to store: the source, and the token that shows that no other watch has taken it over since."""

    source_id: int
    token: str


def take_over(broker_id: int, vhost: str, now: datetime) -> tuple[Writer, bytes]:
    """Makes the caller the one that may store here; whoever did before gets Superseded from then on. With `EventSource.uncertain` as that one left it."""
    with transaction.atomic():
        source = ensure_source(broker_id, vhost, now)
        writer = Writer(source.pk, secrets.token_hex(8))
        EventSource.objects.filter(pk=source.pk).update(writer=writer.token)  # waits for a last batch that PostgreSQL commits for a process that was killed
        uncertain = EventSource.objects.values_list("uncertain", flat=True).get(pk=source.pk)
    return writer, bytes(uncertain)


def supersede_all() -> None:
    """Every watch begins anew from what is stored, and the broker delivers its unstored events again: a copy of the database was put back, which lacks
    workers that a watch believes stored."""
    EventSource.objects.update(writer="")


def remove_source(broker_id: int, vhost: str) -> None:
    """For a virtual host that is gone from the broker: nothing can be received or inspected there. Its workers stay, as gone with it."""
    EventSource.objects.filter(broker_id=broker_id, vhost=vhost).delete()


def save_batch(writer: Writer, broker_id: int, vhost: str, batch: Batch, now: datetime) -> Unstorable:
    """Changed workers, new ones (their `id` is set once it is committed), tasks, counts, and the source's revision and beat: one transaction.

    Only beyond MOST_WORKERS_AT_ONCE workers are the first ones stored before, so that other writers need not wait for all of them. A row that
    can't be stored is left out and counted as refused. Raises DatabaseError where the database is at fault; then it is all to be stored again.
    Raises Superseded, with nothing stored, once another writer has taken over.
    """
    parts = [batch.workers[start : start + MOST_WORKERS_AT_ONCE] for start in range(0, len(batch.workers), MOST_WORKERS_AT_ONCE)]
    for start in range(0, len(batch.forgotten), MOST_WORKERS_AT_ONCE):  # first: one of them may have come back, as a new worker
        with _writing(writer):
            Worker.objects.filter(pk__in=batch.forgotten[start : start + MOST_WORKERS_AT_ONCE]).delete()
    unstorable: list[tuple[WorkerState, Exception]] = []
    for part in parts[:-1]:
        unstorable += _save_part(writer, broker_id, vhost, part, now)
        time.sleep(PAUSE_SECONDS)
    with _writing(writer):
        keys: dict[str, int] = {}
        last = parts[-1] if parts else ()
        unstorable += save_each(last, lambda some: keys.update(_save_workers(broker_id, vhost, some, now)))
        found = Unstorable(unstorable, save_each(batch.tasks, lambda some: save_tasks(broker_id, vhost, some, now)))
        save_counted(broker_id, vhost, batch.statistics)
        save_custom_events(broker_id, vhost, batch.custom_events, now)
        _save_source(writer.source_id, batch, found, now)
    _note_stored(last, keys)
    return found


def _save_part(writer: Writer, broker_id: int, vhost: str, workers: Sequence[WorkerState], now: datetime) -> list[tuple[WorkerState, Exception]]:
    keys: dict[str, int] = {}
    with _writing(writer):
        unstorable = save_each(workers, lambda some: keys.update(_save_workers(broker_id, vhost, some, now)))
    _note_stored(workers, keys)
    return unstorable


@contextmanager
def _writing(writer: Writer) -> Iterator[None]:
    """A transaction in which nobody else becomes the writer. Raises Superseded if somebody has."""
    with transaction.atomic():
        mine = EventSource.objects.select_for_update().filter(pk=writer.source_id, writer=writer.token)
        if mine.values_list("pk", flat=True).first() is None:
            raise Superseded
        yield


def _note_stored(workers: Iterable[WorkerState], keys: Mapping[str, int]) -> None:
    for worker in workers:
        key = worker.id or keys.get(worker.hostname)
        if key is not None:
            worker.id, worker.stored_state = key, worker.state
            worker.restarted = "" if worker.state == Worker.ONLINE else worker.restarted
            note_known(worker)


def note_fault(broker_id: int, vhost: str, fault: str, since: datetime | None) -> None:
    """That the virtual host's thread ends again and again by an error in Hareline, as a sentence; "" once it does so no longer."""
    rows = EventSource.objects.filter(broker_id=broker_id, vhost=vhost).exclude(fault=fault)
    rows.update(fault=fault, fault_since=since if fault else None, revision=F("revision") + 1)


def note_unwatched(broker_id: int, vhost: str, reason: str, now: datetime) -> None:
    """That nobody watches the virtual host any more, with the reason."""
    rows = EventSource.objects.filter(broker_id=broker_id, vhost=vhost)
    rows.update(state=EventSource.UNKNOWN, reason=reason, since=now, beat_at=None, fault="", fault_since=None, revision=F("revision") + 1)


def note_names(broker_id: int, vhost: str, names: CeleryNames, hint: str, now: datetime) -> None:
    """The names of Celery's exchanges there, and what is said of others that may be; made if it is new."""
    source = ensure_source(broker_id, vhost, now)
    if not source.names or source.hint != hint or msgspec.convert(source.names, CeleryNames) != names:
        EventSource.objects.filter(pk=source.pk).update(names=msgspec.to_builtins(names), hint=hint, revision=F("revision") + 1)


def note_look_alikes(broker_id: int, vhost: str, hint: str, now: datetime) -> None:
    """That nothing is watched there, although exchanges look like Celery's."""
    source = ensure_source(broker_id, vhost, now)
    if (source.reason, source.hint, source.beat_at) != (hint, hint, None):
        values = {"state": EventSource.UNKNOWN, "reason": hint, "hint": hint, "beat_at": None, "inspect_reason": hint}
        EventSource.objects.filter(pk=source.pk).update(**values, revision=F("revision") + 1)


def mark_gone(broker_id: int, vhost: str, reason: str, now: datetime) -> None:
    """Every worker of a virtual host that is gone from the broker, and the tasks they had."""
    Worker.objects.filter(broker_id=broker_id, vhost=vhost).exclude(state=Worker.GONE).update(
        state=Worker.GONE, reason=reason, silence="", since=now, changed_at=now
    )
    mark_tasks_unknown(broker_id, vhost, f"its worker is gone: {reason}", now)


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
            self._start()  # what was not committed must be written again
            raise
        self._last = samples


_NOTHING: tuple[float | None, ...] = (None,) * len(METRICS["workers"])


def _sample(worker: Worker) -> tuple[float | None, ...]:
    if worker.state != Worker.ONLINE:
        return _NOTHING
    slots = (worker.active, worker.reserved, worker.concurrency, worker.succeeded_per_second, worker.failed_per_second, worker.scheduled, worker.prefetch)
    return (*slots, worker.load[0] if worker.load else None, worker.clock_skew_seconds, worker.peak_memory_bytes)


def _save_workers(broker_id: int, vhost: str, workers: Sequence[WorkerState], now: datetime) -> dict[str, int]:
    """{host name: primary key} of those that were new."""
    known = _known(broker_id, vhost, [worker.hostname for worker in workers if worker.id is None])
    if changes := worker_changes(vhost, workers):
        earlier_at = EventSource.objects.filter(broker_id=broker_id, vhost=vhost).values_list("beat_at", flat=True).first()
        save_changes(broker_id, changes, now, earlier_at)
    update_rows(Worker, (*FIELDS, "changed_at"), [(key, _values(worker, now)) for worker in workers if (key := worker.id or known.get(worker.hostname))])
    new = [worker for worker in workers if worker.id is None and worker.hostname not in known]
    insert_rows(Worker, (*FIELDS, "changed_at", "broker_id", "vhost"), [[*_values(worker, now), broker_id, vhost] for worker in new])
    keys = known | _known(broker_id, vhost, [worker.hostname for worker in new])
    note_reports([(key, worker) for worker in workers if (key := worker.id or keys.get(worker.hostname))], now)
    return keys


def _known(broker_id: int, vhost: str, hostnames: list[str]) -> dict[str, int]:
    """{host name: primary key} of rows that exist though memory thought them new."""
    if not hostnames:
        return {}
    return dict(Worker.objects.filter(broker_id=broker_id, vhost=vhost, hostname__in=hostnames).values_list("hostname", "pk"))


def _values(worker: WorkerState, now: datetime) -> list[Any]:
    return [*(getattr(worker, name) for name in FIELDS), now]


def _save_source(source_id: int, batch: Batch, unstorable: Unstorable, now: datetime) -> None:
    changed: dict[str, Any] = {"revision": F("revision") + 1, "lost_events": batch.lost_events, "uncertain": batch.uncertain, "beat_at": now}
    refused = msgspec.structs.replace(batch.refused)
    for worker, error in unstorable.workers:
        refused.note_fault(error, f"worker {worker.hostname} could not be stored")
    for task, error in unstorable.tasks:
        refused.note_fault(error, f"task {task.uuid} could not be stored")
    if batch.facts is not None:
        changed |= msgspec.structs.asdict(batch.facts)
    if batch.events:
        changed |= {"events": F("events") + batch.events, "received_at": batch.received_at}
    if refused.count:
        changed |= {"refused_events": F("refused_events") + refused.count, "refused_example": refused.example}
    EventSource.objects.filter(pk=source_id).update(**changed)
