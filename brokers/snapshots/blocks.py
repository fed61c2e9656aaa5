"""Blocks: the frames from a keyframe to the next one, written anew object by object, so that the course of one object is read without all others.

A block has the frames' times and some objects: version (3), then, compressed, their numbers (objects, frames, metrics) and columns as in a frame: times and
intervals of the frames (each time as its distance to the one before, in microseconds; intervals in ms), primary keys, of each metric the codes at the
keyframe, how often each object changed later, and of these changes, by object, the numbers of their frames (each as its distance to the one before of the same
object) and a column of differences a metric.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import zstandard

from brokers.snapshots.codes import Integers, column, unpacked, zigzag
from brokers.snapshots.frames import Frame, UnreadableSnapshot
from brokers.snapshots.metrics import METRICS

VERSION = 3
OBJECTS = 256
"""So many objects share a block: more are smaller, fewer are quicker to read one of."""
LEVEL = 15
"""A tenth smaller than 6, for some 3 ms of processor time a poll of 10,000 queues: blocks are written once and read often."""
_HEADER = struct.Struct("<B")
_COUNTS = struct.Struct("<IIB")
_TIMES, _INTERVALS, _IDS, _BASE = range(4)


class Packed(NamedTuple):
    """A block's bytes, and the primary keys of its first and last object."""

    first_id: int
    last_id: int
    data: bytes


def blocks_of(kind: str, frames: Sequence[tuple[int, bytes]]) -> list[Packed]:
    """The blocks of these frames (time in microseconds, bytes), of which only the first is a keyframe; [] if they have no objects.

    Raises UnreadableSnapshot.
    """
    decompressor, compressor = zstandard.ZstdDecompressor(), zstandard.ZstdCompressor(level=LEVEL)
    read = [Frame(data, decompressor) for _, data in frames]
    metrics = len(METRICS[kind])
    ids = np.unique(np.concatenate([frame.ids for frame in read]))
    base = np.zeros((metrics, len(ids)), np.int64)
    places = np.searchsorted(ids, read[0].ids)
    for metric in range(min(metrics, read[0].metrics)):
        base[metric, places] = read[0].column(metric)
    about = column(np.diff([at for at, _ in frames], prepend=frames[0][0])) + column(np.array([round(frame.interval_seconds * 1000) for frame in read]))
    changed, numbers, differences = _changes(read, ids, metrics)
    found = []
    for first in range(0, len(ids), OBJECTS):
        some, last = ids[first : first + OBJECTS], first + OBJECTS
        start, end = np.searchsorted(changed, (first, last))
        counts = np.bincount(changed[start:end] - first, minlength=len(some))
        body = b"".join(
            (
                _COUNTS.pack(len(some), len(frames), metrics), about, column(np.diff(some, prepend=0)),
                *map(column, zigzag(base[:, first:last])), column(counts), column(_distances(numbers[start:end], counts)),
                *map(column, zigzag(differences[:, start:end])),
            )
        )  # fmt: skip
        found.append(Packed(int(some[0]), int(some[-1]), _HEADER.pack(VERSION) + compressor.compress(body)))
    return found


def _changes(read: Sequence[Frame], ids: Integers, metrics: int) -> tuple[Integers, Integers, Integers]:
    """Of all changes after the keyframe, by object: its place, the frame's number, and the differences, `[metric, change]`."""
    places = [np.searchsorted(ids, frame.ids) for frame in read[1:]]
    differences = np.zeros((metrics, sum(map(len, places))), np.int64)
    begin = 0
    for frame in read[1:]:
        for metric in range(min(metrics, frame.metrics)):
            if frame.is_moved(metric):
                differences[metric, begin : begin + len(frame.ids)] = frame.column(metric)
        begin += len(frame.ids)
    changed = np.concatenate([np.empty(0, np.int64), *places])
    numbers = np.repeat(np.arange(1, len(read)), [len(each) for each in places])
    order = np.argsort(changed, kind="stable")
    return changed[order], numbers[order], differences[:, order]


