"""Hours of queues' numbers in few bytes, and what is usual learned from them.

Pure. An hour has of each queue and metric the median and the median distance from it, over the keyframes of that hour, one in five minutes. What is usual
now is the median over the same hour of the week in the last weeks where enough of it is known, or else over all of the last hours.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots import METRICS as SNAPSHOT_METRICS
from brokers.snapshots import Frame, metric_index
from brokers.usuals import METRICS, QueueUsuals, Usual

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
WEEKS, FEWEST_WEEKS = 5, 3
HOURS, FEWEST_HOURS = 72, 6
LONGEST_SECONDS = 450.0
"""Keyframes that are further apart have a gap between them, over which nothing is known to grow."""


class Numbers(NamedTuple):
    """`values[metric, what, queue]`, the queues by their keys, ascending. Of an hour `what` is median and mad; NaN where nothing is known."""

    ids: Integers
    values: Floats


def encode(numbers: Numbers) -> bytes:
    distances = np.diff(numbers.ids, prepend=0).astype("<i8")
    planes = numbers.values.astype("<f4")
    return zstandard.ZstdCompressor(level=6).compress(
        bytes([planes.shape[1]]) + len(numbers.ids).to_bytes(4, "little") + distances.tobytes() + planes.tobytes()
    )


def decode(data: bytes) -> Numbers:
    """Raises ValueError for bytes that it did not make."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(data)
        width, count = plain[0], int.from_bytes(plain[1:5], "little")
        ids = np.cumsum(np.frombuffer(plain, "<i8", count, 5))
        return Numbers(ids, np.frombuffer(plain, "<f4", len(METRICS) * width * count, 5 + 8 * count).reshape(len(METRICS), width, count))
    except (zstandard.ZstdError, IndexError, ValueError) as error:
        raise ValueError(f"damaged usual numbers: {error}") from error


def hour_of(keyframes: Iterable[tuple[datetime, bytes]]) -> Numbers:
    """The numbers of an hour from its keyframes of kind "queues", the oldest first. Raises UnreadableSnapshot."""
    decompressor = zstandard.ZstdDecompressor()
    frames = [(at.timestamp(), frame) for at, data in keyframes if not (frame := Frame(data, decompressor)).is_gap]
    if not frames:
        return Numbers(np.empty(0, np.int64), np.empty((len(METRICS), 2, 0), np.float32))
    ids = np.unique(np.concatenate([frame.ids for _, frame in frames]))
    ready, held, consumers, published, acknowledged = (
        _aligned(frames, ids, name) for name in ("ready", "unacknowledged", "consumers", "publish_per_second", "ack_per_second")
    )
    depth = ready + held
    seconds = np.diff([at for at, _ in frames])
    growth = np.full_like(depth, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth[1:] = np.diff(depth, axis=0) / seconds[:, None]
        growth[1:][(seconds > LONGEST_SECONDS) | (seconds <= 0)] = np.nan
        coming = np.fmax(published, np.where(np.isnan(growth), 0, growth) + np.where(np.isnan(acknowledged), 0, acknowledged))
        oldest = np.where(ready == 0, 0.0, np.where(coming > 0, ready / coming, np.nan))
    return Numbers(ids, np.stack([_median_and_mad(each) for each in (depth, growth, consumers, oldest)]).astype(np.float32))


def _aligned(frames: Sequence[tuple[float, Frame]], ids: Integers, name: str) -> npt.NDArray[np.float64]:
    """A metric as [frame, queue]."""
    index = metric_index("queues", name)
    scale = SNAPSHOT_METRICS["queues"][index].scale
    found = np.full((len(frames), len(ids)), np.nan)
    for row, (_, frame) in enumerate(frames):
        codes = frame.column(index) if frame.is_moved(index) else np.zeros(len(frame.ids), np.int64)
        found[row, np.searchsorted(ids, frame.ids)] = np.where(codes > 0, (codes - 1) / scale, np.nan)
    return found


def _median_and_mad(values: npt.NDArray[np.float64] | Floats) -> npt.NDArray[np.float64]:
    """[median and mad, queue] of [moment, queue]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all of it is NaN
        median = np.asarray(np.nanmedian(values, axis=0), np.float64)
        return np.stack([median, np.nanmedian(np.abs(values - median), axis=0)])


def learned(hours: Mapping[datetime, Numbers], hour: datetime) -> Numbers:
    """What is usual in the hour that begins then; `what` is median, mad, samples and weeks."""
    same = [hours[at] for week in range(1, WEEKS + 1) if (at := hour - week * WEEK) in hours]
    lately = [numbers for at, numbers in hours.items() if hour - HOURS * HOUR <= at < hour]
    ids = np.unique(np.concatenate([np.empty(0, np.int64), *(numbers.ids for numbers in (*same, *lately))]))
    found = np.full((len(METRICS), 4, len(ids)), np.nan, np.float32)
    for index in range(len(METRICS)):
        for numbers, fewest, is_week in ((lately, FEWEST_HOURS, False), (same, FEWEST_WEEKS, True)):
            if len(numbers) >= fewest:
                _learn(found[index], numbers, ids, index, fewest, is_week)
    known = ~np.isnan(found[:, 0]).all(axis=0)
    return Numbers(ids[known], found[:, :, known])


def _learn(into: Floats, hours: Sequence[Numbers], ids: Integers, index: int, fewest: int, is_week: bool) -> None:
    """Writes median, mad, samples and weeks of the queues of which enough is known."""
    medians, spreads = (np.full((len(hours), len(ids)), np.nan, np.float32) for _ in range(2))
    for row, numbers in enumerate(hours):
        places = np.searchsorted(ids, numbers.ids)
        medians[row, places], spreads[row, places] = numbers.values[index]
    samples = (~np.isnan(medians)).sum(axis=0)
    median, across = _median_and_mad(medians)
    within = _median_and_mad(spreads)[0]
    enough = samples >= fewest
    into[:, enough] = np.stack([median, np.fmax(across, within), samples, samples if is_week else np.zeros_like(samples)])[:, enough]


def usuals_of(numbers: Numbers, keys: Sequence[int]) -> dict[int, QueueUsuals]:
    """What is usual of some queues by their keys; those of which nothing is known are left out."""
    wanted = np.array(sorted(keys), np.int64)
    places = np.searchsorted(numbers.ids, wanted)
    found: dict[int, QueueUsuals] = {}
    for key, place in zip(wanted.tolist(), places.tolist(), strict=True):
        if place == len(numbers.ids) or numbers.ids[place] != key:
            continue
        usuals = {}
        for index, metric in enumerate(METRICS):
            median, mad, samples, weeks = numbers.values[index, :, place].tolist()
            if median == median:  # not NaN
                usuals[metric] = Usual(round(median, 4), round(mad, 4), int(samples), int(weeks), 0 if weeks else int(samples))
        found[key] = usuals
    return found
