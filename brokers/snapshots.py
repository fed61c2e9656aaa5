"""The codec of snapshots: the numbers of every queue (exchange, worker …) of a broker at each poll, in a few bytes a point.

Pure. A *frame* is what one poll adds. A keyframe holds every object; any other holds only the objects that changed since the frame
before, as differences. Missing means unchanged; a frame is written at every poll, so a frame that is missing is a gap, and a gap is unknown. A poll that
failed leaves a gap frame: a keyframe without objects, so that everything is unknown from there on.

A frame: version, flags (1: keyframe, 2: zstd, 4: gap; who doesn't know the last reads an empty keyframe), poll interval in ms (u32), number of
metrics; then, perhaps compressed, the number of objects (u32) and columns: primary keys (ascending, each as its distance to the one before), then
one column a metric. A column is its width in bytes (0: all zero) and that many byte planes: first the lowest byte of every number, then the next.
A number is first made whole (rates: hundredths), then a code that leaves 0 for None (`_codes`), then the difference to its last code, then zigzag.
New metrics are only ever appended to METRICS: older frames simply have fewer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

VERSION = 1
RAW_STEP = 5
"""Snapshot.step of the raw tier, regardless of the actual poll interval, which each frame contains."""
STEPS_TO_A_GAP = 3

Integers = npt.NDArray[np.int64]


class Metric(NamedTuple):
    name: str
    scale: int = 1  # a stored unit is 1 / scale


_RATE = 100
_TOTALS = (Metric("ready"), Metric("unacknowledged"), *(Metric(f"{name}_per_second", _RATE) for name in ("publish", "deliver", "ack")))
METRICS: Mapping[str, tuple[Metric, ...]] = {
    "queues": (
        Metric("ready"),
        Metric("unacknowledged"),
        Metric("consumers"),
        Metric("publish_per_second", _RATE),
        Metric("deliver_per_second", _RATE),
        Metric("ack_per_second", _RATE),
        Metric("redeliver_per_second", _RATE),
        Metric("memory_bytes"),
    ),
    "broker": (*_TOTALS, Metric("unroutable_per_second", _RATE)),
    "vhosts": _TOTALS,
    "exchanges": (Metric("publish_in_per_second", _RATE), Metric("publish_out_per_second", _RATE)),
    "workers": (
        Metric("active"),
        Metric("reserved"),
        Metric("concurrency"),
        Metric("succeeded_per_second", _RATE),
        Metric("failed_per_second", _RATE),
        Metric("scheduled"),
        Metric("prefetch"),
        Metric("load", 10),
        Metric("clock_skew_seconds", 10),
        Metric("peak_memory_bytes"),
    ),
}

_HEADER = struct.Struct("<BBIB")
_COUNT = struct.Struct("<I")
_KEY, _COMPRESSED, _GAP = 1, 2, 4
_SMALLEST_COMPRESSED = 64


class UnreadableSnapshot(ValueError):
    """The bytes are not a frame of a version that this Hareline knows."""


def metric_index(kind: str, name: str) -> int:
    """The place of a metric in its kind. Raises ValueError, with what is allowed."""
    if kind not in METRICS:
        raise ValueError(f"unknown kind {kind!r}; allowed: {', '.join(METRICS)}")
    for index, metric in enumerate(METRICS[kind]):
        if metric.name == name:
            return index
    raise ValueError(f"unknown metric {name!r} of {kind}; allowed: {', '.join(metric.name for metric in METRICS[kind])}")


class Moment:
    """The codes of all objects at one moment: `ids` ascending, `codes[metric, object]`."""

    def __init__(self, kind: str) -> None:
        self.metrics = METRICS[kind]
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


class Encoder:
    """Encodes the frames of one kind, each as the differences to the previous one."""

    def __init__(self, kind: str) -> None:
        self._moment = Moment(kind)
        self._compressor = zstandard.ZstdCompressor(level=6)

    def encode(self, changed: Mapping[int, Sequence[float | None]], interval_seconds: float, is_key: bool) -> bytes:
        """The frame after these objects took these numbers (in the order of METRICS). One that is gone has only None."""
        moment = self._moment
        ids = np.array(sorted(changed), np.int64)
        codes = _codes([changed[key] for key in ids.tolist()], moment.metrics)
        places = moment.places(ids)
        differences = codes - moment.codes[:, places]
        moment.codes[:, places] = codes
        if is_key:
            kept = moment.codes.any(axis=0)
            moment.ids, moment.codes = moment.ids[kept], moment.codes[:, kept]
            ids, differences = moment.ids, moment.codes
        else:
            moved = differences.any(axis=0)
            ids, differences = ids[moved], differences[:, moved]
        body = _COUNT.pack(len(ids)) + _column(np.diff(ids, prepend=0)) + b"".join(map(_column, _zigzag(differences)))
        flags = _KEY if is_key else 0
        if len(body) >= _SMALLEST_COMPRESSED:
            body, flags = self._compressor.compress(body), flags | _COMPRESSED
        return _HEADER.pack(VERSION, flags, round(interval_seconds * 1000), len(moment.metrics)) + body


def gap_frame(kind: str, interval_seconds: float) -> bytes:
    """The frame that starts a gap: nothing is known until the next keyframe."""
    metrics = len(METRICS[kind])
    return _HEADER.pack(VERSION, _KEY | _GAP, round(interval_seconds * 1000), metrics) + _COUNT.pack(0) + bytes(metrics + 1)


class Frame:
    """A frame read back; its columns are unpacked on demand."""

    __slots__ = ("_body", "_columns", "ids", "interval_seconds", "is_gap", "is_key", "metrics")

    def __init__(self, data: bytes, decompressor: zstandard.ZstdDecompressor) -> None:
        """Raises UnreadableSnapshot."""
        try:
            version, flags, interval_ms, self.metrics = _HEADER.unpack_from(data)
            if version != VERSION:
                raise UnreadableSnapshot(f"a snapshot of format {version}; this Hareline reads {VERSION}")
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
        self.ids = np.cumsum(_unpacked(self._body, *self._columns[0], count))

    def is_moved(self, metric: int) -> bool:
        """False if no object's number of this metric changed."""
        return metric < self.metrics and self._columns[metric + 1][1] > 0

    def column(self, metric: int) -> Integers:
        """The differences (in a keyframe the codes) of a metric, in the order of `ids`."""
        coded = _unpacked(self._body, *self._columns[metric + 1], len(self.ids))
        return (coded >> 1) ^ -(coded & 1)

    def one(self, metric: int, place: int) -> int:
        """`column(metric)[place]`, quicker."""
        start, width = self._columns[metric + 1]
        count, coded = len(self.ids), 0
        for plane in range(width):
            coded |= self._body[start + plane * count + place] << (8 * plane)
        return (coded >> 1) ^ -(coded & 1)


