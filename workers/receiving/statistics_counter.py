"""Counts a virtual host's events by minute, task name and queue, until they are stored with the tasks that they changed. Pure.

Only events that were new to their task are noted. They are counted once it is known in which queue the task is.
"""

from __future__ import annotations

from workers.receiving.events import Event
from workers.receiving.task_order import FAILED, LATEST_TIMESTAMP, RANKS, RETRIED, STARTED, SUCCEEDED
from workers.receiving.task_state import TaskRecord
from workers.task_statistics import DAY, MINUTE, Counted, Key, nothing
from workers.task_times import ready

OLDEST_SECONDS = 1.9 * DAY  # minutes are kept for two days: an event that claims to be older counts as of now


Moments = tuple[float | None, float | None, float | None]


class StatisticsCounter:
    """`note` each event that is new, `count` before a batch is stored, `clear` once it is committed."""

    def __init__(self) -> None:
        self.counts: dict[Key, Counted] = {}
        self._noted: list[tuple[TaskRecord, int, float, float | None, Moments | None]] = []

    def note(self, record: TaskRecord, event: Event, received_at: float, ahead: float) -> None:
        """As `task_state.apply` takes them."""
        timestamp = event.timestamp
        at = received_at
        if timestamp is not None and 0 < timestamp < LATEST_TIMESTAMP:
            at = min(timestamp - ahead, received_at)
            if received_at - at > OLDEST_SECONDS:
                at = received_at
        rank = RANKS[event.type]
        self._noted.append((record, rank, at, event.runtime, _before_start(record, at) if rank == STARTED else None))

    def count(self) -> dict[Key, Counted]:
        """All that is not stored yet."""
        counts, noted, self._noted = self.counts, self._noted, []
        for record, rank, at, runtime, before in noted:
            found = record.found
            names = () if found is None else found.names
            key = (int(at) // MINUTE * MINUTE, record.name or "", names[0] if len(names) == 1 else "")
            counted = counts.get(key)  # type: ignore[call-overload]  # equal to a Key, and made in half the time
            if counted is None:
                counted = counts[Key(*key)] = nothing()
            counted.events[rank] += 1
            if before is not None:
                sent_at, received_at, eta = before
                unseen = received_at is None  # its receipt may have come later, as its sending often does
                since = ready(sent_at or record.sent_at, received_at or record.received_at, record.eta if unseen else eta)
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


def _before_start(record: TaskRecord, at: float) -> Moments:
    """(sent_at, received_at, eta) of the try that started then. Later ones may be known by the time that it is counted.

    A try after the first was sent when the one before was retried.
    """
    sent_at = record.sent_at
    if record.retries or len(record.moments) > 3:
        for moment in record.moments:
            if moment.rank == RETRIED and moment.at <= at:
                sent_at = moment.at
    return sent_at, record.received_at, record.eta
