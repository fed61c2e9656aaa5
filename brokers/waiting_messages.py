"""How many messages wait in each virtual host, counted from one poll to the next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import compress
from operator import is_not
from typing import NamedTuple

from brokers.rates import complete_total
from brokers.stats import QueueStats

Depth = tuple[int | None, int | None]
"""(ready, unacknowledged)."""
STREAM = "stream"


class _Sum:
    """Of some queues. `unknown_…`: of how many the number is None."""

    __slots__ = ("queues", "ready", "unacknowledged", "unknown_ready", "unknown_unacknowledged")

    def __init__(self) -> None:
        self.queues = self.ready = self.unacknowledged = self.unknown_ready = self.unknown_unacknowledged = 0

    def add(self, queue: QueueStats, times: int) -> None:
        ready, unacknowledged = queue.ready, queue.unacknowledged
        self.queues += times
        if ready is None:
            self.unknown_ready += times
        else:
            self.ready += times * ready
        if unacknowledged is None:
            self.unknown_unacknowledged += times
        else:
            self.unacknowledged += times * unacknowledged


class Sums(NamedTuple):
    """`waiting` is what waits, by virtual host; `in_streams` what streams keep, which does not wait, of all of them, and None where there is no stream.
    A number is None once one queue's is unknown."""

    waiting: Mapping[str, Depth]
    in_streams: Depth | None

    @property
    def all_waiting(self) -> Depth:
        return complete_total([ready for ready, _ in self.waiting.values()]), complete_total([unacknowledged for _, unacknowledged in self.waiting.values()])


class WaitingMessages:
    """Adds up the queues of each poll. One that is the very object of the poll before is not looked at, so ten thousand cost what those cost that changed."""

    def __init__(self) -> None:
        self._queues: list[QueueStats] = []
        self._sums: dict[tuple[str, bool], _Sum] = {}

    def count(self, queues: Collection[QueueStats]) -> Sums:
        was, now = self._queues, list(queues)
        self._queues = now
        if len(was) == len(now):
            differ = list(map(is_not, was, now))
            for queue in compress(was, differ):
                self._add(queue, -1)
            added = list(compress(now, differ))
        else:
            self._sums, added = {}, now
        for queue in added:
            self._add(queue, 1)
        self._sums = {key: found for key, found in self._sums.items() if found.queues}
        streams = [_depth(found) for (_, is_stream), found in self._sums.items() if is_stream]
        return Sums(
            {vhost: _depth(found) for (vhost, is_stream), found in self._sums.items() if not is_stream},
            (complete_total([ready for ready, _ in streams]), complete_total([unacknowledged for _, unacknowledged in streams])) if streams else None,
        )

    def _add(self, queue: QueueStats, times: int) -> None:
        key = (queue.vhost, queue.type == STREAM)
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = _Sum()
        found.add(queue, times)


def _depth(found: _Sum) -> Depth:
    return None if found.unknown_ready else found.ready, None if found.unknown_unacknowledged else found.unacknowledged
