"""How many consumers a queue has, as far as that is known at the moment of its depth; and since when it has none."""

from __future__ import annotations

from datetime import datetime

from brokers.stats import QueueStats
from brokers.store.memory import NUMBERS, BrokerMemory, QueueRow

_CONSUMERS, _UNACKNOWLEDGED = NUMBERS.index("consumers"), NUMBERS.index("unacknowledged")
_NOBODY_SINCE, _AT_LEAST = NUMBERS.index("nobody_consumes_since"), NUMBERS.index("nobody_since_at_least")


def consumers_counted(queue: QueueStats, row: QueueRow, memory: BrokerMemory, at: datetime) -> tuple[int | None, datetime | None, bool | None]:
    """(consumers, since when there is none, True if possibly earlier): before the first poll or a gap in the polls, that is unknown. While messages were seen
    later than consumers were counted, how many there are is None: one that came in between would be missing. Then "since when" shows that there was none as
    of the poll's `consumers_at`; it is None too where that moment is unknown, or somebody took messages since."""
    if queue.consumers != 0:
        row.nobody = row.alone_since = row.taken_at = None
        return queue.consumers, None, None
    was, since = row.numbers[_CONSUMERS], row.numbers[_NOBODY_SINCE]
    if not memory.queues_unbroken:
        row.nobody, row.alone_since = (at, True), None
    elif row.nobody is None:
        row.nobody = (at, not was) if since is None else (since, row.numbers[_AT_LEAST])
    if _is_counted(queue, row, memory, at):
        return (0, *row.nobody)
    taken = memory.consumers_at is None or (row.taken_at is not None and row.taken_at > memory.consumers_at)
    return (None, None, None) if taken else (None, *row.nobody)


def _is_counted(queue: QueueStats, row: QueueRow, memory: BrokerMemory, at: datetime) -> bool:
    """Whether that nobody consumes it was counted while it had these messages. Consumers come from another source than depths, or more rarely; and that
    more messages are unacknowledged than before shows that somebody took them."""
    if not queue.depth:
        row.alone_since = row.taken_at = None
        return True
    if (queue.unacknowledged or 0) > (row.numbers[_UNACKNOWLEDGED] or 0):
        row.alone_since = row.taken_at = at
    elif row.alone_since is None:
        row.alone_since = at
    return queue.counted_together or (memory.consumers_at is not None and memory.consumers_at >= row.alone_since)
