"""The tasks of one virtual host in the receiver's round: applies events to them, and looks for orphaned ones.

Reads what memory lacks from the database; what is to be stored is handed to the round's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog
from django.db import DatabaseError

from workers import queries
from workers.inspection.inspector import Answer
from workers.receiving import reconciliation
from workers.receiving.clock_skew import Answered
from workers.receiving.custom_events import CustomEvents, Stored
from workers.receiving.events import Event
from workers.receiving.orphan_finder import NoteFault, OrphanFinder, Query
from workers.receiving.queue_watch import QueueWatch
from workers.receiving.read_ends import ReadEnds
from workers.receiving.revocations import Revocations
from workers.receiving.task_buffer import Measured, TaskBuffer
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState, note_restart
from workers.task_statistics import Counted, Key

log = structlog.get_logger(__name__)


def _raise(error: Exception, _what: str) -> None:
    raise error


class TaskWatch:
    """`prepare` each round, then `note_stored` once that is committed; if it could not be, the next `prepare` gives it again."""

    def __init__(self, broker_id: int, vhost: str, query: Query | None = None) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._buffer = TaskBuffer()
        self._queues = QueueWatch(broker_id, vhost)
        self._silent: dict[str, frozenset[str]] = {}  # names of tasks that send no events, by worker
        self._orphans = OrphanFinder(broker_id, vhost, self._buffer, query)
        self._revocations = Revocations(self._buffer)
        self._custom = CustomEvents(self._buffer)
        self.read_ends = ReadEnds(self._buffer)

    def add_events(self, events: Iterable[Event], now: datetime) -> int:
        """Returns how many events were refused because they name no task."""
        return self._buffer.add_events(events, now.timestamp())

    def add_event(self, event: Event, received_at: float) -> bool:
        """As `add_events`, of one event received so many seconds after 1970; False if it is refused."""
        return self._buffer.add_event(event, received_at)

    def add_custom_event(self, event: Event, fields: Mapping[str, object], left_out: int, received_at: float) -> None:
        """As `workers.receiving.custom_events.CustomEvents.add`."""
        self._custom.add(event, fields, left_out, received_at)

    def note_answer(self, answer: Answer) -> None:
        if "queues" in answer.fields:
            self._queues.note_queues(answer.hostname, answer.fields["queues"], answer.at)
        if "registered" in answer.fields:
            self._silent[answer.hostname] = frozenset(task["name"] for task in answer.fields["registered"] if task["attributes"].get("send_events") == "False")
        self._orphans.note_answer(answer)
        self._revocations.note_answer(answer)
        pid = answer.fields.get("pid")
        if answer.command == "stats" and answer.requested_at is not None and pid is not None and answer.clock is not None:
            silent = self._silent.get(answer.hostname)
            if silent is not None:
                started = sum(answer.totals.get(name, 0) for name in silent)
                self._buffer.note_silent_tasks(answer.hostname, pid, bool(silent), started, sum(answer.totals.values()) - started, answer.clock)
            self._buffer.note_answer(answer.hostname, Answered(pid, answer.clock, answer.requested_at.timestamp(), answer.at.timestamp()))

    def prepare(self, workers: Mapping[str, WorkerState], receiving: bool, note_fault: NoteFault = _raise) -> list[TaskRecord]:
        """The tasks to be stored. `receiving`: we receive events now. `note_fault` takes our own errors with one task or worker."""
        buffer = self._buffer
        for hostname, worker in workers.items():
            if hostname not in buffer.measured:
                buffer.resume(hostname, worker.reconciliation, worker.lost_events, worker.clock_skew_seconds)
        buffer.settle(self._load(buffer.missing(), note_fault))
        while buffer.faults:
            note_fault(buffer.faults.pop(), "a task's event")
        self._custom.prepare(lambda uuids: self._load(uuids, note_fault), partial(queries.load_custom_events, self._broker_id, self._vhost))
        self._take_measurements(workers, note_fault)
        self._orphans.assess(workers, receiving, note_fault)
        self.read_ends.apply(lambda uuids: self._load(uuids, note_fault))
        self._revocations.apply(workers, lambda uuids: self._load(uuids, note_fault))
        self._place(workers, note_fault)
        return list(buffer.changed.values())

    def _load(self, uuids: Sequence[str], note_fault: NoteFault) -> dict[str, TaskRecord]:
        """Those that are stored. One whose row can't be read counts as new, so that its row is written anew."""
        if not uuids:
            return {}
        try:
            return queries.load_tasks(self._broker_id, self._vhost, uuids)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  (a fault in our own code with one row must not stop the others)
            if len(uuids) == 1:
                self._buffer.unread.add(uuids[0])
                note_fault(error, f"the stored row of task {uuids[0]}")
                return {}
        middle = len(uuids) // 2
        return self._load(uuids[:middle], note_fault) | self._load(uuids[middle:], note_fault)

    def _place(self, workers: Mapping[str, WorkerState], note_fault: NoteFault) -> None:
        """Works out in which queue the tasks are: those that were sent, received or retried, and those of which more is known than was."""
        buffer, queues_of = self._buffer, self._queues
        queues_of.refresh(workers)
        for record in list(buffer.changed.values()):
            if not record.stored or record.details_changed or record.state == "RETRY":
                self._placed(record, note_fault)
        for stored in queues_of.again():
            record = buffer.records.get(stored.uuid, stored)
            if self._placed(record, note_fault):
                buffer.records[record.uuid] = buffer.changed[record.uuid] = record

    def _placed(self, record: TaskRecord, note_fault: NoteFault) -> bool:
        try:
            return self._queues.place(record)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  (a fault in our own code with one task must not stop the others)
            note_fault(error, f"the queue of task {record.uuid}")
            return False

    def _take_measurements(self, workers: Mapping[str, WorkerState], note_fault: NoteFault) -> None:
        buffer = self._buffer
        buffer.forget(workers.keys())
        if len(self._silent) > len(workers):
            self._silent = {hostname: names for hostname, names in self._silent.items() if hostname in workers}
        for hostname in buffer.measured_anew:
            worker = workers.get(hostname)
            if worker is None:
                continue
            try:
                _measure(worker, buffer.measured[hostname])
            except Exception as error:  # noqa: BLE001  (a fault in our own code with one worker must not stop the others)
                note_fault(error, f"the counts of worker {hostname}")
                worker.reconciliation, worker.clock_skew_seconds = {}, None
                del buffer.measured[hostname]  # it is measured afresh
            worker.changed = True
        buffer.measured_anew.clear()

    def statistics(self) -> Mapping[Key, Counted]:
        """What the events since the last stored batch count, once it is prepared."""
        return self._buffer.statistics.count()

    def custom_events(self) -> Stored:
        """What is kept of tasks of which a custom event came since the last stored batch, once it is prepared."""
        return self._custom.to_store

    def note_stored(self, tasks: Iterable[TaskRecord], unstorable: Collection[TaskRecord] = ()) -> None:
        """They are committed, but for those that can't be stored: these are forgotten."""
        self._buffer.statistics.clear()
        self._custom.note_stored()
        left_out = {record.uuid for record in unstorable}
        for uuid in left_out:
            self._buffer.changed.pop(uuid, None)
            self._buffer.records.pop(uuid, None)
        self._buffer.note_stored(record for record in tasks if record.uuid not in left_out)


def _measure(worker: WorkerState, measured: Measured) -> None:
    """Takes over what was measured of the worker."""
    found = measured.reconciliation
    known_timestamp = worker.reconciliation.get("began_timestamp")
    worker.reconciliation, worker.lost_events = reconciliation.stored(found), found.lost
    if found.processed is not None:
        worker.processed = found.processed
    worker.processed_at_first_sight, worker.events_off = found.base, found.events_off
    seconds = measured.skew.seconds
    worker.clock_skew_seconds = None if seconds is None else round(seconds, 2)
    if found.began_timestamp is not None:
        began_at = datetime.fromtimestamp(round(found.began_timestamp - (seconds or 0.0), 6), UTC)
        if found.began_timestamp != known_timestamp:
            note_restart(worker, began_at, found.earlier_pid, found.pid)
        worker.began_at = began_at
