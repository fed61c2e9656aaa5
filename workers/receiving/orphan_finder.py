"""Whose tasks may be orphaned, or no longer are: keeps what workers list, gives every worker its turn, and loads what is to be assessed.

Bounded in time: a call assesses as many workers as its time allows, and the others have their turn at the next calls, so that the receiver's round
stays short however many workers went or came back at once. The rules are in `workers.receiving.orphaned_tasks`.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from django.db import DatabaseError

from workers import queries
from workers.inspection.answers import QUERY_TASK
from workers.inspection.inspector import Answer
from workers.receiving.orphaned_tasks import OUT_OF_REACH, Held, Listing, Queried, WorkerEvidence, needs_query
from workers.receiving.task_buffer import TaskBuffer
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState
from workers.time_limits import limits_of

NoteFault = Callable[[Exception, str], None]
Query = Callable[[str, Sequence[str]], None]
"""Requests from a worker which of these tasks it has."""
ASSESS_SECONDS = 2.0
TURN_SECONDS = 0.3
WORKERS_AT_ONCE = 100  # whose orphaned tasks are loaded by one query
MOST_ASSESSED = 5000  # of one worker at a time
MOST_RESTORED = 1000
MOST_QUERIED, QUERY_SECONDS = 100, 10.0


class OrphanFinder:
    """Of one virtual host; assesses the tasks in `buffer`, and those that it loads into it."""

    def __init__(self, broker_id: int, vhost: str, buffer: TaskBuffer, query: Query | None = None) -> None:
        self._broker_id, self._vhost, self._buffer = broker_id, vhost, buffer
        self._listings: dict[str, Listing] = {}
        self._assessed: dict[str, WorkerEvidence] = {}
        self._queried: dict[str, dict[str, Queried]] = {}
        self._queried_at: dict[str, float] = {}  # when the answer came
        self._next_query: dict[str, float] = {}
        self._query = query
        self._turns: deque[str] = deque()
        self._next_assessment = 0.0
        self._failing: set[str] = set()  # workers whose tasks our own code could not assess: reported once

    def note_answer(self, answer: Answer) -> None:
        """What a worker lists, or its clock."""
        if answer.requested_at is None:
            return
        if answer.command == QUERY_TASK:
            requested_at = answer.requested_at.timestamp()
            self._queried[answer.hostname] = {uuid: Queried(requested_at, uuid in answer.uuids) for uuid in answer.queried}
            self._queried_at[answer.hostname] = answer.at.timestamp()
            return
        listing = self._listings.setdefault(answer.hostname, Listing())
        if answer.command == "stats":
            listing.note_clock(answer.fields.get("pid"), answer.clock)
        else:
            listing.note(answer.command, answer.uuids, answer.lists_all, answer.requested_at.timestamp(), answer.at.timestamp())

    def assess(self, workers: Mapping[str, WorkerState], receiving: bool, note_fault: NoteFault) -> None:
        """Every two seconds the tasks of all workers of which something may have changed. `receiving`: we receive events now."""
        if not self._turns:
            if time.monotonic() < self._next_assessment:
                return
            self._next_assessment = time.monotonic() + ASSESS_SECONDS
            self._begin_turns(workers)
        ends = time.monotonic() + TURN_SECONDS
        while self._turns:
            group = {hostname: self._evidence_of(hostname, workers.get(hostname), receiving) for hostname in islice(self._turns, WORKERS_AT_ONCE)}
            orphaned = self._orphaned([hostname for hostname in group if self._is_back(hostname, workers.get(hostname))])
            for hostname, evidence in group.items():
                self._try(hostname, evidence, orphaned, note_fault)
                self._turns.popleft()
            if time.monotonic() >= ends:
                break

    def _begin_turns(self, workers: Mapping[str, WorkerState]) -> None:
        self._assessed = {hostname: evidence for hostname, evidence in self._assessed.items() if hostname in workers}
        self._listings = {hostname: listing for hostname, listing in self._listings.items() if hostname in workers}
        self._failing &= workers.keys()
        for hostname in self._next_query.keys() - workers.keys():
            for known in (self._queried, self._queried_at, self._next_query):
                known.pop(hostname, None)
        concerned = dict.fromkeys(queries.workers_with_open_tasks(self._broker_id, self._vhost))
        concerned |= dict.fromkeys(hostname for hostname, listing in self._listings.items() if listing.held is not None)
        concerned |= dict.fromkeys(hostname for hostname in workers if self._is_back(hostname, workers[hostname]))
        self._turns = deque(concerned)

    def _orphaned(self, hostnames: Sequence[str]) -> Mapping[str, TaskRecord] | None:
        """The tasks that are UNKNOWN since these workers were gone. None: each worker's must be loaded alone, since they are many or one can't be read."""
        try:
            found = queries.load_orphaned_tasks(self._broker_id, self._vhost, hostnames, OUT_OF_REACH, MOST_ASSESSED)
        except DatabaseError:
            raise
        except Exception:  # noqa: BLE001  (it is reported with the worker that it is of)
            return None
        return found if len(found) < MOST_ASSESSED else None

    def _try(self, hostname: str, evidence: WorkerEvidence, orphaned: Mapping[str, TaskRecord] | None, note_fault: NoteFault) -> None:
        try:
            self._assess_tasks_of(hostname, evidence, orphaned)
            self._failing.discard(hostname)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  (a fault in our own code with one worker must not stop the others)
            if hostname not in self._failing:
                self._failing.add(hostname)
                note_fault(error, f"the tasks of worker {hostname}")

    def _assess_tasks_of(self, hostname: str, evidence: WorkerEvidence, orphaned: Mapping[str, TaskRecord] | None) -> None:
        before = self._assessed.get(hostname)
        if before == evidence and evidence.known and evidence.gone_since is None:
            return
        loaded = queries.load_open_tasks(self._broker_id, self._vhost, hostname, MOST_ASSESSED)
        if evidence.known and evidence.gone_since is None and (before is None or before.gone_since is not None):
            if orphaned is None:
                orphaned = queries.load_orphaned_tasks(self._broker_id, self._vhost, [hostname], OUT_OF_REACH, MOST_ASSESSED)
            loaded |= {uuid: record for uuid, record in orphaned.items() if record.worker == hostname}
        if evidence.held is not None:
            listed = [uuid for uuid in evidence.held.listed if uuid not in loaded][:MOST_RESTORED]
            loaded |= queries.load_tasks(self._broker_id, self._vhost, listed)
        self._buffer.assess(loaded, evidence)
        self._request_queries(hostname, loaded, evidence)
        self._assessed[hostname] = evidence

    def _request_queries(self, hostname: str, loaded: Mapping[str, TaskRecord], evidence: WorkerEvidence) -> None:
        """Where a worker’s lists are too long to be kept whole: which of the tasks that they leave open it has, at most 100 of them every ten seconds."""
        if self._query is None or time.monotonic() < self._next_query.get(hostname, 0.0):
            return
        records = (self._buffer.records.get(uuid, stored) for uuid, stored in loaded.items())
        uuids = list(islice((record.uuid for record in records if needs_query(record, evidence)), MOST_QUERIED))
        if uuids:
            self._next_query[hostname] = time.monotonic() + QUERY_SECONDS
            self._query(hostname, uuids)

    def _is_back(self, hostname: str, worker: WorkerState | None) -> bool:
        """It is online, and was not when its tasks were assessed last, or they have not been assessed since we began."""
        before = self._assessed.get(hostname)
        return worker is not None and worker.state == "online" and (before is None or before.gone_since is not None)

    def _evidence_of(self, hostname: str, worker: WorkerState | None, receiving: bool) -> WorkerEvidence:
        if worker is None:
            return WorkerEvidence(hostname, known=False)
        if worker.state == "gone":
            return WorkerEvidence(hostname, gone_since=worker.since, gone_reason=worker.reason)
        limited = frozenset(str(task.get("name")) for task in worker.registered or () if "rate_limit" in (task.get("attributes") or ()))
        measured = self._buffer.measured.get(hostname)
        began = None if measured is None else measured.reconciliation.began_timestamp
        began_at = None if began is None or worker.began_at is None else worker.began_at.timestamp()
        limits = limits_of(worker.registered or (), worker.pool_limit)
        held = self._held(hostname, worker, receiving)
        settled = receiving and worker.heartbeat_at is not None and worker.heartbeat_at.timestamp() > self._queried_at.get(hostname, math.inf)
        queried = self._queried.get(hostname, {}) if settled else {}
        return WorkerEvidence(hostname, began_timestamp=began, began_at=began_at, held=held, limited=limited, time_limits=limits, queried=queried)

    def _held(self, hostname: str, worker: WorkerState, receiving: bool) -> Held | None:
        """What it listed, once a heartbeat sent after its answers shows that all earlier events have arrived."""
        listing, measured = self._listings.get(hostname), self._buffer.measured.get(hostname)
        if not receiving or listing is None or listing.held is None or measured is None:
            return None
        held, found = listing.held, measured.reconciliation
        if held.after_clock is not None and found.clock is not None:
            return held if found.pid == held.pid and found.clock > held.after_clock else None
        return held if worker.heartbeat_at is not None and worker.heartbeat_at.timestamp() > listing.answered_at else None
