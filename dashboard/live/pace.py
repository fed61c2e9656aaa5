"""How many frames a browser may send: a bucket that fills by the second. Pure."""

from __future__ import annotations

FRAMES_PER_SECOND = 200.0
"""Far more than a page of a hundred busy topics sends: an acknowledgement for every fourth frame, and few questions."""
FRAMES_AT_ONCE = 1000.0


class Allowance:
    """`at` is in seconds of a clock that only goes on.

    >>> allowance = Allowance(per_second=1, at_once=2, at=0)
    >>> [allowance.take(at) for at in (0, 0, 0, 1, 1)]
    [True, True, False, True, False]
    """

    def __init__(self, per_second: float = FRAMES_PER_SECOND, at_once: float = FRAMES_AT_ONCE, at: float = 0.0) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._left, self._at = at_once, at

    def take(self, at: float) -> bool:
        """True if one more is allowed now."""
        self._left = min(self._at_once, self._left + (at - self._at) * self._per_second)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True
