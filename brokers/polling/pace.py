"""How often a broker is polled: the interval as configured, unless a poll costs the broker more than its share of the time.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

SHARE = 0.2
"""The broker may spend at most this part of the time on answering us."""

LONGEST_SECONDS = 300.0


def interval_seconds(configured: float, recent: Sequence[float]) -> float:
    """The interval in force, after polls that kept the broker busy for `recent` seconds. Their median counts, so that one slow poll doesn't.

    >>> interval_seconds(5, [0.1, 0.1, 4.0]), interval_seconds(5, [2.3, 2.4, 2.5]), interval_seconds(5, [])
    (5, 12.0, 5)
    """
    typical = median(recent) if recent else 0.0
    return configured if typical <= SHARE * configured else max(configured, min(float(math.ceil(typical / SHARE)), LONGEST_SECONDS))


def longer_because(configured: float, recent: Sequence[float]) -> str:
    """Why the interval is longer than configured, in words; "" if it is not.

    >>> longer_because(5, [2.4])
    'polled every 12 s instead of 5 s: a poll keeps the broker busy for 2.4 s, and may for a fifth of the time'
    """
    interval = interval_seconds(configured, recent)
    if interval <= configured:
        return ""
    return f"polled every {interval:g} s instead of {configured:g} s: a poll keeps the broker busy for {median(recent):.1f} s, and may for a fifth of the time"
