"""Is a task that was last seen received or started still there? Its worker may be gone, begun anew, or no longer list it.

Pure. What can't be true any more becomes UNKNOWN, with the state last seen and the reason in words. A later event, an answer or the worker's
return mends it, and the task's end does so whenever it is received. What is before what shows the worker's own clocks, as far as they can.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from workers.receiving.task_order import REJECTED, STATES, UNCERTAIN_SECONDS, UNKNOWN, Moment
from workers.receiving.task_state import TaskRecord, course_of

OPEN = frozenset(("RECEIVED", "STARTED"))
"""States in which a worker has the task."""
QUESTIONS = ("active", "reserved", "scheduled")
IS_GONE = "is gone since"


class Held(msgspec.Struct, frozen=True):
    """The tasks that a worker listed, in two complete rounds of answers (one may miss a task that just moves), from `asked_at` of the earlier on.

    `listed`: in either round; `running` and `waiting`: in the later one. `complete` False if a list was too long to be kept whole: absence then
    proves nothing. `before_clock` and `after_clock`: the worker's Lamport clock before it answered the earlier round and after the later one.
    """

    asked_at: float
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
        return moment.at < self.asked_at - UNCERTAIN_SECONDS


class Listing:
    """What one worker lists, put together from its answers to the three questions of what it runs, holds and has scheduled, and to `stats`."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.answered_at = 0.0  # when the last answer of `held` came
        self._answers: dict[str, tuple[float, frozenset[str], bool]] = {}
        self._round: tuple[float, frozenset[str], bool, int | None, int | None] | None = None
        self._clock: tuple[int | None, int | None] = (None, None)  # pid and Lamport clock of the last `stats`
        self._next: Held | None = None

    def note(self, question: str, uuids: frozenset[str], complete: bool, asked_at: float, at: float) -> None:
        """A list of the worker's."""
        if question not in QUESTIONS:
            return
        self._answers[question] = (asked_at, uuids, complete)
        if len(self._answers) < len(QUESTIONS):
            return
        began = min(asked for asked, _, _ in self._answers.values())
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


class WorkerSigns(msgspec.Struct, frozen=True):
    """What is known of a task's worker. All empty: online, nothing odd."""

    hostname: str
    known: bool = True
    gone_since: datetime | None = None  # None: not gone
    gone_reason: str = ""
    began_timestamp: float | None = None  # of its present process, by its own clock; None if it did not replace one that we knew
    began_at: float | None = None  # the same by our clock
    held: Held | None = None
    limited: frozenset[str] = frozenset()  # names of tasks with a rate limit, which it holds without listing them


def judge(record: TaskRecord, signs: WorkerSigns) -> bool:
    """Doubts the task, or takes a doubt back. False if nothing changed."""
    course = course_of(record)
    if course is None or record.worker != signs.hostname:
        return False
    moment, state = course.deciding, STATES[course.deciding.rank]
    if moment.rank >= REJECTED:
        return record.state != state and _set(record, state)  # a row of an earlier version
    if record.state in OPEN:
        reason = _doubt(record, moment, signs)
        if reason:
            record.last_seen_state, record.state, record.unknown_reason = record.state, UNKNOWN, reason
            return True
    elif record.state == UNKNOWN and IS_GONE in record.unknown_reason and signs.known and not _doubt(record, moment, signs):
        return _set(record, record.last_seen_state or state)  # it was only out of reach
    return _mend(record, moment, signs)


def _doubt(record: TaskRecord, moment: Moment, signs: WorkerSigns) -> str:
    name, held = signs.hostname, signs.held
    if not signs.known:
        return f"nothing is known any more of worker {name}, which had it"
    if _was_replaced(moment, signs):
        began = "" if signs.began_at is None else f" at {_clock(signs.began_at)}"
        return f"worker {name} was started anew{began}, and has not taken it again"
    if signs.gone_since is not None:
        return f"worker {name}, which had it, {IS_GONE} {signs.gone_since:%Y-%m-%d %H:%M:%S} UTC: {signs.gone_reason}"
    if held is None or not held.complete or record.uuid in held.listed or not held.covers(moment):
        return ""
    if record.state == "RECEIVED" and record.name in signs.limited:
        return ""
    return f"worker {name}, asked at {_clock(held.asked_at)}, does not list it any more, and no event told its end"


def _was_replaced(moment: Moment, signs: WorkerSigns) -> bool:
    """Whether the process that had the task is another than the worker's present one."""
    return signs.began_timestamp is not None and moment.timestamp is not None and moment.timestamp < signs.began_timestamp


def _mend(record: TaskRecord, moment: Moment, signs: WorkerSigns) -> bool:
    """A worker that lists a task has it, whatever events were lost."""
    held = signs.held
    if held is None or signs.gone_since is not None or not held.covers(moment):
        return False
    if record.uuid in held.running and record.state in ("RECEIVED", UNKNOWN):
        return _set(record, "STARTED")
    if record.state == UNKNOWN and record.uuid in held.listed:
        return _set(record, record.last_seen_state or "RECEIVED")
    if record.state == "STARTED" and record.uuid in held.waiting and record.uuid not in held.running:
        return _set(record, "RECEIVED")  # it was delivered again, and the event is lost
    return False


def _set(record: TaskRecord, state: str) -> bool:
    record.state, record.last_seen_state, record.unknown_reason = state, None, ""
    return True


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
