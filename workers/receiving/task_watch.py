"""The tasks of one virtual host in the receiver's round: what events told of them, and what workers' absence and answers put in doubt.

Reads what memory lacks from the database; what is to be stored is handed to the round's transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import structlog

from workers import queries
from workers.inspection.inspector import Answer
from workers.receiving import reconciliation
from workers.receiving.clock_skew import Answered
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import IS_GONE, Held, Listing, WorkerSigns
from workers.receiving.queue_watch import QueueWatch
from workers.receiving.task_buffer import TaskBook
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_registry import WorkerState

log = structlog.get_logger(__name__)

JUDGE_SECONDS = 2.0
MOST_JUDGED = 5000  # of one worker at a time
MOST_MENDED = 1000


class TaskWatch:
    """`prepare` each round, then `note_stored` once that is committed; if it could not be, the next `prepare` gives it again."""

    def __init__(self, broker_id: int, vhost: str) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._book = TaskBook()
        self._queues = QueueWatch(broker_id, vhost)
        self._listings: dict[str, Listing] = {}
        self._judged: dict[str, WorkerSigns] = {}
        self._next_judgement = 0.0

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

    def prepare(self, workers: Mapping[str, WorkerState], hears: bool) -> list[TaskRecord]:
        """The tasks to be stored. `hears`: we receive events now, and have for a while."""
        book = self._book
        for hostname, worker in workers.items():
            if hostname not in book.measured:
                book.resume(hostname, worker.reconciliation, worker.lost_events, worker.clock_skew_seconds)
        missing = book.missing()
        book.settle(queries.load_tasks(self._broker_id, self._vhost, missing) if missing else {})
        while book.faults:
            log.error("event_not_applied", vhost=self._vhost, exc_info=book.faults.pop())
        self._take_measurements(workers)
        if time.monotonic() >= self._next_judgement:
            self._next_judgement = time.monotonic() + JUDGE_SECONDS
            self._judge(workers, hears)
        self._place(workers)
        return list(book.changed.values())

    def _place(self, workers: Mapping[str, WorkerState]) -> None:
        """Works out in which queue the tasks are: those that were sent, received or retried, and those of which more is known than was."""
        book, queues_of = self._book, self._queues
        queues_of.refresh(workers)
        for record in book.changed.values():
            if not record.stored or record.retold or record.state == "RETRY":
                queues_of.place(record)
        for stored in queues_of.again():
            record = book.records.get(stored.uuid, stored)
            if queues_of.place(record):
                book.records[record.uuid] = book.changed[record.uuid] = record

    def note_stored(self, stored: Iterable[TaskRecord]) -> None:
        self._book.note_stored(stored)

    def _take_measurements(self, workers: Mapping[str, WorkerState]) -> None:
        book = self._book
        book.forget(workers.keys())
        for hostname in book.measured_anew:
            worker = workers.get(hostname)
            if worker is None:
                continue
            measured = book.measured[hostname]
            found = measured.reconciliation
            worker.reconciliation, worker.lost_events = reconciliation.stored(found), found.lost
            if found.processed is not None:
                worker.processed = found.processed
            worker.processed_at_first_sight, worker.events_off = found.base, found.events_off
            seconds = measured.skew.seconds
            worker.clock_skew_seconds = None if seconds is None else round(seconds, 2)
            if found.began_timestamp is not None:
                worker.began_at = datetime.fromtimestamp(round(found.began_timestamp - (seconds or 0.0), 6), UTC)
            worker.changed = True
        book.measured_anew.clear()

    def _judge(self, workers: Mapping[str, WorkerState], hears: bool) -> None:
        self._listings = {hostname: listing for hostname, listing in self._listings.items() if hostname in workers}
        concerned = dict.fromkeys(queries.workers_with_open_tasks(self._broker_id, self._vhost))
        concerned |= dict.fromkeys(hostname for hostname, listing in self._listings.items() if listing.held is not None)
        concerned |= dict.fromkeys(hostname for hostname in workers if self._is_back(hostname, workers[hostname]))
        for hostname in concerned:
            signs, before = self._signs(hostname, workers.get(hostname), hears), self._judged.get(hostname)
            if before == signs and signs.known and signs.gone_since is None:
                continue
            loaded = queries.load_open_tasks(self._broker_id, self._vhost, hostname, MOST_JUDGED)
            if signs.known and signs.gone_since is None and (before is None or before.gone_since is not None):
                loaded |= queries.load_doubted_tasks(self._broker_id, self._vhost, hostname, IS_GONE, MOST_JUDGED)
            if signs.held is not None:
                listed = [uuid for uuid in signs.held.listed if uuid not in loaded][:MOST_MENDED]
                loaded |= queries.load_tasks(self._broker_id, self._vhost, listed)
            self._book.judge(loaded, signs)
            self._judged[hostname] = signs
        self._judged = {hostname: signs for hostname, signs in self._judged.items() if hostname in workers}

    def _is_back(self, hostname: str, worker: WorkerState) -> bool:
        """It is there, and was not when its tasks were judged last, or they were not yet since we began."""
        before = self._judged.get(hostname)
        return worker.state == "online" and (before is None or before.gone_since is not None)

    def _signs(self, hostname: str, worker: WorkerState | None, hears: bool) -> WorkerSigns:
        if worker is None:
            return WorkerSigns(hostname, known=False)
        if worker.state == "gone":
            return WorkerSigns(hostname, gone_since=worker.since, gone_reason=worker.reason)
        limited = frozenset(task["name"] for task in worker.registered or () if "rate_limit" in task["attributes"])
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
