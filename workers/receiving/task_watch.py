"""The tasks of one virtual host in the receiver's round: applies events to them, and looks for orphaned ones.

Reads what memory lacks from the database; what is to be stored is handed to the round's transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError

from workers import queries
from workers.inspection.inspector import Answer
from workers.receiving import reconciliation
from workers.receiving.clock_skew import Answered
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import IS_GONE, Held, Listing, WorkerEvidence
from workers.receiving.queue_watch import QueueWatch
from workers.receiving.task_buffer import Measured, TaskBuffer
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState

log = structlog.get_logger(__name__)

NoteFault = Callable[[Exception, str], None]
ASSESS_SECONDS = 2.0
MOST_ASSESSED = 5000  # of one worker at a time
MOST_RESTORED = 1000


def _raise(error: Exception, _what: str) -> None:
    raise error


class TaskWatch:
    """`prepare` each round, then `note_stored` once that is committed; if it could not be, the next `prepare` gives it again."""

    def __init__(self, broker_id: int, vhost: str) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._buffer = TaskBuffer()
        self._queues = QueueWatch(broker_id, vhost)
        self._listings: dict[str, Listing] = {}
        self._assessed: dict[str, WorkerEvidence] = {}
        self._next_assessment = 0.0
        self._failing: set[str] = set()  # workers whose tasks our own code could not assess: reported once

    def add_events(self, events: Iterable[Event], now: datetime) -> int:
        """Returns how many events were refused because they name no task."""
        return self._buffer.add_events(events, now.timestamp())

    def note_answer(self, answer: Answer) -> None:
        if "queues" in answer.fields:
            self._queues.note_queues(answer.hostname, answer.fields["queues"], answer.at)
        if answer.requested_at is None:
            return
        requested_at, at = answer.requested_at.timestamp(), answer.at.timestamp()
        listing = self._listings.setdefault(answer.hostname, Listing())
        if answer.command != "stats":
            listing.note(answer.command, answer.uuids, answer.lists_all, requested_at, at)
            return
        pid = answer.fields.get("pid")
        listing.note_clock(pid, answer.clock)
        if pid is not None and answer.clock is not None:
            self._buffer.note_answer(answer.hostname, Answered(pid, answer.clock, requested_at, at))

    def prepare(self, workers: Mapping[str, WorkerState], receiving: bool, note_fault: NoteFault = _raise) -> list[TaskRecord]:
        """The tasks to be stored. `receiving`: we receive events now. `note_fault` takes our own errors with one task or worker."""
        buffer = self._buffer
        for hostname, worker in workers.items():
            if hostname not in buffer.measured:
                buffer.resume(hostname, worker.reconciliation, worker.lost_events, worker.clock_skew_seconds)
        buffer.settle(self._load(buffer.missing(), note_fault))
        while buffer.faults:
            note_fault(buffer.faults.pop(), "a task's event")
        self._take_measurements(workers, note_fault)
        if time.monotonic() >= self._next_assessment:
            self._next_assessment = time.monotonic() + ASSESS_SECONDS
            self._assess(workers, receiving, note_fault)
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
        except Exception as error:  # noqa: BLE001  (a fault of ours with one row must not stop the others)
            if len(uuids) == 1:
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
        except Exception as error:  # noqa: BLE001  (a fault of ours with one task must not stop the others)
            note_fault(error, f"the queue of task {record.uuid}")
            return False

    def _take_measurements(self, workers: Mapping[str, WorkerState], note_fault: NoteFault) -> None:
        buffer = self._buffer
        buffer.forget(workers.keys())
        for hostname in buffer.measured_anew:
            worker = workers.get(hostname)
            if worker is None:
                continue
            try:
                _measure(worker, buffer.measured[hostname])
            except Exception as error:  # noqa: BLE001  (a fault of ours with one worker must not stop the others)
                note_fault(error, f"the counts of worker {hostname}")
                worker.reconciliation, worker.clock_skew_seconds = {}, None
                del buffer.measured[hostname]  # it is measured afresh
            worker.changed = True
        buffer.measured_anew.clear()

    def note_stored(self, tasks: Iterable[TaskRecord], unstorable: Collection[TaskRecord] = ()) -> None:
        """They are committed, but for those that can't be stored: these are forgotten."""
        left_out = {record.uuid for record in unstorable}
        for uuid in left_out:
            self._buffer.changed.pop(uuid, None)
            self._buffer.records.pop(uuid, None)
        self._buffer.note_stored(record for record in tasks if record.uuid not in left_out)

    def _assess(self, workers: Mapping[str, WorkerState], receiving: bool, note_fault: NoteFault) -> None:
        self._listings = {hostname: listing for hostname, listing in self._listings.items() if hostname in workers}
        concerned = dict.fromkeys(queries.workers_with_open_tasks(self._broker_id, self._vhost))
        concerned |= dict.fromkeys(hostname for hostname, listing in self._listings.items() if listing.held is not None)
        concerned |= dict.fromkeys(hostname for hostname in workers if self._is_back(hostname, workers[hostname]))
        for hostname in concerned:
            try:
                self._assess_tasks_of(hostname, workers, receiving)
                self._failing.discard(hostname)
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001  (a fault of ours with one worker must not stop the others)
                if hostname not in self._failing:
                    self._failing.add(hostname)
                    note_fault(error, f"the tasks of worker {hostname}")
        self._assessed = {hostname: evidence for hostname, evidence in self._assessed.items() if hostname in workers}
        self._failing &= workers.keys()

    def _assess_tasks_of(self, hostname: str, workers: Mapping[str, WorkerState], receiving: bool) -> None:
        evidence, before = self._evidence_of(hostname, workers.get(hostname), receiving), self._assessed.get(hostname)
        if before == evidence and evidence.known and evidence.gone_since is None:
            return
        loaded = queries.load_open_tasks(self._broker_id, self._vhost, hostname, MOST_ASSESSED)
        if evidence.known and evidence.gone_since is None and (before is None or before.gone_since is not None):
            loaded |= queries.load_orphaned_tasks(self._broker_id, self._vhost, hostname, IS_GONE, MOST_ASSESSED)
        if evidence.held is not None:
            listed = [uuid for uuid in evidence.held.listed if uuid not in loaded][:MOST_RESTORED]
            loaded |= queries.load_tasks(self._broker_id, self._vhost, listed)
        self._buffer.assess(loaded, evidence)
        self._assessed[hostname] = evidence

    def _is_back(self, hostname: str, worker: WorkerState) -> bool:
        """It is online, and was not when its tasks were assessed last, or they have not been assessed since we began."""
        before = self._assessed.get(hostname)
        return worker.state == "online" and (before is None or before.gone_since is not None)

    def _evidence_of(self, hostname: str, worker: WorkerState | None, receiving: bool) -> WorkerEvidence:
        if worker is None:
            return WorkerEvidence(hostname, known=False)
        if worker.state == "gone":
            return WorkerEvidence(hostname, gone_since=worker.since, gone_reason=worker.reason)
        limited = frozenset(str(task.get("name")) for task in worker.registered or () if "rate_limit" in (task.get("attributes") or ()))
        measured = self._buffer.measured.get(hostname)
        began = None if measured is None else measured.reconciliation.began_timestamp
        began_at = None if began is None or worker.began_at is None else worker.began_at.timestamp()
        return WorkerEvidence(hostname, began_timestamp=began, began_at=began_at, held=self._held(hostname, worker, receiving), limited=limited)

    def _held(self, hostname: str, worker: WorkerState, receiving: bool) -> Held | None:
        """What it listed, once a heartbeat sent after its answers shows that all earlier events have arrived."""
        listing, measured = self._listings.get(hostname), self._buffer.measured.get(hostname)
        if not receiving or listing is None or listing.held is None or measured is None:
            return None
        held, found = listing.held, measured.reconciliation
        if held.after_clock is not None and found.clock is not None:
            return held if found.pid == held.pid and found.clock > held.after_clock else None
        return held if worker.heartbeat_at is not None and worker.heartbeat_at.timestamp() > listing.answered_at else None


def _measure(worker: WorkerState, measured: Measured) -> None:
    """Takes over what was measured of the worker."""
    found = measured.reconciliation
    worker.reconciliation, worker.lost_events = reconciliation.stored(found), found.lost
    if found.processed is not None:
        worker.processed = found.processed
    worker.processed_at_first_sight, worker.events_off = found.base, found.events_off
    seconds = measured.skew.seconds
    worker.clock_skew_seconds = None if seconds is None else round(seconds, 2)
    if found.began_timestamp is not None:
        worker.began_at = datetime.fromtimestamp(round(found.began_timestamp - (seconds or 0.0), 6), UTC)
