"""Were all events of a worker seen? Its heartbeats say how many tasks it has begun (`processed`); we count its task-started events.

Pure. A heartbeat may overtake events before it, which workers send in bundles: the Lamport clocks in both tell which belong before it, so a
heartbeat is judged when the next one comes. A difference counts as a loss if it lasts three heartbeats. A worker that restarts counts from
zero again. One whose `processed` grows while no task event comes does not send them (no -E): nothing is lost then.
"""

from __future__ import annotations

import msgspec

LASTING = 3
SETTLING = 2  # heartbeats after events were switched on, amid which not all tasks had them


class Account(msgspec.Struct):
    """One worker's books. `base` is `processed` minus what we had seen of this run of the worker when we began to listen."""

    base: int | None = None
    recent: list[int] = []  # `processed` minus seen, of the last heartbeats that were judged
    processed: int | None = None  # of the last heartbeat
    started: int | None = None  # seen before the last heartbeat, late ones included; None before the first
    clock: int | None = None  # of the last heartbeat
    lost: int = 0  # never shrinks
    lost_before: int = 0  # of earlier runs
    task_events: int = 0  # when the last heartbeat came
    quiet: int = 0  # heartbeats in a row after which `processed` had grown without a task event
    settling: int = 0
    events_off: bool | None = None  # None: it did nothing yet that would show

    def restart(self) -> None:
        """The worker began a new run: it counts from zero."""
        self.base = self.processed = self.started = self.clock = self.events_off = None
        self.recent, self.lost_before, self.quiet, self.settling = [], self.lost, 0, 0

    def resume(self, base: int, processed: int, started: int, lost: int) -> None:
        """The books as they were stored, so that what was lost while we did not run is noticed."""
        self.base, self.processed, self.lost = base, processed, lost
        self.lost_before = max(0, lost - max(0, processed - started - base))

    def task_started(self, clock: int | None) -> None:
        """A task-started event came; it may have been sent before the last heartbeat."""
        if clock is not None and self.clock is not None and self.started is not None and clock < self.clock:
            self.started += 1

    def heartbeat(self, processed: int, started: int, task_events: int, clock: int | None = None, in_time: bool = True) -> None:
        """`started` and `task_events` count what was seen of this worker ever; `in_time` False if heartbeats before this one are missing.

        >>> account = Account()
        >>> for processed in (10, 10, 15, 15, 15, 15):
        ...     account.heartbeat(processed, started=2, task_events=2)
        >>> account.lost
        5
        """
        if self.processed is not None and processed < self.processed:
            self.restart()
        grown = self.processed is not None and processed > self.processed
        if task_events > self.task_events:
            self.settling = SETTLING if self.events_off else self.settling
            self.quiet, self.events_off = 0, False
        elif grown and in_time:
            self.quiet += 1
        if self.quiet >= LASTING:
            self.events_off = True
        if self.processed is not None and self.started is not None:
            self._judge(self.processed - self.started)
        self.processed, self.started, self.clock, self.task_events = processed, started, clock, task_events

    def _judge(self, missing: int) -> None:
        if self.events_off or self.settling:
            self.settling = max(0, self.settling - 1)
            self.base, self.recent = missing, []
            return
        self.base = missing if self.base is None else min(self.base, missing)
        self.recent = [*self.recent[-(LASTING - 1) :], missing]
        if len(self.recent) == LASTING and not self.quiet:
            self.lost = max(self.lost, self.lost_before + max(0, min(self.recent) - self.base))
