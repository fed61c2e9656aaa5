"""Blocks: the frames from a keyframe to the next one, written anew object by object, so that the course of one object is read without all others.

A block has the frames' times and some objects: version (4), then, compressed, their numbers (objects, frames, metrics), of each metric the unit of its
differences (u32), and columns as in a frame: times and intervals of the frames (each time as its distance to the one before, in microseconds; intervals in
ms), primary keys, of each metric the codes at the keyframe, how often each object changed later, and of these changes, by object, the numbers of their frames
(each as its distance to the one before of the same object) and a column of differences a metric, in its unit: what all of them are multiples of, such as a
fifth of a message a second. Version 3 has no units. A metric is a column of the frames, whichever they are: of polls, or of rollups.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots.codes import Integers, column, unpacked, zigzag
from brokers.snapshots.frames import Frame, UnreadableSnapshot

VERSION, WITHOUT_UNITS = 4, 3
OBJECTS = 256
"""So many objects share a block: more are smaller, fewer are quicker to read one of."""
LEVEL = 15
"""A tenth smaller than 6, for some 3 ms of processor time a poll of 10,000 queues: blocks are written once and read often."""
_FEW = 8
"""So many objects of a block at most are read one by one."""
_HEADER = struct.Struct("<B")
_COUNTS = struct.Struct("<IIB")
_HALF = 2
_LARGEST_UNIT = 2**32 - 1
_TIMES, _INTERVALS, _IDS, _BASE = range(4)


class Packed(NamedTuple):
    """A block's bytes, and the primary keys of its first and last object."""

    first_id: int
    last_id: int
    data: bytes