def _distances(numbers: Integers, counts: Integers) -> Integers:
    """Each frame's number as its distance to the one before of the same object."""
    before = np.zeros(len(numbers), np.int64)
    before[1:] = numbers[:-1]
    begins = np.cumsum(counts) - counts
    before[begins[counts > 0]] = 0
    return numbers - before


class Block:
    """A block read back; its columns are unpacked on demand."""

    def __init__(self, data: bytes, decompressor: zstandard.ZstdDecompressor) -> None:
        """Raises UnreadableSnapshot."""
        try:
            if data[0] != VERSION:
                raise UnreadableSnapshot(f"a block of format {data[0]}; this Hareline reads {VERSION}")
            body = self._body = decompressor.decompress(data[1:])
            objects, self.frames, self.metrics = _COUNTS.unpack_from(body)
            self._columns, position = [], _COUNTS.size
            for lengths in (self.frames, self.frames, objects, *[objects] * self.metrics, objects):
                self._columns.append((position + 1, body[position], lengths))
                position += 1 + body[position] * lengths
            self._ends = np.cumsum(self._unpacked(_BASE + self.metrics))
            changes = int(self._ends[-1])
            for _ in range(1 + self.metrics):
                self._columns.append((position + 1, body[position], changes))
                position += 1 + body[position] * changes
            if position != len(body):
                raise UnreadableSnapshot("a block of the wrong length")
        except (struct.error, zstandard.ZstdError, IndexError, ValueError) as error:
            raise UnreadableSnapshot(f"a damaged block: {error}") from error

    @property
    def times(self) -> Integers:
        """Of the frames, in microseconds after the keyframe."""
        return np.cumsum(self._unpacked(_TIMES))

    @property
    def intervals(self) -> Integers:
        """Of the frames, in ms."""
        return self._unpacked(_INTERVALS)

    @property
    def ids(self) -> Integers:
        """Ascending."""
        return np.cumsum(self._unpacked(_IDS))

    def course(self, metric: int, place: int) -> Integers:
        """The codes of one object over the frames; None (0) in a metric that came later."""
        found = np.zeros(self.frames, np.int64)
        if metric < self.metrics:
            begin, end = int(self._ends[place - 1]) if place else 0, int(self._ends[place])
            numbers = np.cumsum(self._unpacked(_BASE + self.metrics + 1, begin, end))
            found[numbers] = _signed(self._unpacked(_BASE + self.metrics + 2 + metric, begin, end))
            found[0] += _signed(self._unpacked(_BASE + metric, place, place + 1))[0]
        return np.cumsum(found)

    def moment(self, frame: int) -> Integers:
        """The codes of all objects at a frame, `[metric, object]`."""
        codes = np.zeros((self.metrics, len(self._ends)), np.int64)
        for metric in range(self.metrics):
            if self._columns[_BASE + metric][1]:
                codes[metric] = _signed(self._unpacked(_BASE + metric))
        if not self._ends[-1]:
            return codes  # all of them rest
        begins = np.concatenate(([0], self._ends[:-1]))
        passed = np.concatenate(([0], np.cumsum(self._unpacked(_BASE + self.metrics + 1))))
        is_before = passed[1:] - np.repeat(passed[begins], self._ends - begins) <= frame
        sums = np.zeros(len(is_before) + 1, np.int64)
        for metric in range(self.metrics):
            if self._columns[_BASE + self.metrics + 2 + metric][1]:
                np.cumsum(_signed(self._unpacked(_BASE + self.metrics + 2 + metric)) * is_before, out=sums[1:])
                codes[metric] += sums[self._ends] - sums[begins]
        return codes

    def _unpacked(self, number: int, begin: int = 0, end: int | None = None) -> Integers:
        """A column, or a part of it."""
        start, width, count = self._columns[number]
        if not width:
            return np.zeros((count if end is None else end) - begin, np.int64)
        if end is None:
            return unpacked(self._body, start, width, count)
        planes = (self._body[start + plane * count + begin : start + plane * count + end] for plane in range(width))
        return unpacked(b"".join(planes), 0, width, end - begin)


def _signed(coded: Integers) -> Integers:
    return (coded >> 1) ^ -(coded & 1)
