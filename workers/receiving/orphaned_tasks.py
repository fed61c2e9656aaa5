"""Finds orphaned tasks: those last seen received or started whose worker is gone, has restarted, or no longer lists them.

Pure. An orphaned task becomes UNKNOWN, with its last seen state and the reason. A later event, an answer or the worker's return restores it,
and so does the task's end, whenever it is received. The worker's own clocks decide what was before what, as far as they can.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from workers.receiving.task_order import REJECTED, STATES, UNCERTAIN_SECONDS, UNKNOWN, Moment
from workers.receiving.task_state import TaskRecord, course_of
from workers.state_sources import LIST, QUERY
from workers.time_limits import Limits, limit_for

OPEN = frozenset(("RECEIVED", "STARTED"))
"""States in which a worker has the task."""
Source = tuple[str, float] | None
COMMANDS = ("active", "reserved", "scheduled")
OUT_OF_REACH = ", which had it, "  # in every reason of a task whose worker can’t be reached


class Held(msgspec.Struct, frozen=True):
    """The tasks that a worker listed, in two complete rounds of answers (one may miss a task that just moves), the earlier requested at `requested_at`.

    `listed`: in either round; `running` and `waiting`: in the later one. `complete` False if a list was too long to be kept whole: absence then
    proves nothing. `before_clock` and `after_clock`: the worker's Lamport clock before its answers in the earlier round and after those in the later one.
    """

    requested_at: float
    listed: frozenset[str]
    running: frozenset[str]
    waiting: frozenset[str]
    complete: bool = True
    before_clock: int | None = None
    after_clock: int | None = None
    pid: int | None = None

    def covers(self, moment: Moment) -> bool:
        """Whether the moment was before the lists."""
        if moment.clock is not None and moment.pid is not None and moment.pid == self.pid and self.before_clock is not None:
            return moment.clock < self.before_clock
        return moment.at < self.requested_at - UNCERTAIN_SECONDS


class Listing:
    """What one worker lists, put together from its answers to `active`, `reserved`, `scheduled` and `stats`."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.answered_at = 0.0  # when the last answer of `held` came
        self._answers: dict[str, tuple[float, frozenset[str], bool]] = {}
        self._round: tuple[float, frozenset[str], bool, int | None, int | None] | None = None
        self._clock: tuple[int | None, int | None] = (None, None)  # pid and Lamport clock of the last `stats`
        self._next: Held | None = None

    def note(self, command: str, uuids: frozenset[str], complete: bool, requested_at: float, at: float) -> None:
        """Takes a list that the worker sent."""
        if command not in COMMANDS:
            return
        self._answers[command] = (requested_at, uuids, complete)
        if len(self._answers) < len(COMMANDS):
            return
        began = min(requested for requested, _, _ in self._answers.values())
        listed = frozenset().union(*(found for _, found, _ in self._answers.values()))
        whole = all(found for _, _, found in self._answers.values())
        running = self._answers["active"][1]
        if self._round is not None:
            earlier, listed_before, whole_before, pid, clock = self._round
            self._next = Held(earlier, listed | listed_before, running, listed - running, whole and whole_before, clock, None, pid)
            self.answered_at = at
        self._round = (began, listed, whole, *self._clock)
        self._answers = {}

    def note_clock(self, pid: int | None, clock: int | None) -> None:
        """An answer to `stats`. `held` is there from the first after the second complete round on."""
        if self._next is not None:
            same = self._next.pid == pid
            self.held = msgspec.structs.replace(self._next, after_clock=clock if same else None, before_clock=self._next.before_clock if same else None)
            self._next = None
        self._clock = (pid, clock)


class Queried(msgspec.Struct, frozen=True):
    """A worker's answer to `query_task` about one task."""

    requested_at: float
    has_it: bool


class WorkerEvidence(msgspec.Struct, frozen=True):
    """What is known about a task's worker. All empty: online, nothing odd."""

    hostname: str
    known: bool = True
    gone_since: datetime | None = None  # None: not gone
    gone_reason: str = ""
    began_timestamp: float | None = None  # of its present process, by its own clock; None if it did not replace one that we knew
    began_at: float | None = None  # the same by our clock
    held: Held | None = None
    limited: frozenset[str] = frozenset()  # names of tasks with a rate limit, which it holds without listing them
    time_limits: Limits = {}
    queried: Mapping[str, Queried] = {}  # by uuid