def blocks_of(metrics: int, frames: Sequence[tuple[int, bytes]], objects: int = OBJECTS) -> list[Packed]:
    """The blocks of these frames (time in microseconds, bytes), of which only the first is a keyframe, with so many metrics; [] if they have no objects.

    Raises UnreadableSnapshot.
    """
    decompressor, compressor = zstandard.ZstdDecompressor(), zstandard.ZstdCompressor(level=LEVEL)
    read = [Frame(data, decompressor) for _, data in frames]
    ids = np.unique(np.concatenate([frame.ids for frame in read]))
    base = np.zeros((metrics, len(ids)), np.int64)
    places = np.searchsorted(ids, read[0].ids)
    for metric in range(min(metrics, read[0].metrics)):
        base[metric, places] = read[0].column(metric)
    about = column(np.diff([at for at, _ in frames], prepend=frames[0][0])) + column(np.array([round(frame.interval_seconds * 1000) for frame in read]))
    changed, numbers, differences = _changes(read, ids, metrics)
    found = []
    for first in range(0, len(ids), objects):
        some, last = ids[first : first + objects], first + objects
        start, end = np.searchsorted(changed, (first, last))
        counts = np.bincount(changed[start:end] - first, minlength=len(some))
        units = _units(differences[:, start:end])
        body = b"".join(
            (
                _COUNTS.pack(len(some), len(frames), metrics), units.astype("<u4").tobytes(), about, column(np.diff(some, prepend=0)),
                *map(column, zigzag(base[:, first:last])), column(counts), column(_distances(numbers[start:end], counts)),
                *map(column, zigzag(differences[:, start:end] // units[:, None])),
            )
        )  # fmt: skip
        found.append(Packed(int(some[0]), int(some[-1]), _HEADER.pack(VERSION) + compressor.compress(body)))
    return found


def _units(differences: Integers) -> Integers:
    """Of each metric the largest number that all differences are multiples of."""
    found = np.gcd.reduce(differences, axis=1) if differences.shape[1] else np.ones(len(differences), np.int64)
    return np.where((found > 0) & (found <= _LARGEST_UNIT), found, 1)


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
            if data[0] not in (VERSION, WITHOUT_UNITS):
                raise UnreadableSnapshot(f"a block of format {data[0]}; this Hareline reads {WITHOUT_UNITS} and {VERSION}")
            body = self._body = decompressor.decompress(data[1:])
            self.objects, self.frames, self.metrics = _COUNTS.unpack_from(body)
            self._columns, position = [], _COUNTS.size
            self._units: Sequence[int] = [1] * self.metrics
            if data[0] != WITHOUT_UNITS:
                self._units, position = np.frombuffer(body, "<u4", self.metrics, position).tolist(), position + 4 * self.metrics
            for lengths in (self.frames, self.frames, self.objects, *[self.objects] * self.metrics, self.objects):
                self._columns.append((position + 1, body[position], lengths))
                position += 1 + body[position] * lengths
            self.ends = np.cumsum(self._unpacked(_BASE + self.metrics))
            changes = int(self.ends[-1])
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

    def courses(self, metrics: Sequence[int], places: Sequence[int]) -> Integers:
        """The codes of these objects over the frames, `[metric, object, frame]`; None (0) in a metric that came later."""
        found = np.zeros((len(metrics), len(places), self.frames), np.int64)
        there = [(row, metric) for row, metric in enumerate(metrics) if metric < self.metrics]
        (self._add_few if len(places) <= _FEW else self._add_many)(found, there, places)
        for row, metric in there:
            if self._columns[_BASE + metric][1]:
                found[row, :, 0] += np.array([self._base(metric, place) for place in places], np.int64)
        return np.cumsum(found, axis=-1)

    def _add_few(self, found: Integers, there: Sequence[tuple[int, int]], places: Sequence[int]) -> None:
        for position, place in enumerate(places):
            begin, end = int(self.ends[place - 1]) if place else 0, int(self.ends[place])
            if begin == end:
                continue
            numbers = np.cumsum(self._unpacked(_BASE + self.metrics + 1, begin, end))
            for row, metric in there:
                if self._columns[_BASE + self.metrics + 2 + metric][1]:
                    found[row, position, numbers] = self._units[metric] * _signed(self._unpacked(_BASE + self.metrics + 2 + metric, begin, end))

    def _add_many(self, found: Integers, there: Sequence[tuple[int, int]], places: Sequence[int]) -> None:
        position = np.full(self.objects, -1)
        position[list(places)] = np.arange(len(places))
        counts = np.diff(self.ends, prepend=0)
        of = np.repeat(position, counts)
        wanted = np.flatnonzero(of >= 0)
        numbers = _numbers(self._unpacked(_BASE + self.metrics + 1), self.ends, counts)[wanted]
        for row, metric in there:
            if self._columns[_BASE + self.metrics + 2 + metric][1]:
                found[row, of[wanted], numbers] = self._units[metric] * _signed(self._unpacked(_BASE + self.metrics + 2 + metric)[wanted])

    def _base(self, metric: int, place: int) -> int:
        start, width, count = self._columns[_BASE + metric]
        coded = int.from_bytes(self._body[start + place : start + width * count : count], "little")
        return (coded >> 1) ^ -(coded & 1)

    def _unpacked(self, number: int, begin: int = 0, end: int | None = None) -> Integers:
        """A column, or a part of it."""
        start, width, count = self._columns[number]
        if end is None or not width:
            return unpacked(self._body, start, width, count if end is None else end - begin)
        found = np.zeros(end - begin, np.int64)
        for plane in range(width):
            found |= np.frombuffer(self._body, np.uint8, end - begin, start + plane * count + begin).astype(np.int64) << (8 * plane)
        return found

    def plane(self, number: int, plane: int) -> bytes:
        """A byte of each number of a column; zeros where these have fewer bytes."""
        start, width, count = self._columns[number]
        return self._body[start + plane * count : start + (plane + 1) * count] if plane < width else bytes(count)

    def width(self, number: int) -> int:
        return self._columns[number][1]

    def length(self, number: int) -> int:
        return self._columns[number][2]

    def unit(self, metric: int) -> int:
        return self._units[metric]


def courses_of(blocks: Sequence[Block], ids: Integers, metrics: Sequence[int]) -> Integers:
    """The codes of these objects over the frames of these blocks, at least one and all of the same frames, `[metric, object, frame]`; None (0) of an object
    that is in none of them."""
    found = np.zeros((len(metrics), len(ids), blocks[0].frames), np.int64)
    for block in blocks:
        there = block.ids
        places = np.minimum(np.searchsorted(there, ids), len(there) - 1)
        known = np.flatnonzero(there[places] == ids)
        found[:, known] = block.courses(metrics, places[known].tolist())
    return found


def codes_at(blocks: Sequence[Block], metrics: Sequence[int], frame: int) -> Integers:
    """The codes of all objects of these blocks, which are of the same frames, at one of these, `[metric, object]`; None (0) in a metric that came later."""
    objects, there = sum(block.objects for block in blocks), blocks[0].metrics
    found = np.zeros((len(metrics), objects), np.int64)
    counts = np.concatenate([np.diff(block.ends, prepend=0) for block in blocks])
    ends = np.cumsum(counts)
    passed = np.flatnonzero(_numbers(_joined(blocks, _BASE + there + 1), ends, counts) <= frame)
    until = np.searchsorted(passed, ends)
    since = np.concatenate(([0], until[:-1]))
    for row, metric in enumerate(metrics):
        if metric >= there:
            continue
        found[row] = _signed(_joined(blocks, _BASE + metric))
        if any(block.width(_BASE + there + 2 + metric) for block in blocks):
            changes = _signed(_joined(blocks, _BASE + there + 2 + metric, passed))
            sums = np.zeros(len(changes) + 1, changes.dtype)
            np.cumsum(changes, out=sums[1:])  # of another object's numbers it may overflow, and the difference is right all the same
            found[row] += (sums[until] - sums[since]).astype(np.int64) * np.repeat(
                [block.unit(metric) for block in blocks], [block.objects for block in blocks]
            )
    return found


def _joined(blocks: Sequence[Block], number: int, chosen: Integers | None = None) -> npt.NDArray[Any]:
    """A column of all blocks, or these places of it; of two bytes a number as int32, which is quicker and whose sums over the frames of a block fit."""
    width = max(block.width(number) for block in blocks)
    dtype: Any = np.int32 if width <= _HALF else np.int64
    found: npt.NDArray[Any] = np.zeros(sum(block.length(number) for block in blocks) if chosen is None else len(chosen), dtype)
    for plane in range(width):
        part: npt.NDArray[Any] = np.frombuffer(b"".join([block.plane(number, plane) for block in blocks]), np.uint8)
        coded: npt.NDArray[Any] = (part if chosen is None else part[chosen]).astype(dtype)
        np.bitwise_or(found, coded << (8 * plane) if plane else coded, out=found)
    return found


def _numbers(distances: npt.NDArray[Any], ends: Integers, counts: Integers) -> Integers:
    """The frame of each change, where those of an object are up to its end."""
    passed = np.concatenate(([0], np.cumsum(distances)))
    return passed[1:] - np.repeat(passed[ends - counts], counts)


def _signed(coded: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return (coded >> 1) ^ -(coded & 1)
