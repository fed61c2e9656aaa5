"""In-memory buffer of one virtual host's recently active tasks and their unsaved changes.

Pure and bounded: at most `most` records that are stored already, none of them ended. The caller loads what is not in memory (`missing`), in one query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from workers.receiving.clock_skew import LARGEST_SECONDS, Answered, ClockSkew
from workers.receiving.events import Event
from workers.receiving.orphaned_tasks import OPEN, WorkerEvidence, assess
from workers.receiving.reconciliation import resumed
from workers.receiving.statistics_counter import StatisticsCounter
from workers.receiving.task_order import ENDED, RANKS
from workers.receiving.task_state import TaskRecord, apply

MOST_RECORDS = 20_000
LEAST_CLOCK_CHANGE = 0.25  # smaller changes of a worker's measured skew are its noise
MOST_SENDERS = 10_000
HEARTBEATS = frozenset(("worker-heartbeat", "worker-online", "worker-offline"))


class Measured:
    """What is measured of one worker from its events, in the order in which they come."""

    def __init__(self, kept: dict[str, Any], lost: int, skew_seconds: float | None) -> None:
        self.reconciliation = resumed(kept, lost)
        self.skew = ClockSkew(skew_seconds)

    def heartbeat(self, event: Event, received_at: float) -> None:
        if event.timestamp is not None and abs(event.timestamp - received_at) > LARGEST_SECONDS:
            event = msgspec.structs.replace(event, timestamp=None)
        pid = self.reconciliation.pid
        if event.pid != pid and pid is not None:
            self.skew.restart()
        self.reconciliation.heartbeat(event)
        if event.timestamp is not None:
            self.skew.received(event.timestamp, received_at, event.clock, event.pid)


class TaskBuffer:
    def __init__(self, most: int = MOST_RECORDS) -> None:
        self.most = most
        self.records: dict[str, TaskRecord] = {}  # the longest untouched first
        self.changed: dict[str, TaskRecord] = {}
        self.unread: set[str] = set()  # uuids of which a row could not be read
        self.faults: list[Exception] = []  # errors in our own code in `settle`, for the caller to report
        self.measured: dict[str, Measured] = {}
        self.measured_anew: set[str] = set()  # whose measurements have changed, for the caller to take over and clear
        self.statistics = StatisticsCounter()
        self._pending: list[tuple[Event, float]] = []
        self._ahead: dict[str, float] = {}
        self._ahead_by_host: dict[str, float] = {}
        self._ahead_of: dict[str, float] = {}  # what the two come to, by host name

    def add_events(self, events: Iterable[Event], received_at: float) -> int:
        """Keeps task events and heartbeats until `settle`. Returns how many were refused because they name no task."""
        return sum(not self.add_event(event, received_at) for event in events)

    def add_event(self, event: Event, received_at: float) -> bool:
        """As `add_events`, of one event; False if it is refused."""
        if event.type in RANKS:
            if not event.uuid:
                return False
            self._pending.append((event, received_at))
        elif event.type in HEARTBEATS:
            self._pending.append((event, received_at))
        return True

    def resume(self, hostname: str, kept: dict[str, Any], lost: int, skew_seconds: float | None) -> None:
        """Continues a worker's measurements from what is stored of them."""
        self.measured[hostname] = Measured(kept, lost, skew_seconds)
        self.note_clock(hostname, skew_seconds)

    def forget(self, but: Collection[str]) -> None:
        """Drops the measurements of workers that are no longer known."""
        if len(self.measured) > len(but):
            self.measured = {hostname: measured for hostname, measured in self.measured.items() if hostname in but}

    def note_answer(self, hostname: str, answer: Answered) -> None:
        if hostname in self.measured:
            self.measured[hostname].skew.answered(answer)

    def note_silent_tasks(self, hostname: str, pid: int | None, has_silent: bool, started: int, others: int, clock: int) -> None:
        """How many tasks whose class sends no events a worker's process has started."""
        if hostname in self.measured:
            self.measured[hostname].reconciliation.silent_tasks(pid, has_silent, started, others, clock)
            self.measured_anew.add(hostname)

    def note_clock(self, hostname: str, ahead: float | None) -> None:
        """By how many seconds a worker's clock is ahead of ours, as measured now. It holds for the producers on its machine too."""
        known = self._ahead.get(hostname)
        if ahead is not None and (known is None or abs(ahead - known) >= LEAST_CLOCK_CHANGE):
            self._ahead[hostname] = self._ahead_by_host[_host(hostname)] = ahead
            self._ahead_of.clear()

    def missing(self) -> list[str]:
        """The uuids of pending events that are not in memory; they may be stored."""
        records = self.records
        found = {event.uuid: None for event, _ in self._pending if event.uuid not in records}
        return [uuid for uuid in found if uuid is not None]

    def settle(self, loaded: Mapping[str, TaskRecord]) -> None:
        """Applies the pending events to tasks and to the measurements of workers. `loaded` are those of `missing` that are stored."""
        pending, self._pending = self._pending, []
        for event, received_at in pending:
            try:
                uuid = event.uuid
                if uuid is None or event.type in HEARTBEATS:
                    self._heartbeat(event, received_at)
                else:
                    self._task_event(event, uuid, received_at, loaded)
            except Exception as error:  # noqa: BLE001  (a fault in our own code must not stop the others, nor come again for ever)
                self.faults.append(error)

    def _task_event(self, event: Event, uuid: str, received_at: float, loaded: Mapping[str, TaskRecord]) -> None:
        records, hostname = self.records, event.hostname
        record = records.pop(uuid, None) or loaded.get(uuid) or TaskRecord(uuid, received_at, unread=uuid in self.unread)
        records[uuid] = record
        ahead = self._ahead_of.get(hostname)
        if ahead is None:
            ahead = self.clock_ahead(hostname)
        new = apply(record, event, received_at, ahead)
        if new:
            self.changed[uuid] = record
            self.statistics.note(record, event, received_at, ahead)
        if event.type != "task-sent":
            measured = self.measured.get(hostname)
            if measured is None:
                measured = self.measured[hostname] = Measured({}, 0, None)
            measured.reconciliation.task_event(event, new or event.timestamp is None)
            self.measured_anew.add(hostname)

    def clock_ahead(self, hostname: str) -> float:
        """By how many seconds a sender's clock is ahead of ours, or else that of another on its machine."""
        ahead = self._ahead.get(hostname)
        if ahead is None:
            ahead = self._ahead_by_host.get(_host(hostname), 0.0)
        if len(self._ahead_of) >= MOST_SENDERS:
            self._ahead_of.clear()
        self._ahead_of[hostname] = ahead
        return ahead

    def _heartbeat(self, event: Event, received_at: float) -> None:
        hostname = event.hostname
        measured = self.measured.get(hostname)
        if measured is None:
            measured = self.measured[hostname] = Measured({}, 0, None)
        measured.heartbeat(event, received_at)
        self.note_clock(hostname, measured.skew.seconds)
        self.measured_anew.add(hostname)

    def assess(self, loaded: Mapping[str, TaskRecord], evidence: WorkerEvidence) -> None:
        """Looks for orphaned tasks among those loaded. A task in memory counts as memory has it."""
        for uuid, stored in loaded.items():
            record = self.records.get(uuid, stored)
            before = record.last_seen_state or record.state
            if assess(record, evidence):
                self.records[uuid] = self.changed[uuid] = record
                if record.state in OPEN and record.state != before:
                    self.note_mended(evidence.hostname)

    def note_mended(self, hostname: str) -> None:
        """The worker lists one of its tasks in a state of which no event was received, or the result backend has its end."""
        measured = self.measured.get(hostname)
        if measured is not None:
            measured.reconciliation.mended += 1
            self.measured_anew.add(hostname)

    def note_stored(self, stored: Iterable[TaskRecord]) -> None:
        """They are committed: memory drops their long texts, and the records longest untouched."""
        for record in stored:
            record.stored, record.details_changed, record.indexed = True, False, record.name is not None
            record.stored_state, record.unread = record.state, False
            record.args = record.kwargs = record.result = record.exception = record.traceback = None  # HEAVY
            self.changed.pop(record.uuid, None)
            if record.state in ENDED:  # few events follow; if one does, the task is loaded
                self.records.pop(record.uuid, None)
        for uuid in list(islice(self.records, max(0, len(self.records) - self.most))):
            if uuid not in self.changed:
                del self.records[uuid]


def _host(hostname: str) -> str:
    return hostname.partition("@")[2]
