"""Tasks that come regularly though no schedule of them is known, as by cron, another scheduler, or a beat whose workers have remote control off. Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from datetime import datetime, timedelta

LEAST_RUNS = 10
LEAST_SPAN = timedelta(minutes=10)
"""What a person sends in a loop is over sooner."""
LEAST_PERIOD = timedelta(seconds=5)
REGULAR = 0.9
"""So many of the gaps between runs are as long as the one in the middle, within a tenth of it. Of gaps by chance about a fourteenth are."""
FORGOTTEN_AFTER = 10
"""Periods without a run, at least an hour: then it is no longer expected."""


def observed_period(moments: Iterable[datetime], now: datetime) -> timedelta | None:
    """In whole seconds, how far apart these runs are; None where they are too few, irregular, or over.

    >>> start = datetime(2026, 11, 30)
    >>> observed_period([start + timedelta(seconds=60.2 * number) for number in range(12)], start + timedelta(minutes=12))
    datetime.timedelta(seconds=60)
    """
    runs = sorted(moments)
    if len(runs) < LEAST_RUNS or runs[-1] - runs[0] < LEAST_SPAN:
        return None
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(runs)]
    middle = statistics.median(gaps)
    regular = [gap for gap in gaps if abs(gap - middle) <= middle / 10]
    apart = timedelta(seconds=round(statistics.fmean(regular or gaps)))
    is_over = now - runs[-1] > max(FORGOTTEN_AFTER * apart, timedelta(hours=1))
    return None if apart < LEAST_PERIOD or len(regular) < REGULAR * len(gaps) or is_over else apart
