"""How many consumers a queue has, as far as that is known at the moment of its depth; and since when it has none."""

from __future__ import annotations

from datetime import datetime

from brokers.stats import QueueStats
from brokers.store.memory import NUMBERS, BrokerMemory, QueueRow

_CONSUMERS, _UNACKNOWLEDGED = NUMBERS.index("consumers"), NUMBERS.index("unacknowledged")
_NOBODY_SINCE, _AT_LEAST = NUMBERS.index("nobody_consumes_since"), NUMBERS.index("nobody_since_at_least")


def consumers_counted(queue: QueueStats, row: QueueRow, memory: BrokerMemory, at: datetime) -> tuple[int | None, datetime | None, bool | None]:
    """(consumers, since when there is none, True if possibly earlier): before the first poll or a gap in the polls, that is unknown. All are None while
    messages were seen later than consumers were counted: one that came in between would be missing."""
    if queue.consumers != 0:
        row.nobody = row.alone_since = None
        return queue.consumers, None, None
    was, since = row.numbers[_CONSUMERS], row.numbers[_NOBODY_SINCE]
    if not memory.queues_unbroken:
        row.nobody, row.alone_since = (at, True), None
    elif row.nobody is None:
        row.nobody = (at, not was) if since is None else (since, row.numbers[_AT_LEAST])
    return (0, *row.nobody) if _is_counted(queue, row, memory, at) else (None, None, None)


def _is_counted(queue: QueueStats, row: QueueRow, memory: BrokerMemory, at: datetime) -> bool:
    """Whether that nobody consumes it was counted while it had these messages. Consumers come from another source than depths, or more rarely; and that
    more messages are unacknowledged than before shows that somebody took them."""
    if not queue.depth:
        row.alone_since = None
        return True
    if row.alone_since is None or (queue.unacknowledged or 0) > (row.numbers[_UNACKNOWLEDGED] or 0):
        row.alone_since = at
    return queue.counted_together or (memory.consumers_at is not None and memory.consumers_at >= row.alone_since)
