"""Is a task that was last seen received or started still there? Its worker may be gone, begun anew, or say that it no longer has it.

Pure. What can't be true any more becomes UNKNOWN, with the state last seen and the reason in words; a later event or answer mends it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from workers.receiving.task_order import UNKNOWN
from workers.receiving.task_state import TaskRecord

OPEN = frozenset(("RECEIVED", "STARTED"))
"""States in which a worker has the task."""
QUESTIONS = ("active", "reserved", "scheduled")


class Held(msgspec.Struct, frozen=True):
    """The tasks that a worker said it has, in two complete rounds of answers (one may miss a task that just moves), from `asked_at` of the earlier on.

    `listed`: in either round; `running` and `waiting`: in the later one. `complete` False if a list was too long to be kept whole: absence then proves nothing.
    """

    asked_at: float
    listed: frozenset[str]
    running: frozenset[str]
    waiting: frozenset[str]
    complete: bool = True


class Listing:
    """What one worker lists, put together from its answers to the three questions of what it runs, holds and has scheduled."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.answered_at = 0.0  # when the last answer of `held` came
        self._answers: dict[str, tuple[float, frozenset[str], bool]] = {}
        self._round: tuple[float, frozenset[str], bool] | None = None

    def note(self, question: str, uuids: frozenset[str], complete: bool, asked_at: float, at: float) -> None:
        """An answer of the worker; `held` is there from the second complete round on."""
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
            earlier, listed_before, whole_before = self._round
            self.held = Held(earlier, listed | listed_before, running, listed - running, whole and whole_before)
            self.answered_at = at
        self._round = (began, listed, whole)
        self._answers = {}


class WorkerSigns(msgspec.Struct, frozen=True):
    """What is known of a task's worker. All empty: online, nothing odd."""

    hostname: str
    known: bool = True
    gone_since: datetime | None = None  # None: not gone
    gone_reason: str = ""
    began_at: float | None = None  # its present process, seconds since 1970; None if not known
    held: Held | None = None
    limited: frozenset[str] = frozenset()  # names of tasks with a rate limit, which it holds without listing them


def judge(record: TaskRecord, signs: WorkerSigns) -> bool:
    """Doubts the task, or takes a doubt back. False if nothing changed."""
    if record.worker != signs.hostname or not record.moments:
        return False
    if record.state in OPEN:
        reason = _doubt(record, signs)
        if reason:
            record.last_seen_state, record.state, record.unknown_reason = record.state, UNKNOWN, reason
            return True
    return _mend(record, signs)


def _doubt(record: TaskRecord, signs: WorkerSigns) -> str:
    name, seen_at, held = signs.hostname, record.moments[-1].at, signs.held
    if not signs.known:
        return f"nothing is known any more of worker {name}, which had it"
    if signs.began_at is not None and seen_at < signs.began_at:
        return f"worker {name} was started anew at {_clock(signs.began_at)}, and has not taken it again"
    if signs.gone_since is not None:
        return f"worker {name}, which had it, is gone since {signs.gone_since:%Y-%m-%d %H:%M:%S} UTC: {signs.gone_reason}"
    if held is None or not held.complete or record.uuid in held.listed or held.asked_at <= seen_at:
        return ""
    if record.state == "RECEIVED" and record.name in signs.limited:
        return ""
    return f"worker {name}, asked at {_clock(held.asked_at)}, does not list it any more, and no event told its end"


def _mend(record: TaskRecord, signs: WorkerSigns) -> bool:
    """A worker that lists a task has it, whatever events were lost."""
    held = signs.held
    if held is None or signs.gone_since is not None or held.asked_at <= record.moments[-1].at:
        return False
    if record.uuid in held.running and record.state in ("RECEIVED", UNKNOWN):
        state = "STARTED"
    elif record.state == UNKNOWN and record.uuid in held.listed:
        state = record.last_seen_state or "RECEIVED"
    elif record.state == "STARTED" and record.uuid in held.waiting and record.uuid not in held.running:
        state = "RECEIVED"  # it was delivered again, and the event is lost
    else:
        return False
    record.state, record.last_seen_state, record.unknown_reason = state, None, ""
    return True


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
