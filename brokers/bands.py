"""Average, minimum and maximum over the steps of a chart, from what each tier of history recorded.

Pure. A *span* is a time for which numbers are recorded: from one poll to the next, or the interval of a rollup. A step takes of each span what is within it:
of the average as much as of its time, of the extremes all. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brokers.snapshots.rollups import RolledSeries

Floats = npt.NDArray[np.float64]


class Spans(NamedTuple):
    """In order, none reaching into the next. Numbers are `[metric, object, span]`, NaN where nothing is known; `seconds`: for how long something was."""

    begins: Floats
    ends: Floats
    numbers: RolledSeries


class Bands(NamedTuple):
    """Numbers of each step, `[metric, object, step]`, NaN where nothing is known. `share` is how much of the step was recorded, from 0 to 1."""

    average: Floats
    minimum: Floats
    maximum: Floats
    share: Floats


def spans_of_numbers(recorded: Floats, holds: Floats, numbers: Floats) -> Spans:
    """Those of polls: `numbers[metric, object, poll]`, recorded at these times, each counting until the next one or for as long as it holds."""
    ends = np.minimum(np.append(recorded[1:], np.inf), recorded + holds)
    seconds = np.where(np.isnan(numbers), 0.0, ends - recorded)
    return Spans(recorded, ends, RolledSeries(numbers, numbers, numbers, seconds))


def spans_of_rollups(begins: Floats, step: float, numbers: RolledSeries) -> Spans:
    return Spans(begins, begins + step, numbers)


def clipped(spans: Spans, start: float, end: float) -> Spans:
    """What of them lies between these times; of a span that reaches over one, as much of what was known as of its time."""
    kept = (spans.ends > start) & (spans.begins < end)
    old_begins, old_ends = spans.begins[kept], spans.ends[kept]
    begins, ends = np.maximum(old_begins, start), np.minimum(old_ends, end)
    average, minimum, maximum, seconds = (part[..., kept] for part in spans.numbers)
    return Spans(begins, ends, RolledSeries(average, minimum, maximum, seconds * ((ends - begins) / np.maximum(old_ends - old_begins, 1e-9))))


def joined(parts: Sequence[Spans]) -> Spans:
    """Parts that follow each other, at least one."""
    begins, ends = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    return Spans(begins, ends, RolledSeries(*(np.concatenate([part.numbers[place] for part in parts], axis=-1) for place in range(4))))


def bands(spans: Spans, times: Floats, step: float) -> Bands:
    """For each of the times the numbers of the step that ends then."""
    average, minimum, maximum, seconds = spans.numbers
    weighted = np.where(seconds > 0, average, 0.0) * seconds
    known, total = (_until(spans, part, times) - _until(spans, part, times - step) for part in (seconds, weighted))
    first = np.searchsorted(spans.ends, times - step, side="right")
    after = np.searchsorted(spans.begins, times, side="left")
    is_known = (known > 1e-6) & (after > first)
    with np.errstate(divide="ignore", invalid="ignore"):
        averages = np.where(is_known, np.round(total / known, 6), np.nan)
    lowest = _extreme(np.minimum, np.where(seconds > 0, minimum, np.inf), first, after)
    highest = _extreme(np.maximum, np.where(seconds > 0, maximum, -np.inf), first, after)
    return Bands(averages, np.where(is_known, lowest, np.nan), np.where(is_known, highest, np.nan), np.clip(known / step, 0.0, 1.0))


def _until(spans: Spans, part: Floats, times: Floats) -> Floats:
    """The sum of a part of each span up to these times; of a span in which one lies, as much as of its time."""
    before = np.concatenate((np.zeros((*part.shape[:-1], 1)), np.cumsum(part, axis=-1)), axis=-1)
    if not len(spans.begins):
        return np.zeros((*part.shape[:-1], len(times)))
    places = np.searchsorted(spans.ends, times, side="right")
    within = np.minimum(places, len(spans.begins) - 1)
    share = np.clip((times - spans.begins[within]) / np.maximum(spans.ends - spans.begins, 1e-9)[within], 0.0, 1.0)
    return before[..., places] + np.where(places < len(spans.begins), share, 0.0) * part[..., within]


def _extreme(of: np.ufunc, part: Floats, first: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> Floats:
    """The least or greatest of the spans from `first` to before `after`, of each step; anything where there are none."""
    padded = np.concatenate((part, part[..., -1:] if part.shape[-1] else np.zeros((*part.shape[:-1], 1))), axis=-1)
    pairs = np.stack((np.minimum(first, part.shape[-1]), np.minimum(after, part.shape[-1])), axis=1).ravel()
    found: Floats = of.reduceat(padded, pairs, axis=-1)[..., ::2]
    return found
