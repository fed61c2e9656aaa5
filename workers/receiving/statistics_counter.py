"""Counts a virtual host's events by minute, task name and queue, until they are stored with the tasks that they changed. Pure.

Only events that were new to their task are noted. They are counted once it is known in which queue the task is.
"""

from __future__ import annotations

from workers.receiving.events import Event
from workers.receiving.task_order import FAILED, LATEST_TIMESTAMP, RANKS, STARTED, SUCCEEDED
from workers.receiving.task_state import TaskRecord
from workers.task_statistics import DAY, MINUTE, Counted, Key, nothing
from workers.task_times import ready

OLDEST_SECONDS = 1.9 * DAY  # minutes are kept for two days: an event that claims to be older counts as of now


class StatisticsCounter:
    """`note` each event that is new, `count` before a batch is stored, `clear` once it is committed."""

    def __init__(self) -> None:
        self.counts: dict[Key, Counted] = {}
        self._noted: list[tuple[TaskRecord, int, float, float | None]] = []

    def note(self, record: TaskRecord, event: Event, received_at: float, ahead: float) -> None:
        """As `task_state.apply` takes them."""
        timestamp = event.timestamp
        at = received_at
        if timestamp is not None and 0 < timestamp < LATEST_TIMESTAMP:
            at = min(timestamp - ahead, received_at)
            if received_at - at > OLDEST_SECONDS:
                at = received_at
        self._noted.append((record, RANKS[event.type], at, event.runtime))

    def count(self) -> dict[Key, Counted]:
        """All that is not stored yet."""
        counts, noted, self._noted = self.counts, self._noted, []
        for record, rank, at, runtime in noted:
            found = record.found
            names = () if found is None else found.names
            key = (int(at) // MINUTE * MINUTE, record.name or "", names[0] if len(names) == 1 else "")
            counted = counts.get(key)  # type: ignore[call-overload]  # equal to a Key, and made in half the time
            if counted is None:
                counted = counts[Key(*key)] = nothing()
            counted.events[rank] += 1
            if rank == STARTED:
                since = ready(record.sent_at, record.received_at, record.eta)
                if since is not None:
                    counted.waits.add(at - since)
            elif rank == SUCCEEDED:
                if runtime is not None:
                    counted.runtimes.add(runtime)
            elif rank == FAILED and record.started_at is not None and record.started_at <= at:
                counted.runtimes.add(at - record.started_at)
        return counts

    def clear(self) -> None:
        self.counts = {}
