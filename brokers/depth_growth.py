"""How fast a queue's depth changes, from the depths that were seen.

Pure. Publishing less acknowledging is not it: RabbitMQ counts no dead letters as published, nor what expires or is dropped as gone. A depth also moves up and
down while it stands still on the whole, so a change counts only beyond twice the square root of what was published meanwhile, and one message.
"""

from __future__ import annotations

from math import sqrt

SHORT_SECONDS, LONG_SECONDS = 30.0, 150.0
"""A change is that since a depth seen one to two of these ago: the short one for what is fast, the long one for what is slow and still goes on."""
GOES_ON = 0.3
"""What is slow goes on if the short change is so much of what the long one lets expect: else it came with a burst, and the depth has been steady since."""
FIRST_SECONDS = 10.0
FEWEST = 2


class DepthGrowth:
    """Follows one depth. `moment`: seconds of a clock that goes forward."""

    __slots__ = ("_began", "_long", "_short")

    def __init__(self, moment: float, depth: int) -> None:
        self._began = moment
        self._short = self._long = ((moment, depth), (moment, depth))

    def stood_still(self, moment: float, depth: int) -> None:
        """The depth was the same until this moment, since the last reading."""
        if moment - self._short[1][0] >= SHORT_SECONDS:
            self._short = ((max(self._began, moment - SHORT_SECONDS), depth),) * 2
        if moment - self._long[1][0] >= LONG_SECONDS:
            self._long = ((max(self._began, moment - LONG_SECONDS), depth),) * 2

    def read(self, moment: float, depth: int, published_per_second: float | None) -> float | None:
        """The change a second after a reading, 0.0 for none that counts; None while it has not been followed for FIRST_SECONDS."""
        (began, was), (long_began, long_was) = self._short[0], self._long[0]
        self._short, self._long = _turned(self._short, moment, depth, SHORT_SECONDS), _turned(self._long, moment, depth, LONG_SECONDS)
        seconds, long_seconds = moment - began, moment - long_began
        if seconds < FIRST_SECONDS:
            return None
        change, long_change, flow = depth - was, depth - long_was, published_per_second or 0.0
        least = _least(flow * seconds)
        if abs(change) >= least:
            return round(change / seconds, 3)
        if abs(long_change) < _least(flow * long_seconds) or change / long_change < GOES_ON * seconds / long_seconds:
            return 0.0
        slow = min(abs(long_change) / long_seconds, least / seconds)
        return round(slow if change > 0 else -slow, 3)


def _least(published: float) -> float:
    return max(FEWEST, 2 * sqrt(published))


Marks = tuple[tuple[float, int], tuple[float, int]]


def _turned(marks: Marks, moment: float, depth: int, span: float) -> Marks:
    return (marks[1], (moment, depth)) if moment - marks[1][0] >= span else marks
