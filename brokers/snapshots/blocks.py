"""Blocks: the frames from a keyframe to the next one, written anew object by object, so that the course of one object is read without all others.

A block has the frames' times and some objects: version (5), then, compressed, how many objects, frames, changes after the keyframe and metrics there are, of
each metric its unit (u32) and kind (1: values, 0: differences), the width of each column, and the columns as byte planes, as in a frame: times and intervals
of the frames (each time as its distance to the one before, in microseconds; intervals in ms), primary keys, of each metric the codes at the keyframe, how
often each object changed later, and of these changes, by object, the numbers of their frames (each as its distance to the one before of the same object) and
a column a metric. That has differences, zigzag, in units of what all of them are multiples of, such as a fifth of a message a second; or, where these are
shorter, codes themselves: 0, or one more than so many units. Long columns begin a block of zstd's own: who needs only the first metrics reads no further.

Versions 3 and 4 have no values, the width of each column in front of it, and no number of changes; version 3 has no units. A metric is a column of the
frames, whichever they are: of polls, or of rollups.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots.codes import Integers, unpacked
from brokers.snapshots.frames import UnreadableSnapshot

VERSION, WITHOUT_VALUES, WITHOUT_UNITS = 5, 4, 3
HEAD = struct.Struct("<IIIB")
_OLD_HEAD = struct.Struct("<IIB")
_LARGEST_UNIT_BYTES = 4
_MOST_BYTES, _MOST_NUMBERS = 2**28, 2**26
"""Unpacked, and objects times frames: far beyond what is written, so that a damaged head does not take the memory of the process."""
TIMES, INTERVALS, IDS, BASE = range(4)
"""The places of the first columns."""


class Block:
    """A block read back; its columns are unpacked on demand."""

    __slots__ = ("_body", "columns", "frames", "has_values", "metrics", "objects", "units")

    def __init__(self, data: bytes, decompressor: zstandard.ZstdDecompressor, last_metric: int | None = None) -> None:
        """With the changes of the metrics up to one, or of all. Raises UnreadableSnapshot."""
        try:
            if data[0] in (VERSION, WITHOUT_VALUES, WITHOUT_UNITS) and zstandard.frame_content_size(data[1:]) > _MOST_BYTES:
                raise UnreadableSnapshot("a damaged block: too long")
            if data[0] == VERSION:
                self._read(data, decompressor, last_metric)
            elif data[0] in (WITHOUT_VALUES, WITHOUT_UNITS):
                self._read_old(data, decompressor)
            else:
                raise UnreadableSnapshot(f"a block of format {data[0]}; this Hareline reads {WITHOUT_UNITS} to {VERSION}")
        except (struct.error, zstandard.ZstdError, IndexError, ValueError) as error:
            raise UnreadableSnapshot(f"a damaged block: {error}") from error

    def _read(self, data: bytes, decompressor: zstandard.ZstdDecompressor, last_metric: int | None) -> None:
        with decompressor.stream_reader(memoryview(data)[1:]) as reader:
            head = reader.read(HEAD.size)
            self.objects, self.frames, changes, metrics = HEAD.unpack(head)
            self.metrics = metrics
            columns = BASE + 2 * metrics + 2
            head += reader.read(_LARGEST_UNIT_BYTES * metrics + metrics + columns)
            position = HEAD.size + _LARGEST_UNIT_BYTES * metrics
            self.units: Sequence[int] = struct.unpack_from(f"<{metrics}I", head, HEAD.size)
            self.has_values: Sequence[int] = head[position : position + metrics]
            widths = head[position + metrics :]
            lengths = (self.frames, self.frames, *[self.objects] * (metrics + 2), *[changes] * (metrics + 1))
            if len(widths) != len(lengths) or self.objects * self.frames > _MOST_NUMBERS:
                raise UnreadableSnapshot("a block of the wrong length")
            ends = list(accumulate(map(operator.mul, widths, lengths), initial=0))
            self.columns: list[tuple[int, int, int]] = list(zip(ends, widths, lengths, strict=False))
            if ends[-1] > _MOST_BYTES:
                raise UnreadableSnapshot("a block of the wrong length")
            wanted = ends[-1] if last_metric is None or last_metric >= metrics else ends[BASE + metrics + 3 + last_metric]
            self._body = reader.read(wanted)
            if len(self._body) != wanted or (wanted == ends[-1] and reader.read(1)) or int(self.counts.sum()) != changes:
                raise UnreadableSnapshot("a block of the wrong length")

    def _read_old(self, data: bytes, decompressor: zstandard.ZstdDecompressor) -> None:
        body = self._body = decompressor.decompress(data[1:])
        self.objects, self.frames, self.metrics = _OLD_HEAD.unpack_from(body)
        if self.objects * self.frames > _MOST_NUMBERS:
            raise UnreadableSnapshot("a block of the wrong length")
        self.columns, position = [], _OLD_HEAD.size
        self.units, self.has_values = [1] * self.metrics, bytes(self.metrics)
        if data[0] != WITHOUT_UNITS:
            self.units, position = struct.unpack_from(f"<{self.metrics}I", body, position), position + _LARGEST_UNIT_BYTES * self.metrics
        for lengths in (self.frames, self.frames, self.objects, *[self.objects] * self.metrics, self.objects):
            self.columns.append((position + 1, body[position], lengths))
            position += 1 + body[position] * lengths
        changes = int(self.column(BASE + self.metrics).sum())
        for _ in range(1 + self.metrics):
            self.columns.append((position + 1, body[position], changes))
            position += 1 + body[position] * changes
        if position != len(body):
            raise UnreadableSnapshot("a block of the wrong length")

    @property
    def times(self) -> Integers:
        """Of the frames, in microseconds after the keyframe."""
        return np.cumsum(self.column(TIMES))

    @property
    def intervals(self) -> Integers:
        """Of the frames, in ms."""
        return self.column(INTERVALS)

    @property
    def ids(self) -> Integers:
        """Ascending."""
        return np.cumsum(self.column(IDS))

    @property
    def counts(self) -> Integers:
        """How often each object changed after the keyframe."""
        return self.column(BASE + self.metrics)

    def place_of(self, identifier: int) -> int | None:
        """Where an object is among `ids`."""
        ids = self.ids
        place = int(np.searchsorted(ids, identifier))
        return place if place < len(ids) and ids[place] == identifier else None

    def changes_of(self, place: int) -> tuple[int, int]:
        """From which to before which change those of an object are."""
        start, width, count = self.columns[BASE + self.metrics]
        if width == 1:
            begin = sum(self._body[start : start + place])
            return begin, begin + self._body[start + place]
        counts = unpacked(self._body, start, width, count)
        begin = int(counts[:place].sum())
        return begin, begin + int(counts[place])

    def base(self, metric: int, place: int) -> int:
        """The code of an object at the keyframe."""
        start, width, count = self.columns[BASE + metric]
        coded = int.from_bytes(self._body[start + place : start + width * count : count], "little") if width else 0
        return (coded >> 1) ^ -(coded & 1)

    @property
    def distances(self) -> int:
        """The column with the numbers of the frames of changes."""
        return BASE + self.metrics + 1

    def changes(self, metric: int) -> int:
        """The column with a metric's changes."""
        return BASE + self.metrics + 2 + metric

    def moves(self, metric: int) -> bool:
        """Whether a metric changes at all. Values that take no byte all are None: each change led there."""
        return metric < self.metrics and (self.columns[self.changes(metric)][1] > 0 or bool(self.has_values[metric]))

    def column(self, number: int) -> Integers:
        return unpacked(self._body, *self.columns[number])

    def plane(self, number: int, plane: int, begin: int = 0, end: int | None = None) -> bytes:
        """A byte of each number of a column, or of a part of it; zeros where these have fewer bytes."""
        start, width, count = self.columns[number]
        until = count if end is None else end
        return self._body[start + plane * count + begin : start + plane * count + until] if plane < width else bytes(until - begin)


