"""When a queue of bounded length is full. Pure."""

from __future__ import annotations


def nearly(limit: int) -> int:
    """The depth from which a queue with consumers may be at its limit again and again: they have taken a few messages since.

    >>> [nearly(limit) for limit in (0, 1, 5, 1000)]
    [0, 0, 4, 900]
    """
    return max(0, limit - max(1, limit // 10))
