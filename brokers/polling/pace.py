"""How often a broker is polled: the configured interval, unless a poll costs the broker more than its share of time.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

SHARE = 0.2
"""The broker may spend at most this fraction of its time on polls."""

LONGEST_SECONDS = 300.0


def interval_seconds(configured: float, recent: Sequence[float]) -> float:
    """The interval in force, after polls that kept the broker busy for `recent` seconds. Their median counts, so that one slow poll doesn't.

    >>> interval_seconds(5, [0.1, 0.1, 4.0]), interval_seconds(5, [2.3, 2.4, 2.5]), interval_seconds(5, [])
    (5, 12.0, 5)
    """
    typical = median(recent) if recent else 0.0
    return configured if typical <= SHARE * configured else max(configured, min(float(math.ceil(typical / SHARE)), LONGEST_SECONDS))


def longer_because(configured: float, recent: Sequence[float]) -> str:
    """Why the interval is longer than configured, as text; "" if it is not.

    >>> longer_because(5, [2.4])
    'polling slowed from 5 s to 12 s: one poll takes the broker 2.4 s, and Hareline uses at most 20 % of its time'
    """
    interval = interval_seconds(configured, recent)
    if interval <= configured:
        return ""
    cost = f"one poll takes the broker {median(recent):.1f} s, and Hareline uses at most {100 * SHARE:.0f} % of its time"
    return f"polling slowed from {configured:g} s to {interval:g} s: {cost}"
