"""Were all events of a worker seen? Its heartbeats say how many tasks it has begun (`processed`); we count its task-started events.

Pure. A heartbeat may overtake the events before it (the worker sends those in bundles), so only a difference that lasts three heartbeats
is a loss. A worker that restarts counts from zero again. One whose `processed` grows while no task event comes does not send them
(no -E): nothing is lost then.
"""

from __future__ import annotations

import msgspec

LASTING = 3


class Account(msgspec.Struct):
    """One worker's books. `base` is `processed` minus what we had seen when we began to listen to this run of the worker."""

    base: int | None = None
    recent: list[int] = []  # `processed` minus seen, of the last heartbeats
    processed: int | None = None
    lost: int = 0  # never shrinks
    lost_before: int = 0  # of earlier runs
    task_events: int = 0  # when the last heartbeat came
    quiet: int = 0  # heartbeats in a row after which `processed` had grown without a task event
    events_off: bool | None = None  # None: it did nothing yet that would show

    def restart(self) -> None:
        """The worker began a new run: it counts from zero."""
        self.base, self.processed, self.recent, self.lost_before, self.quiet, self.events_off = None, None, [], self.lost, 0, None

    def resume(self, base: int, processed: int, started: int, lost: int) -> None:
        """The books as they were stored, so that what was lost while we did not run is noticed."""
        self.base, self.processed, self.lost = base, processed, lost
        self.lost_before = max(0, lost - max(0, processed - started - base))

    def heartbeat(self, processed: int, started: int, task_events: int, in_time: bool = True) -> None:
        """`started` and `task_events` count what was seen of this worker ever; `in_time` False if heartbeats before this one are missing.

        >>> account = Account()
        >>> for processed in (10, 15, 15, 15):
        ...     account.heartbeat(processed, started=2, task_events=2)
        >>> account.lost
        5
        """
        if self.processed is not None and processed < self.processed:
            self.restart()
        grown = self.processed is not None and processed > self.processed
        if task_events > self.task_events:
            self.quiet, self.events_off = 0, False
        elif grown and in_time:
            self.quiet += 1
        self.processed, self.task_events = processed, task_events
        missing = processed - started
        if self.quiet >= LASTING:
            self.events_off, self.base, self.recent = True, missing, []
            return
        self.base = missing if self.base is None else min(self.base, missing)
        self.recent = [*self.recent[-(LASTING - 1) :], missing]
        if len(self.recent) == LASTING:
            self.lost = max(self.lost, self.lost_before + max(0, min(self.recent) - self.base))
