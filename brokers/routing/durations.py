"""Durations of queues and messages in words. Pure."""

from __future__ import annotations


def lasting(milliseconds: int) -> str:
    """A duration without rounding, in the largest unit that divides it.

    >>> lasting(21_600_000), lasting(90_000), lasting(1500)
    ('6 h', '90 s', '1,500 ms')
    """
    sizes = (("h", 3_600_000), ("min", 60_000), ("s", 1000))
    unit, size = next(((unit, size) for unit, size in sizes if milliseconds and milliseconds % size == 0), ("ms", 1))
    return f"{milliseconds // size:,} {unit}"
