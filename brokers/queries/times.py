"""The moments for which a chart or a sparkline has numbers."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from itertools import accumulate, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brokers.clock import microseconds


class Times(NamedTuple):
    """Moments at one distance (in seconds; 0 of a single one), and the same in seconds since 1970."""

    moments: list[datetime]
    seconds: npt.NDArray[np.float64]
    step: float


def times_from(start: datetime, step: float, count: int) -> Times:
    """So many, at least one."""
    whole = round(step * 1_000_000)
    if whole != step * 1_000_000:
        return times_of([start + timedelta(seconds=step * index) for index in range(count)])
    moments = list(accumulate(repeat(timedelta(microseconds=whole), count - 1), operator.add, initial=start))
    return Times(moments, (microseconds(start) + whole * np.arange(count)) / 1_000_000, step if count > 1 else 0.0)


def times_of(moments: list[datetime]) -> Times:
    step = (moments[1] - moments[0]).total_seconds() if len(moments) > 1 else 0.0
    return Times(moments, np.array([at.timestamp() for at in moments]), step)
