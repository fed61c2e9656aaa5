"""Blocks made of frames: their numbers, in the order and units of `brokers.snapshots.blocks`, in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from brokers.snapshots.blocks import HEAD, VERSION
from brokers.snapshots.codes import Integers, column, zigzag
from brokers.snapshots.frames import Frame

OBJECTS = 128
"""So many objects share a block: more are smaller, fewer are quicker to read one of."""
LEVEL = 15
"""A tenth smaller than 6, for some 3 ms of processor time a poll of 10,000 queues: blocks are written once and read often."""
_LARGEST_UNIT = 2**32 - 1
_WORTH_A_FLUSH = 512
"""A column of so many bytes begins a block of zstd's own, so that what is before it can be read without it."""


class Packed(NamedTuple):
    """A block's bytes, and the primary keys of its first and last object."""

    first_id: int
    last_id: int
    data: bytes


class _Changes(NamedTuple):
    """Of all changes after the keyframe, by object: its place, the frame's number, the difference and the code after it, each `[metric, change]`."""

    places: Integers
    numbers: Integers
    differences: Integers
    codes: Integers


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
    times = column(np.diff([at for at, _ in frames], prepend=frames[0][0]))
    intervals = column(np.array([round(frame.interval_seconds * 1000) for frame in read]))
    changes = _changes(read, ids, base)
    found = []
    for first in range(0, len(ids), objects):
        some, last = ids[first : first + objects], first + objects
        start, end = np.searchsorted(changes.places, (first, last))
        counts = np.bincount(changes.places[start:end] - first, minlength=len(some))
        stored = [_stored(*one) for one in zip(changes.differences[:, start:end], changes.codes[:, start:end], strict=True)]
        columns = [
            times, intervals, column(np.diff(some, prepend=0)), *map(column, zigzag(base[:, first:last])), column(counts),
            column(_distances(changes.numbers[start:end], counts)), *(data for _, _, data in stored),
        ]  # fmt: skip
        head = HEAD.pack(len(some), len(frames), int(end - start), metrics)
        units, kinds = np.array([unit for unit, _, _ in stored], "<u4"), bytes(is_of_values for _, is_of_values, _ in stored)
        body = [head + units.tobytes() + kinds + bytes(data[0] for data in columns), *(data[1:] for data in columns)]
        found.append(Packed(int(some[0]), int(some[-1]), bytes([VERSION]) + _compressed(compressor, body)))
    return found


def _stored(differences: Integers, codes: Integers) -> tuple[int, bool, bytes]:
    """(unit, whether it has values, column) of a metric's changes, whichever takes fewer bytes: differences, or the values themselves."""
    unit = _unit(differences)
    as_differences = column(zigzag(differences // unit))
    if not len(codes) or not differences.any() or codes.min() < 0:
        return unit, False, as_differences
    of_values = _unit(codes[codes > 0] - 1)
    as_values = column(np.where(codes > 0, (codes - 1) // of_values + 1, 0))
    return (of_values, True, as_values) if _estimated(as_values, len(codes)) < _estimated(as_differences, len(codes)) else (unit, False, as_differences)


def _unit(numbers: Integers) -> int:
    """The largest number that all are multiples of."""
    found = int(np.gcd.reduce(numbers)) if len(numbers) else 1
    return found if 0 < found <= _LARGEST_UNIT else 1


def _estimated(data: bytes, count: int) -> float:
    """About so many bits a column takes if each of its bytes is coded by how often it occurs in its plane."""
    bits = 0.0
    for plane in range(data[0]):
        often = np.bincount(np.frombuffer(data, np.uint8, count, 1 + plane * count))
        often = often[often > 0]
        bits += float((often * np.log2(count / often)).sum())
    return bits


def _compressed(compressor: zstandard.ZstdCompressor, parts: Sequence[bytes]) -> bytes:
    writer = compressor.compressobj(size=sum(map(len, parts)))
    found = []
    for part in parts:
        if len(part) >= _WORTH_A_FLUSH:
            found.append(writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        found.append(writer.compress(part))
    return b"".join([*found, writer.flush()])


def _changes(read: Sequence[Frame], ids: Integers, base: Integers) -> _Changes:
    places = [np.searchsorted(ids, frame.ids) for frame in read[1:]]
    differences = np.zeros((len(base), sum(map(len, places))), np.int64)
    begin = 0
    for frame in read[1:]:
        for metric in range(min(len(base), frame.metrics)):
            if frame.is_moved(metric):
                differences[metric, begin : begin + len(frame.ids)] = frame.column(metric)
        begin += len(frame.ids)
    changed = np.concatenate([np.empty(0, np.int64), *places])
    numbers = np.repeat(np.arange(1, len(read)), [len(each) for each in places])
    order = np.argsort(changed, kind="stable")
    changed, differences = changed[order], differences[:, order]
    sums = np.concatenate((np.zeros((len(base), 1), np.int64), np.cumsum(differences, axis=1)), axis=1)
    codes = sums[:, 1:] - sums[:, np.searchsorted(changed, changed)] + base[:, changed]
    return _Changes(changed, numbers[order], differences, codes)


def _distances(numbers: Integers, counts: Integers) -> npt.NDArray[Any]:
    """Each frame's number as its distance to the one before of the same object."""
    before = np.zeros(len(numbers), np.int64)
    before[1:] = numbers[:-1]
    begins = np.cumsum(counts) - counts
    before[begins[counts > 0]] = 0
    return numbers - before
