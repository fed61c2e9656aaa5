"""Were all events of a worker received? Its heartbeats report how many tasks it has started (`processed`); we count its task-started events.

Pure. Only events that are new count: one that came again, after a broken connection or a restart of the receiver, is found in its task. A heartbeat
may overtake events before it, which workers send in bundles: the Lamport clocks show which belong before it, so a heartbeat is compared when
the next one comes. A difference counts as a loss if it lasts three heartbeats, or if the worker's process ends with it. A heartbeat that is
older than the last one, by both clocks of the worker, changes nothing. One whose `processed` grows while no task event comes does not send
them (no -E): nothing is lost then.

Tasks whose class sets `send_events = False` are in `processed` and send nothing. Where the worker's answers to `stats` show that some were started
since the answer before, nothing of the time between is compared. Of a worker with such tasks the answers also decide whether it sends task events at
all: it does not if others were started before the last answer, and none of them has sent one until the next.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workers.receiving.events import Event
from workers.receiving.task_order import LATEST_TIMESTAMP

LASTING = 3
SETTLING = 2  # heartbeats after events were switched on, amid which not all tasks had them
MISSED = 2.5  # heartbeats; if they come further apart, some are missing between
DEFAULT_FREQUENCY_SECONDS = 2.0
FARTHEST_CLOCK = 1_000_000  # a Lamport clock that is ahead by more is no worker's


class EventReconciliation(msgspec.Struct):
    """Of one worker, stored with it as JSON. `base` is `processed` minus what we had received of this process when we began to."""

    pid: int | None = None
    earlier_pid: int | None = None  # of the process before
    clock: int | None = None  # Lamport clock of the last heartbeat
    timestamp: float | None = None  # and its time, by the worker's clock
    began_timestamp: float | None = None  # of the first event of this process, if it replaced one that we knew
    base: int | None = None
    processed: int | None = None  # of the last heartbeat
    started: int = 0  # task-started events of this process
    started_before: int | None = None  # those sent before the last heartbeat, late ones included; None before the first
    ahead_clock: int | None = None  # the latest of those that were sent after the last heartbeat
    recent: list[int] = []  # `processed` minus received, of the last heartbeats that were compared
    lost: int = 0  # shrinks only if events come later than that
    lost_before: int = 0  # of earlier processes
    task_events: int = 0  # since the last heartbeat
    quiet: int = 0  # heartbeats in a row after which `processed` had grown without a task event
    settling: int = 0
    settling_clock: int | None = None  # heartbeats up to this Lamport clock do not count towards that: they were sent before what made it settle
    events_off: bool | None = None  # None: it did nothing yet that would show
    has_silent: bool = False  # it has registered tasks that send no events
    silent: int | None = None  # how many of these it had started at its last answer; None: not known of this process
    lost_at_answer: int = 0  # `lost` at that answer
    others: int | None = None  # how many tasks that would send events it had started then
    unheard: bool = False  # these had grown then, and no task event had come since the answer before
    events_since_answer: int = 0
    mended: int = 0  # tasks whose state, wrong because an event was lost, the worker's own lists have put right

    def task_event(self, event: Event, new: bool = True) -> None:
        """A worker's event of a task; `new` False if it was received before."""
        self.task_events += 1
        self.events_since_answer += 1
        if self.pid is not None and event.pid != self.pid:
            if self._is_earlier(event):
                return
            if new and self._begins_anew(event):
                self._restart(event)
        if not new or event.type != "task-started":
            return
        self.started += 1
        if event.clock is None or self.clock is None:
            return
        if event.clock > self.clock:
            if event.clock - self.clock <= FARTHEST_CLOCK:
                self.ahead_clock = max(event.clock, self.ahead_clock or 0)
        elif event.clock < self.clock and self.started_before is not None:
            self.started_before += 1

    def silent_tasks(self, pid: int | None, has_silent: bool, started: int, others: int, clock: int | None = None) -> None:
        """An answer to `stats` of this Lamport clock, which may overtake heartbeats: how many tasks that send no events the process has started, and how
        many others."""
        self.has_silent = has_silent
        if pid != self.pid:
            return
        if has_silent and not self.events_since_answer:
            self.events_off = True if self.unheard else self.events_off
            self.unheard = self.unheard or (self.others is not None and others > self.others)
        else:
            self.unheard = False
        self.others, self.events_since_answer = others, 0
        if started > (self.silent or 0):
            self.lost, self.settling = self.lost_at_answer, SETTLING
            self.settling_clock = clock if clock is not None and self.clock is not None and clock - self.clock <= FARTHEST_CLOCK else None
        self.silent, self.lost_at_answer = started, self.lost

    def heartbeat(self, event: Event) -> None:
        """Takes a heartbeat that reports how many tasks were processed."""
        processed, timestamp = event.processed, event.timestamp
        if processed is None or self._is_earlier(event) or self._is_old(event):
            return
        if self._begins_anew(event) or (self.processed is not None and processed < self.processed):
            self._restart(event)
        if processed == 0 and self.processed is None:
            self.base = 0  # it has begun none yet: every event from here on counts
        grown = self.processed is not None and processed > self.processed
        apart = 0.0 if timestamp is None or self.timestamp is None else timestamp - self.timestamp
        if self.task_events:
            self.settling = SETTLING if self.events_off else self.settling
            self.quiet, self.events_off = 0, False
        elif grown and not self.has_silent and apart <= MISSED * (event.freq or DEFAULT_FREQUENCY_SECONDS):
            self.quiet += 1
        if self.quiet >= LASTING:
            self.events_off = True
        if self.processed is not None and self.started_before is not None:
            self._assess(self.processed - self.started_before)
        # One that comes after later events (two receivers shared the queue) can't be compared: some of what we counted was started after it
        behind = self.ahead_clock is not None and event.clock is not None and event.clock < self.ahead_clock
        self.ahead_clock = self.ahead_clock if behind else None
        self.processed, self.started_before, self.task_events = processed, None if behind else self.started, 0
        self.pid, self.clock, self.timestamp = event.pid, event.clock, timestamp

    def _is_earlier(self, event: Event) -> bool:
        """It is of the process before this one, and came late."""
        return event.pid is not None and event.pid == self.earlier_pid and event.pid != self.pid

    def _is_old(self, event: Event) -> bool:
        """It is not younger than the last heartbeat by either clock."""
        if event.pid != self.pid or self.timestamp is None or event.timestamp is None or event.timestamp > self.timestamp:
            return False
        return event.clock is None or self.clock is None or event.clock <= self.clock

    def _begins_anew(self, event: Event) -> bool:
        """It is of a new process: of another pid, or, as in a container, of the same with a Lamport clock that began again."""
        if self.pid is None or event.pid is None or self.timestamp is None or event.timestamp is None:
            return False
        if event.pid != self.pid:
            return True
        if event.type != "worker-online" or event.clock is None or self.clock is None:
            return False
        return event.clock < self.clock and event.timestamp > self.timestamp

    def _restart(self, event: Event) -> None:
        """The worker counts from zero again. All events of the process before have come, so what it is short of is lost."""
        if self.processed is not None and self.base is not None and not self.events_off and not self.settling and not self.quiet and not self.has_silent:
            self.lost = self.lost_before + max(0, self.processed - self.started - self.base)
        if event.pid != self.pid:
            self.earlier_pid = self.pid
        self.pid, self.began_timestamp = event.pid, _possible(event.timestamp)
        self.base = self.processed = self.started_before = self.clock = self.timestamp = self.events_off = self.silent = self.ahead_clock = self.others = None
        self.unheard, self.settling_clock = False, None
        self.recent, self.lost_before, self.started, self.quiet, self.settling = [], self.lost, 0, 0, 0

    def _assess(self, missing: int) -> None:
        if self.events_off or self.settling:
            if self.clock is None or self.settling_clock is None or self.clock > self.settling_clock:
                self.settling, self.settling_clock = max(0, self.settling - 1), None
            self.base, self.recent, self.lost_before = missing, [], self.lost
            return
        self.base = missing if self.base is None else min(self.base, missing)
        self.recent = [*self.recent[-(LASTING - 1) :], missing]
        if len(self.recent) == LASTING and not self.quiet:
            self.lost = self.lost_before + max(0, min(self.recent) - self.base)


def _possible(timestamp: float | None) -> float | None:
    return timestamp if timestamp is not None and 0 < timestamp < LATEST_TIMESTAMP else None


def stored(reconciliation: EventReconciliation) -> dict[str, Any]:
    """As it is kept in the worker's row."""
    found: dict[str, Any] = msgspec.to_builtins(reconciliation)
    return found


def resumed(kept: dict[str, Any], lost: int) -> EventReconciliation:
    """As it was stored, so that what was lost while we did not run is noticed; afresh for a row of an earlier version."""
    try:
        if kept:
            found = msgspec.convert(kept, EventReconciliation)
            found.began_timestamp = _possible(found.began_timestamp)
            return found
    except msgspec.ValidationError:
        pass
    return EventReconciliation(lost=lost, lost_before=lost)
