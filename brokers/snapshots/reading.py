"""Frames read back, one after the other: all objects at one moment, or some objects over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots.codes import Integers, numbers
from brokers.snapshots.frames import Frame
from brokers.snapshots.metrics import METRICS, Metric, metric_index


class Moment:
    """The codes of all objects at one moment: `ids` ascending, `codes[metric, object]`."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self.every_seconds = 0.0  # so often a moment was recorded, by the last frame
        self.ids: Integers = np.empty(0, np.int64)
        self.codes: Integers = np.empty((len(self.metrics), 0), np.int64)

    def places(self, ids: Integers) -> Integers:
        """The columns of these ids (ascending); those that were missing are made, all None."""
        places = np.searchsorted(self.ids, ids)
        missing = ids[(places == len(self.ids)) | (self.ids[np.minimum(places, len(self.ids) - 1)] != ids)] if len(self.ids) else ids
        if len(missing):
            where = np.searchsorted(self.ids, missing)
            self.ids = np.insert(self.ids, where, missing)
            self.codes = np.insert(self.codes, where, 0, axis=1)
            places = np.searchsorted(self.ids, ids)
        return places

    def apply(self, frame: Frame) -> None:
        """Advances to the next frame."""
        self.every_seconds = frame.interval_seconds
        if frame.is_key:
            self.ids, self.codes = frame.ids, np.zeros((len(self.metrics), len(frame.ids)), np.int64)
            for index in range(frame.metrics):
                self.codes[index] = frame.column(index)
            return
        places = self.places(frame.ids)
        for index in range(frame.metrics):
            if frame.is_moved(index):
                self.codes[index, places] += frame.column(index)

    def column(self, name: str) -> dict[int, float | None]:
        """{primary key: number} of one metric, for the objects with known values."""
        index = next(place for place, metric in enumerate(self.metrics) if metric.name == name)
        return dict(zip(self.ids.tolist(), numbers(self.codes[index], self.metrics[index]), strict=True))


def moment_of(kind: str, frames: Iterable[bytes]) -> Moment:
    """The moment of the last of these frames, which begin with a keyframe. Raises UnreadableSnapshot."""
    moment, decompressor = Moment(METRICS[kind]), zstandard.ZstdDecompressor()
    for data in frames:
        moment.apply(Frame(data, decompressor))
    return moment


class Series(NamedTuple):
    """The codes of some objects over some frames: `codes[metric, object, frame]`, `intervals[frame]` (seconds), `gaps[frame]` (True: nothing known)."""

    codes: Integers
    intervals: npt.NDArray[np.float64]
    gaps: npt.NDArray[np.bool_]


def series_of(kind: str, frames: Iterable[bytes | Frame], ids: Sequence[int], metrics: Sequence[str]) -> Series:
    """The values of these objects over the frames, which begin with a keyframe. An object that is not in them is None (code 0) throughout.

    Raises UnreadableSnapshot, and ValueError for a metric that the kind doesn't have.
    """
    return columns_of(frames, ids, [metric_index(kind, name) for name in metrics])


def columns_of(frames: Iterable[bytes | Frame], ids: Sequence[int], columns: Sequence[int]) -> Series:
    """The same of columns by their places in the frames. Raises UnreadableSnapshot."""
    if len(ids) == 1:
        return _columns_of_one(frames, ids[0], columns)
    wanted, decompressor = np.array(ids, np.int64), zstandard.ZstdDecompressor()
    now = np.zeros((len(columns), len(wanted)), np.int64)
    codes: list[Integers] = []
    read: list[tuple[float, bool]] = []
    for data in frames:
        frame = data if isinstance(data, Frame) else Frame(data, decompressor)
        if frame.is_key:
            now[:] = 0
        _advance(now, frame, columns, wanted)
        codes.append(now.copy())
        read.append((frame.interval_seconds, frame.is_gap))
    stacked = np.stack(codes, axis=-1) if codes else np.zeros((*now.shape, 0), np.int64)
    return Series(stacked, np.array([seconds for seconds, _ in read]), np.array([gap for _, gap in read], np.bool_))


def _columns_of_one(frames: Iterable[bytes | Frame], identifier: int, columns: Sequence[int]) -> Series:
    decompressor, rows = zstandard.ZstdDecompressor(), list(enumerate(columns))
    now = [0] * len(columns)
    codes: list[list[int]] = []
    intervals: list[float] = []
    gaps: list[bool] = []
    for data in frames:
        frame = data if isinstance(data, Frame) else Frame(data, decompressor)
        if frame.is_key:
            now = [0] * len(columns)
        place = frame.place_of(identifier)
        if place is not None:
            for row, column in rows:
                if frame.is_moved(column):
                    now[row] += frame.one(column, place)
        codes.append(now.copy())
        intervals.append(frame.interval_seconds)
        gaps.append(frame.is_gap)
    numbers_of = np.array(codes, np.int64).reshape(len(codes), len(columns))
    return Series(np.ascontiguousarray(numbers_of.T)[:, None], np.array(intervals, np.float64), np.array(gaps, np.bool_))


def _advance(now: Integers, frame: Frame, indexes: Sequence[int], wanted: Integers) -> None:
    if not len(frame.ids):
        return
    places = np.searchsorted(frame.ids, wanted)
    places[places == len(frame.ids)] = 0
    found = (frame.ids[places] == wanted).nonzero()[0]
    if not len(found):
        return
    places = places[found]
    for row, index in enumerate(indexes):
        if not frame.is_moved(index):
            continue
        now[row, found] += frame.column(index)[places]