def moment_of(kind: str, frames: Iterable[bytes]) -> Moment:
    """The moment of the last of these frames, which begin with a keyframe. Raises UnreadableSnapshot."""
    moment, decompressor = Moment(kind), zstandard.ZstdDecompressor()
    for data in frames:
        moment.apply(Frame(data, decompressor))
    return moment


class Series(NamedTuple):
    """The codes of some objects over some frames: `codes[metric, object, frame]`, `intervals[frame]` (seconds), `gaps[frame]` (True: nothing known)."""

    codes: Integers
    intervals: npt.NDArray[np.float64]
    gaps: npt.NDArray[np.bool_]


def series_of(kind: str, frames: Iterable[bytes], ids: Sequence[int], metrics: Sequence[str]) -> Series:
    """The values of these objects over the frames, which begin with a keyframe. An object that is not in them is None (code 0) throughout.

    Raises UnreadableSnapshot, and ValueError for a metric that the kind doesn't have.
    """
    indexes = [metric_index(kind, name) for name in metrics]
    wanted, decompressor = np.array(ids, np.int64), zstandard.ZstdDecompressor()
    now = np.zeros((len(indexes), len(wanted)), np.int64)
    codes: list[Integers] = []
    read: list[tuple[float, bool]] = []
    for data in frames:
        frame = Frame(data, decompressor)
        if frame.is_key:
            now[:] = 0
        _advance(now, frame, indexes, wanted)
        codes.append(now.copy())
        read.append((frame.interval_seconds, frame.is_gap))
    stacked = np.stack(codes, axis=-1) if codes else np.zeros((*now.shape, 0), np.int64)
    return Series(stacked, np.array([seconds for seconds, _ in read]), np.array([gap for _, gap in read], np.bool_))


def _advance(now: Integers, frame: Frame, indexes: list[int], wanted: Integers) -> None:
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
        if len(found) == 1:
            now[row, found[0]] += frame.one(index, int(places[0]))
        else:
            now[row, found] += frame.column(index)[places]


def numbers(codes: Integers, metric: Metric) -> list[float | None]:
    """The numbers that codes represent; whole numbers for counts.

    >>> numbers(np.array([0, 1, 251]), Metric("publish_per_second", 100))
    [None, 0.0, 2.5]
    """
    whole = np.where(codes > 0, codes - 1, codes)
    found: list[Any] = (whole if metric.scale == 1 else whole / metric.scale).tolist()
    for place in (codes == 0).nonzero()[0].tolist():
        found[place] = None
    return found


def _codes(rows: Sequence[Sequence[float | None]], metrics: Sequence[Metric]) -> Integers:
    """`codes[metric, row]`: None is 0, what is not negative is one more, a negative number (a broker's error) is unchanged."""
    codes = np.zeros((len(metrics), len(rows)), np.int64)
    for index, (metric, values) in enumerate(zip(metrics, zip(*rows, strict=True), strict=True) if rows else ()):
        known = [0 if value is None else round(value * metric.scale) for value in values]
        whole = np.array(known, np.int64)
        present = np.array([value is not None for value in values])
        codes[index] = np.where(present, np.where(whole >= 0, whole + 1, whole), 0)
    return codes


def _zigzag(values: Integers) -> Integers:
    return (values << 1) ^ (values >> 63)


def _column(values: Integers) -> bytes:
    """Numbers that are not negative as their width and byte planes."""
    largest = int(values.max()) if len(values) else 0
    width = (largest.bit_length() + 7) // 8
    planes = values.astype("<i8").view(np.uint8).reshape(len(values), 8)[:, :width]
    return bytes([width]) + planes.T.tobytes()


def _unpacked(body: bytes, start: int, width: int, count: int) -> Integers:
    if width == 1:
        return np.frombuffer(body, np.uint8, count, start).astype(np.int64)
    found = np.zeros(count, np.int64)
    for plane in range(width):
        found |= np.frombuffer(body, np.uint8, count, start + plane * count).astype(np.int64) << (8 * plane)
    return found
