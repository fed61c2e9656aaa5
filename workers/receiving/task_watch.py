"""The tasks of one virtual host in the receiver's round: what events told of them, and what workers' absence and answers put in doubt.

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
from workers.receiving.orphaned_tasks import IS_GONE, Held, Listing, WorkerSigns
from workers.receiving.queue_watch import QueueWatch
from workers.receiving.task_buffer import Measured, TaskBook
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState

log = structlog.get_logger(__name__)

NoteFault = Callable[[Exception, str], None]
JUDGE_SECONDS = 2.0
MOST_JUDGED = 5000  # of one worker at a time
MOST_MENDED = 1000


def _raise(error: Exception, _what: str) -> None:
    raise error


class TaskWatch:
    """`prepare` each round, then `note_stored` once that is committed; if it could not be, the next `prepare` gives it again."""

    def __init__(self, broker_id: int, vhost: str) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._book = TaskBook()
        self._queues = QueueWatch(broker_id, vhost)
        self._listings: dict[str, Listing] = {}
        self._judged: dict[str, WorkerSigns] = {}
        self._next_judgement = 0.0
        self._failing: set[str] = set()  # workers whose tasks our own code could not judge: reported once

    def hear(self, events: Iterable[Event], now: datetime) -> int:
        """How many events are refused: those of a task that is not named."""
        return self._book.hear(events, now.timestamp())

    def note_answer(self, answer: Answer) -> None:
        if "queues" in answer.fields:
            self._queues.note_queues(answer.hostname, answer.fields["queues"], answer.at)
        if answer.asked_at is None:
            return
        asked_at, at = answer.asked_at.timestamp(), answer.at.timestamp()
        listing = self._listings.setdefault(answer.hostname, Listing())
        if answer.question != "stats":
            listing.note(answer.question, answer.uuids, answer.lists_all, asked_at, at)
            return
        pid = answer.fields.get("pid")
        listing.note_clock(pid, answer.clock)
        if pid is not None and answer.clock is not None:
            self._book.note_answer(answer.hostname, Answered(pid, answer.clock, asked_at, at))

    def prepare(self, workers: Mapping[str, WorkerState], hears: bool, note_fault: NoteFault = _raise) -> list[TaskRecord]:
        """The tasks to be stored. `hears`: we receive events now, and have for a while. `note_fault` takes errors of ours with one task or worker."""
        book = self._book
        for hostname, worker in workers.items():
            if hostname not in book.measured:
                book.resume(hostname, worker.reconciliation, worker.lost_events, worker.clock_skew_seconds)
        book.settle(self._load(book.missing(), note_fault))
        while book.faults:
            note_fault(book.faults.pop(), "a task's event")
        self._take_measurements(workers, note_fault)
        if time.monotonic() >= self._next_judgement:
            self._next_judgement = time.monotonic() + JUDGE_SECONDS
            self._judge(workers, hears, note_fault)
        self._place(workers, note_fault)
        return list(book.changed.values())

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
        book, queues_of = self._book, self._queues
        queues_of.refresh(workers)
        for record in list(book.changed.values()):
            if not record.stored or record.retold or record.state == "RETRY":
                self._placed(record, note_fault)
        for stored in queues_of.again():
            record = book.records.get(stored.uuid, stored)
            if self._placed(record, note_fault):
                book.records[record.uuid] = book.changed[record.uuid] = record

    def _placed(self, record: TaskRecord, note_fault: NoteFault) -> bool:
        try:
            return self._queues.place(record)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  (a fault of ours with one task must not stop the others)
            note_fault(error, f"the queue of task {record.uuid}")
            return False

    def _take_measurements(self, workers: Mapping[str, WorkerState], note_fault: NoteFault) -> None:
        book = self._book
        book.forget(workers.keys())
        for hostname in book.measured_anew:
            worker = workers.get(hostname)
            if worker is None:
                continue
            try:
                _measure(worker, book.measured[hostname])
            except Exception as error:  # noqa: BLE001  (a fault of ours with one worker must not stop the others)
                note_fault(error, f"the counts of worker {hostname}")
                worker.reconciliation, worker.clock_skew_seconds = {}, None
                del book.measured[hostname]  # it is measured afresh
            worker.changed = True
        book.measured_anew.clear()

    def note_stored(self, tasks: Iterable[TaskRecord], unstorable: Collection[TaskRecord] = ()) -> None:
        """They are committed, but for those that can't be stored: these are forgotten."""
        left_out = {record.uuid for record in unstorable}
        for uuid in left_out:
            self._book.changed.pop(uuid, None)
            self._book.records.pop(uuid, None)
        self._book.note_stored(record for record in tasks if record.uuid not in left_out)

    def _judge(self, workers: Mapping[str, WorkerState], hears: bool, note_fault: NoteFault) -> None:
        self._listings = {hostname: listing for hostname, listing in self._listings.items() if hostname in workers}
        concerned = dict.fromkeys(queries.workers_with_open_tasks(self._broker_id, self._vhost))
        concerned |= dict.fromkeys(hostname for hostname, listing in self._listings.items() if listing.held is not None)
        concerned |= dict.fromkeys(hostname for hostname in workers if self._is_back(hostname, workers[hostname]))
        for hostname in concerned:
            try:
                self._judge_tasks_of(hostname, workers, hears)
                self._failing.discard(hostname)
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001  (a fault of ours with one worker must not stop the others)
                if hostname not in self._failing:
                    self._failing.add(hostname)
                    note_fault(error, f"the tasks of worker {hostname}")
        self._judged = {hostname: signs for hostname, signs in self._judged.items() if hostname in workers}
        self._failing &= workers.keys()

    def _judge_tasks_of(self, hostname: str, workers: Mapping[str, WorkerState], hears: bool) -> None:
        signs, before = self._signs(hostname, workers.get(hostname), hears), self._judged.get(hostname)
        if before == signs and signs.known and signs.gone_since is None:
            return
        loaded = queries.load_open_tasks(self._broker_id, self._vhost, hostname, MOST_JUDGED)
        if signs.known and signs.gone_since is None and (before is None or before.gone_since is not None):
            loaded |= queries.load_doubted_tasks(self._broker_id, self._vhost, hostname, IS_GONE, MOST_JUDGED)
        if signs.held is not None:
            listed = [uuid for uuid in signs.held.listed if uuid not in loaded][:MOST_MENDED]
            loaded |= queries.load_tasks(self._broker_id, self._vhost, listed)
        self._book.judge(loaded, signs)
        self._judged[hostname] = signs

    def _is_back(self, hostname: str, worker: WorkerState) -> bool:
        """It is there, and was not when its tasks were judged last, or they were not yet since we began."""
        before = self._judged.get(hostname)
        return worker.state == "online" and (before is None or before.gone_since is not None)

    def _signs(self, hostname: str, worker: WorkerState | None, hears: bool) -> WorkerSigns:
        if worker is None:
            return WorkerSigns(hostname, known=False)
        if worker.state == "gone":
            return WorkerSigns(hostname, gone_since=worker.since, gone_reason=worker.reason)
        limited = frozenset(str(task.get("name")) for task in worker.registered or () if "rate_limit" in (task.get("attributes") or ()))
        measured = self._book.measured.get(hostname)
        began = None if measured is None else measured.reconciliation.began_timestamp
        began_at = None if began is None or worker.began_at is None else worker.began_at.timestamp()
        return WorkerSigns(hostname, began_timestamp=began, began_at=began_at, held=self._held(hostname, worker, hears), limited=limited)

    def _held(self, hostname: str, worker: WorkerState, hears: bool) -> Held | None:
        """What it listed, once a heartbeat sent after its answers shows that the events before have come."""
        listing, measured = self._listings.get(hostname), self._book.measured.get(hostname)
        if not hears or listing is None or listing.held is None or measured is None:
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
