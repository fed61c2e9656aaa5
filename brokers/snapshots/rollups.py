"""Rollups in the codec of frames: what each number was over an interval, in five columns a metric.

A rollup's frame has the version 2 and its interval as that of the poll; it counts for its own interval and no longer, so a frame that is missing is
an interval of which nothing is known. Its columns are, of each metric: the average (finer than the metric itself), how far the minimum is below and the
maximum above that average rounded down, the number in force at the interval's end as its distance from the same, and for how many tenths of a second the
number was known. What rests costs nothing in any of them. A number that was never known in the interval is None in all five. "depth", ready +
unacknowledged, has columns of its own, the first: its minimum can't be worked out from theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots.codes import Integers
from brokers.snapshots.frames import ROLLUP_VERSION, Frame, packed
from brokers.snapshots.metrics import METRICS, Metric
from brokers.snapshots.reading import Moment, columns_of

DEPTH = Metric("depth")
PARTS = 5
AVERAGE, BELOW, ABOVE, LAST, SECONDS = range(PARTS)
TENTHS = 10
_OF_NUMBERS = (AVERAGE, BELOW, ABOVE, SECONDS)
_DEPTH_OF = ("ready", "unacknowledged")
Floats = npt.NDArray[np.float64]


@cache
def rolled_metrics(kind: str) -> tuple[Metric, ...]:
    """The metrics that are rolled up, in the order of their columns.

    >>> [metric.name for metric in rolled_metrics("exchanges")], rolled_metrics("queues")[0].name
    (['publish_in_per_second', 'publish_out_per_second'], 'depth')
    """
    metrics = METRICS[kind]
    return (DEPTH, *metrics) if {metric.name for metric in metrics} >= set(_DEPTH_OF) else metrics


def finer(metric: Metric) -> int:
    """How many units of an average make one of the metric.

    >>> finer(Metric("ready")), finer(Metric("ack_per_second", 100)), finer(Metric("memory_bytes"))
    (100, 10, 1)
    """
    if metric.name.endswith("_bytes"):
        return 1
    return 100 if metric.scale == 1 else 10


@cache
def columns(kind: str) -> tuple[Metric, ...]:
    """Every column of a rollup's frame, with its scale."""
    return tuple(
        Metric(f"{metric.name} {part}", scale)
        for metric in rolled_metrics(kind)
        for part, scale in enumerate((metric.scale * finer(metric), metric.scale, metric.scale, metric.scale, TENTHS))
    )


def rolled_index(kind: str, name: str) -> int:
    """The place of a metric among those that are rolled up. Raises ValueError, with what is allowed."""
    names = [metric.name for metric in rolled_metrics(kind)]
    if name not in names:
        raise ValueError(f"unknown metric {name!r} of {kind}; allowed: {', '.join(names)}")
    return names.index(name)


def signed_codes(values: Integers, known: npt.NDArray[np.bool_]) -> Integers:
    """Codes of whole numbers, 0 where nothing is known."""
    return np.where(known, np.where(values >= 0, values + 1, values), 0)


def values_of(codes: Integers) -> Integers:
    """The whole numbers of codes; 0 where nothing is known."""
    return np.where(codes > 0, codes - 1, codes)


def with_depth(kind: str, codes: Integers) -> Integers:
    """`codes[metric, …]` of the metrics that are recorded as those of the ones that are rolled up."""
    metrics = METRICS[kind]
    if len(rolled_metrics(kind)) == len(metrics):
        return codes
    ready, unacknowledged = (codes[next(place for place, metric in enumerate(metrics) if metric.name == name)] for name in _DEPTH_OF)
    known = (ready != 0) & (unacknowledged != 0)
    return np.concatenate((signed_codes(values_of(ready) + values_of(unacknowledged), known)[None], codes))