def assess(record: TaskRecord, evidence: WorkerEvidence) -> bool:
    """Mark the task as UNKNOWN if it is orphaned, or restore it, and note the time limit of one that runs. False if nothing changed."""
    course = course_of(record)
    if course is None or record.worker != evidence.hostname:
        return False
    changed = _assess_state(record, course.deciding, evidence)
    return _note_limit(record, evidence) or changed


def _note_limit(record: TaskRecord, evidence: WorkerEvidence) -> bool:
    """A limit that remote control changes applies to tasks that start later."""
    limit = limit_for(record.name, evidence.time_limits)
    if record.state != "STARTED" or record.limit is not None or limit is None:
        return False
    record.limit = limit
    return True


def _assess_state(record: TaskRecord, moment: Moment, evidence: WorkerEvidence) -> bool:
    state = STATES[moment.rank]
    if moment.rank >= REJECTED:
        return record.state != state and _set(record, state)  # a row of an earlier version
    if record.state in OPEN:
        reason, source = _why_orphaned(record, moment, evidence)
        if reason:
            record.last_seen_state, record.state, record.unknown_reason, record.source = record.state, UNKNOWN, reason, source
            return True
    elif record.state == UNKNOWN and OUT_OF_REACH in record.unknown_reason and evidence.known and evidence.gone_since is None:
        reason, source = _why_orphaned(record, moment, evidence)
        if not reason:
            return _set(record, record.last_seen_state or state)  # its worker was only out of reach
        record.unknown_reason, record.source = reason, source
        return True
    return _restore(record, moment, evidence)


def _why_orphaned(record: TaskRecord, moment: Moment, evidence: WorkerEvidence) -> tuple[str, Source]:
    """(the reason as a sentence, "" if it is not orphaned; which answer shows it)."""
    name, held = evidence.hostname, evidence.held
    if not evidence.known:
        return f"worker {name}{OUT_OF_REACH}is no longer known", None
    if _was_replaced(moment, evidence):
        began = "" if evidence.began_at is None else f" at {_clock(evidence.began_at)}"
        return f"worker {name} restarted{began} and has not received it again", None
    if evidence.gone_since is not None:
        since = f"{evidence.gone_since:%Y-%m-%d %H:%M:%S} UTC"
        gone = "is gone" if since in evidence.gone_reason else f"has been gone since {since}"
        return f"worker {name}{OUT_OF_REACH}{gone}: {evidence.gone_reason}", None
    if held is not None and held.complete and record.uuid not in held.listed and held.covers(moment):
        if record.state == "RECEIVED" and record.name in evidence.limited:
            return "", None
        return f"worker {name} did not list it at {_clock(held.requested_at)}, and no event reported its end", (LIST, held.requested_at)
    queried = evidence.queried.get(record.uuid)
    if queried is not None and not queried.has_it and moment.at < queried.requested_at - UNCERTAIN_SECONDS:
        at = queried.requested_at
        return f"worker {name} answered query_task at {_clock(at)} without it, and no event reported its end", (QUERY, at)
    return "", None


def needs_query(record: TaskRecord, evidence: WorkerEvidence) -> bool:
    """Whether the worker's lists, since they are too long to be kept whole, leave open whether it still runs the task."""
    held = evidence.held
    if held is None or held.complete or evidence.gone_since is not None or record.state != "STARTED" or record.worker != evidence.hostname:
        return False
    course = course_of(record)
    return course is not None and record.uuid not in held.listed and held.covers(course.deciding)


def _was_replaced(moment: Moment, evidence: WorkerEvidence) -> bool:
    """Whether the process that had the task is another than the worker's present one."""
    return evidence.began_timestamp is not None and moment.timestamp is not None and moment.timestamp < evidence.began_timestamp


def _restore(record: TaskRecord, moment: Moment, evidence: WorkerEvidence) -> bool:
    """A worker that lists a task has it, whatever events were lost."""
    held = evidence.held
    if held is None or evidence.gone_since is not None or not held.covers(moment):
        return False
    source = LIST, held.requested_at
    if record.uuid in held.running and record.state in ("RECEIVED", UNKNOWN):
        return _set(record, "STARTED", source)
    if record.state == UNKNOWN and record.uuid in held.listed:
        return _set(record, record.last_seen_state or "RECEIVED", source)
    if record.state == "STARTED" and record.uuid in held.waiting and record.uuid not in held.running:
        return _set(record, "RECEIVED", source)  # it was delivered again, and the event is lost
    return False


def _set(record: TaskRecord, state: str, source: Source = None) -> bool:
    record.state, record.last_seen_state, record.unknown_reason, record.source = state, None, "", source
    return True


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
