"""Whether every answer of every tier is what the generator had: polls, minutes, ten minutes, past moments, and what a chart gets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

POLL_SECONDS = 5
AT_ONCE, CHARTS, MOMENTS = 1000, 20, 12
"""So many queues are compared at a time; so many charts and past moments are read."""
Part = npt.NDArray[Any]


def compared(broker: int, truth: npt.NDArray[np.float32], start: datetime) -> tuple[int, int]:
    """(how many numbers differ, of how many); `truth[metric, poll, queue]` of the queues from 1 on, `start` a multiple of ten minutes."""
    from brokers.queries.spans import spans
    from brokers.snapshots import METRICS
    from brokers.tiers import TIERS, Part

    names = [metric.name for metric in METRICS["queues"]]
    close = np.array([0.51 if name.endswith("_bytes") else 0.006 for name in names])[:, None, None]  # to which averages are rounded
    wrong = of = 0
    for tier in TIERS:
        size = tier // POLL_SECONDS
        count = truth.shape[1] // size
        if not count:
            continue
        for first in range(0, truth.shape[2], AT_ONCE):
            part = truth[:, : count * size, first : first + AT_ONCE]
            parts = part.reshape(len(names), count, size, part.shape[2])
            end = start.timestamp() + count * tier
            ids = list(range(first + 1, first + 1 + part.shape[2]))
            found = spans(broker, "queues", ids, names, [Part(tier, start.timestamp(), end)]).numbers
            expected = (parts.mean(axis=2, dtype=np.float64), parts.min(axis=2), parts.max(axis=2))
            for ours, theirs in zip((found.average, found.minimum, found.maximum), expected, strict=True):
                is_as_long = ours.shape[-1] == count
                wrong += int((~(np.abs(ours.swapaxes(1, 2) - theirs) <= close)).sum()) if is_as_long else theirs.size
                of += theirs.size
    return _added((wrong, of), _moments(broker, truth, start, names), _charts(broker, truth, start, names))


def _moments(broker: int, truth: npt.NDArray[np.float32], start: datetime, names: list[str]) -> tuple[int, int]:
    """Of all queues at some past moments between polls."""
    from brokers.queries.frames import moment

    wrong = of = 0
    for poll in np.linspace(0, truth.shape[1] - 1, MOMENTS).astype(int).tolist():
        then = moment(broker, "queues", start + timedelta(seconds=POLL_SECONDS * poll + 2))
        for metric, name in enumerate(names):
            known = {} if then is None else then[1].column(name)
            numbers = np.array([known.get(queue, np.nan) for queue in range(1, truth.shape[2] + 1)], np.float64)
            wrong, of = wrong + _differing(numbers, truth[metric, poll]), of + len(numbers)
    return wrong, of


def _charts(broker: int, truth: npt.NDArray[np.float32], start: datetime, names: list[str]) -> tuple[int, int]:
    """Of some queues poll by poll, as charts read them."""
    from brokers import queries
    from brokers.scope import EVERYTHING

    wrong = of = 0
    end = start + timedelta(seconds=POLL_SECONDS * (truth.shape[1] - 1))
    read: Callable[[int], Any] = lambda queue: queries.history(EVERYTHING, broker, "queues", queue, names, start, end, POLL_SECONDS).values  # noqa: E731
    for place in np.linspace(0, truth.shape[2] - 1, CHARTS).astype(int).tolist():
        values = read(place + 1)
        for metric, name in enumerate(names):
            wrong, of = wrong + _differing(np.array(values[name], np.float64), truth[metric, :, place]), of + truth.shape[1]
    return wrong, of


def _differing(ours: Part, theirs: Part) -> int:
    return int((~(np.abs(ours - theirs) <= 0.001)).sum())


def _added(*found: tuple[int, int]) -> tuple[int, int]:
    return sum(wrong for wrong, _ in found), sum(of for _, of in found)