class RollupEncoder:
    """Encodes the rollups of one kind and step, each as the differences to the previous one."""

    def __init__(self, kind: str) -> None:
        self._ids, self._codes = np.empty(0, np.int64), np.empty((len(columns(kind)), 0), np.int64)
        self._compressor = zstandard.ZstdCompressor(level=6)

    def encode(self, ids: Integers, codes: Integers, step_seconds: int, is_key: bool) -> bytes:
        """The frame of an interval in which these objects (ids ascending) were known, `codes[column, object]`."""
        if is_key:
            data = packed(ROLLUP_VERSION, ids, codes, step_seconds, True, self._compressor)
        else:
            every = np.union1d(self._ids, ids)
            differences = _placed(every, ids, codes) - _placed(every, self._ids, self._codes)
            moved = differences.any(axis=0)
            data = packed(ROLLUP_VERSION, every[moved], differences[:, moved], step_seconds, False, self._compressor)
        self._ids, self._codes = ids, codes
        return data


def _placed(every: Integers, ids: Integers, codes: Integers) -> Integers:
    found = np.zeros((len(codes), len(every)), np.int64)
    found[:, np.searchsorted(every, ids)] = codes
    return found


class RolledSeries(NamedTuple):
    """Numbers of some objects over rollups, each `[metric, object, rollup]`; NaN where nothing was known. `seconds`: for how long something was."""

    average: Floats
    minimum: Floats
    maximum: Floats
    seconds: Floats


def rolled_series(kind: str, frames: Iterable[bytes], ids: Sequence[int], metrics: Sequence[str]) -> RolledSeries:
    """Over these frames, which begin with a keyframe. Raises UnreadableSnapshot, and ValueError for a metric that the kind doesn't have."""
    return numbers_of(kind, metrics, columns_of(frames, ids, columns_for(kind, metrics)).codes)


def columns_for(kind: str, metrics: Sequence[str]) -> list[int]:
    """The columns of a rollup's frame from which `numbers_of` works out these metrics. Raises ValueError for one that the kind doesn't have."""
    return [PARTS * rolled_index(kind, name) + part for name in metrics for part in _OF_NUMBERS]


def numbers_of(kind: str, metrics: Sequence[str], codes: Integers) -> RolledSeries:
    """The numbers of the codes `[column, object, rollup]` of those columns."""
    places = [rolled_index(kind, name) for name in metrics]
    average, below, above, tenths = codes.reshape(len(places), len(_OF_NUMBERS), *codes.shape[1:]).swapaxes(0, 1)
    known = average != 0
    scale, fine = (_by_metric(kind, places, of) for of in (lambda metric: metric.scale, finer))
    base = values_of(average) // fine
    average, lowest, highest = (
        np.where(known, values / scale, np.nan) for values in (values_of(average) / fine, base - values_of(below), base + values_of(above))
    )
    return RolledSeries(average, lowest, highest, np.where(known, values_of(tenths) / TENTHS, 0.0))


def _by_metric(kind: str, places: Sequence[int], of: object) -> Integers:
    metrics = rolled_metrics(kind)
    return np.array([of(metrics[place]) for place in places], np.int64)[:, None, None]  # type: ignore[operator]


def moment_at_end(kind: str, frames: Iterable[bytes]) -> Moment:
    """What was in force at the end of the last of these rollups, which begin with a keyframe. Raises UnreadableSnapshot."""
    rolled, decompressor = Moment(columns(kind)), zstandard.ZstdDecompressor()
    for data in frames:
        rolled.apply(Frame(data, decompressor))
    return ending(kind, rolled.ids, rolled.codes[columns_at_end(kind)], rolled.every_seconds)


def columns_at_end(kind: str) -> list[int]:
    """The columns from which `ending` works out what was in force at the end of an interval."""
    return [PARTS * rolled_index(kind, metric.name) + part for metric in METRICS[kind] for part in (AVERAGE, LAST)]


def ending(kind: str, ids: Integers, codes: Integers, every_seconds: float) -> Moment:
    """What was in force at the end of an interval, from the codes `[column, object]` of those columns."""
    found = Moment(METRICS[kind])
    found.ids, found.every_seconds = ids, every_seconds
    found.codes = np.stack([_last(codes[2 * place], codes[2 * place + 1], finer(metric)) for place, metric in enumerate(METRICS[kind])])
    return found


def _last(average: Integers, last: Integers, fine: int) -> Integers:
    return signed_codes(values_of(average) // fine + values_of(last), last != 0)
