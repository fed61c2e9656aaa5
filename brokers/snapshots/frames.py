"""A frame in bytes: written from differences, read back column by column."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left

import numpy as np
import zstandard

from brokers.snapshots.codes import Integers, column, unpacked, zigzag
from brokers.snapshots.metrics import METRICS

VERSION, ROLLUP_VERSION = 1, 2
"""The first byte of a frame: of one poll, of a rollup."""
_HEADER = struct.Struct("<BBIB")
_COUNT = struct.Struct("<I")
_KEY, _COMPRESSED, _GAP = 1, 2, 4
_SMALLEST_COMPRESSED = 64


class UnreadableSnapshot(ValueError):
    """The bytes are not a frame of a version that this Hareline knows."""


def packed(version: int, ids: Integers, differences: Integers, interval_seconds: float, is_key: bool, compressor: zstandard.ZstdCompressor) -> bytes:
    """A frame of these objects (ids ascending) and columns, `differences[column, object]`; those of a keyframe are codes."""
    body = _COUNT.pack(len(ids)) + column(np.diff(ids, prepend=0)) + b"".join(map(column, zigzag(differences)))
    flags = _KEY if is_key else 0
    if len(body) >= _SMALLEST_COMPRESSED:
        body, flags = compressor.compress(body), flags | _COMPRESSED
    return _HEADER.pack(version, flags, round(interval_seconds * 1000), len(differences)) + body


def gap_frame(kind: str, interval_seconds: float) -> bytes:
    """The frame that starts a gap: nothing is known until the next keyframe."""
    metrics = len(METRICS[kind])
    return _HEADER.pack(VERSION, _KEY | _GAP, round(interval_seconds * 1000), metrics) + _COUNT.pack(0) + bytes(metrics + 1)


class Frame:
    """A frame read back; its columns are unpacked on demand."""

    __slots__ = ("_body", "_columns", "_sorted", "ids", "interval_seconds", "is_gap", "is_key", "metrics")

    def __init__(self, data: bytes, decompressor: zstandard.ZstdDecompressor) -> None:
        """Raises UnreadableSnapshot."""
        try:
            version, flags, interval_ms, self.metrics = _HEADER.unpack_from(data)
            if version not in (VERSION, ROLLUP_VERSION):
                raise UnreadableSnapshot(f"a snapshot of format {version}; this Hareline reads {VERSION} and {ROLLUP_VERSION}")
            body = data[_HEADER.size :]
            self._body = decompressor.decompress(body) if flags & _COMPRESSED else body
            (count,) = _COUNT.unpack_from(self._body)
            self._columns, position = [], _COUNT.size
            for _ in range(self.metrics + 1):
                width = self._body[position]
                self._columns.append((position + 1, width))
                position += 1 + width * count
            if position != len(self._body):
                raise UnreadableSnapshot("a snapshot of the wrong length")
        except (struct.error, zstandard.ZstdError, IndexError) as error:
            raise UnreadableSnapshot(f"a damaged snapshot: {error}") from error
        self.is_key, self.is_gap, self.interval_seconds = bool(flags & _KEY), bool(flags & _GAP), interval_ms / 1000
        self.ids = np.cumsum(unpacked(self._body, *self._columns[0], count))
        self._sorted: array[int] | None = None

    def is_moved(self, metric: int) -> bool:
        """False if no object's number of this metric changed."""
        return metric < self.metrics and self._columns[metric + 1][1] > 0

    def column(self, metric: int) -> Integers:
        """The differences (in a keyframe the codes) of a metric, in the order of `ids`."""
        coded = unpacked(self._body, *self._columns[metric + 1], len(self.ids))
        return (coded >> 1) ^ -(coded & 1)

    def place_of(self, identifier: int) -> int | None:
        """Where an object is among `ids`."""
        if self._sorted is None:  # of one object quicker to search than an array of numpy
            self._sorted = array("q", self.ids.tobytes())
        place = bisect_left(self._sorted, identifier)
        return place if place < len(self._sorted) and self._sorted[place] == identifier else None

    def one(self, metric: int, place: int) -> int:
        """`column(metric)[place]`, quicker."""
        start, width = self._columns[metric + 1]
        count, coded = len(self.ids), 0
        for plane in range(width):
            coded |= self._body[start + plane * count + place] << (8 * plane)
        return (coded >> 1) ^ -(coded & 1)