def joined(blocks: Sequence[Block], numbers: Sequence[int], parts: Sequence[tuple[int, int]] | None = None, chosen: Integers | None = None) -> npt.NDArray[Any]:
    """A column of each block, or a part of each, one after the other, or these places of that; of up to two bytes a number as int32, which is quicker and
    whose sums over the frames of a block fit."""
    each = list(zip(blocks, numbers, [(0, None)] * len(blocks) if parts is None else parts, strict=True))
    width = max(block.columns[number][1] for block, number, _ in each)
    dtype: Any = np.int32 if width <= 2 else np.int64
    if not width:
        count = sum((block.columns[number][2] if end is None else end) - begin for block, number, (begin, end) in each)
        return np.zeros(count if chosen is None else len(chosen), dtype)
    planes = [_plane(each, plane, chosen).astype(dtype) for plane in range(width)]
    found = planes[0]
    for plane, coded in enumerate(planes[1:], 1):
        np.bitwise_or(found, coded << (8 * plane), out=found)
    return found


def _plane(each: Sequence[tuple[Block, int, tuple[int, int | None]]], plane: int, chosen: Integers | None) -> npt.NDArray[np.uint8]:
    found: npt.NDArray[np.uint8] = np.frombuffer(b"".join([block.plane(number, plane, begin, end) for block, number, (begin, end) in each]), np.uint8)
    return found if chosen is None else found[chosen]


def signed(coded: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return (coded >> 1) ^ -(coded & 1)
