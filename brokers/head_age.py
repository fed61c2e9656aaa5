"""When the message at the head of a queue arrived, estimated from what went in and out, for queues whose publishers set no timestamp.

Pure. In a queue that is first in, first out, the head arrived when the messages behind it had not: so many arrivals ago as there are ready messages. What
arrived is what was published, or more where dead letters arrive, which RabbitMQ does not count: then depth and acknowledgements show it.
"""

from __future__ import annotations

MOST_MARKS = 16
STEP_SECONDS = 5
"""The answer is a multiple of it, so that a steady queue does not change with every poll."""


class HeadAge:
    """Follows one queue. `moment`: seconds of a clock that goes forward. Of a backlog that was there at the first reading the age is unknown."""

    __slots__ = ("_acknowledged", "_arrived", "_depth", "_marks", "_published")

    def __init__(self, moment: float, depth: int, published: int, acknowledged: int) -> None:
        self._depth, self._published, self._acknowledged = depth, published, acknowledged
        self._arrived = 0
        self._marks = [(moment, 0)]  # (moment, how many had arrived by then), both ascending

    def stood_still(self, moment: float) -> None:
        """Nothing arrived until this moment, since the last reading."""
        marks = self._marks
        if len(marks) > 1 and marks[-2][1] == marks[-1][1]:
            marks[-1] = (moment, self._arrived)
        elif moment > marks[-1][0]:
            marks.append((moment, self._arrived))

    def read(self, moment: float, ready: int, depth: int, published: int, acknowledged: int) -> int | None:
        """The moment at which the head arrived; None without one, or while that is unknown. `published` and `acknowledged` are counters of the broker."""
        came, left = published - self._published, acknowledged - self._acknowledged
        if came < 0 or left < 0:  # the counters began anew
            self.__init__(moment, depth, published, acknowledged)  # type: ignore[misc]
            return None
        arrived = max(came, depth - self._depth + left)
        self._depth, self._published, self._acknowledged = depth, published, acknowledged
        marks = self._marks
        if arrived <= 0:
            self.stood_still(moment)
        else:
            self._arrived += arrived
            marks.append((moment, self._arrived))
        behind = self._arrived - ready
        if ready <= 0:
            del marks[:-1]
            return None
        if marks[0][1] > behind:  # it was there before the first reading
            return None
        while len(marks) > 2 and marks[1][1] <= behind:
            del marks[0]
        if len(marks) > MOST_MARKS:
            del marks[2:-2:2]
        (began, was), (ended, then) = marks[0], marks[1] if len(marks) > 1 else marks[0]
        share = (behind - was) / (then - was) if then > was else 0.0
        return int(began + share * (ended - began)) // STEP_SECONDS * STEP_SECONDS
