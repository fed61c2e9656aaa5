"""Polls read from snapshots and the blocks that older ones are packed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard
from django.db.models import Q

from brokers.models import Snapshot, SnapshotBlock
from brokers.queries.outline import Outline
from brokers.snapshots import METRICS, RAW_STEP, Integers, Moment, Series, metric_index, series_of
from brokers.snapshots.blocks import Block

_AT_ONCE = 200


class Polled(NamedTuple):
    """The polls of a series, by the seconds since 1970 at which they were recorded."""

    recorded: npt.NDArray[np.float64]
    series: Series


class _Stored(NamedTuple):
    pk: int
    at: datetime
    until: datetime
    first_id: int
    last_id: int


def last_block(broker_id: int, kind: str) -> datetime | None:
    """Of which keyframe the last blocks are."""
    return SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind).order_by("-at").values_list("at", flat=True).first()


def polls_between(broker_id: int, kind: str, start: datetime, end: datetime) -> list[tuple[datetime, bytes]]:
    """The snapshots from `start` to before `end`, in order; of packed ones only keyframes."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gte=start, at__lt=end).order_by("at", "pk")
    return [(at, bytes(data)) for at, data in rows.values_list("at", "data")]


def polled(broker_id: int, kind: str, ids: Sequence[int], names: Sequence[str], known: Outline, end: datetime) -> Polled:
    """The polls from the outline's base up to `end`, packed or not. Raises UnreadableSnapshot, and ValueError for an unknown metric."""
    if known.base is None:
        return Polled(np.empty(0), series_of(kind, [], ids, names))
    columns = [metric_index(kind, name) for name in names]
    stored = _blocks(broker_id, kind, known.base, end) if known.is_packed else []
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gte=known.base, at__lte=end).order_by("at", "pk")
    if stored:
        packed = Q(is_key=False, at__gt=stored[0].at, at__lte=max(block.until for block in stored))
        rows = rows.exclude(Q(at__in={block.at for block in stored}) | packed)
    recorded: list[float] = []

    def data() -> Iterator[bytes]:
        for at, frame in rows.values_list("at", "data").iterator(chunk_size=500):
            recorded.append(at.timestamp())
            yield bytes(frame)

    series = series_of(kind, data(), ids, names)
    parts = [Polled(np.array(recorded), series), *_packed(stored, ids, columns, end)]
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([part.recorded for part in parts])
    codes, intervals, gaps = (np.concatenate([part.series[place] for part in parts], axis=-1) for place in range(3))
    order = np.argsort(times, kind="stable")
    return Polled(times[order], Series(codes[..., order], intervals[order], gaps[order]))


def _blocks(broker_id: int, kind: str, first: datetime, end: datetime) -> list[_Stored]:
    rows = SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, at__gte=first, at__lte=end).order_by("at", "first_id")
    return [_Stored(*row) for row in rows.values_list("pk", "at", "until", "first_id", "last_id")]


def _packed(stored: Sequence[_Stored], ids: Sequence[int], columns: Sequence[int], end: datetime) -> Iterator[Polled]:
    """The polls of each keyframe: of the blocks that have one of the objects, or one that has the times."""
    wanted = np.array(ids, np.int64)
    groups: dict[datetime, list[int]] = {}
    for one in stored:
        group = groups.setdefault(one.at, [])
        if not group or ((wanted >= one.first_id) & (wanted <= one.last_id)).any():
            group.append(one.pk)
    decompressor, data = zstandard.ZstdDecompressor(), _data_of([pk for group in groups.values() for pk in group])
    for at, group in groups.items():
        blocks = [Block(data[pk], decompressor) for pk in group]
        recorded = at.timestamp() + blocks[0].times / 1_000_000
        kept = int(np.searchsorted(recorded, end.timestamp(), side="right"))
        codes = np.zeros((len(columns), len(wanted), blocks[0].frames), np.int64)
        for block in blocks:
            there = block.ids
            for place, found in enumerate(np.searchsorted(there, wanted).tolist()):
                if found < len(there) and there[found] == wanted[place]:
                    for row, column in enumerate(columns):
                        codes[row, place] = block.course(column, found)
        yield Polled(recorded[:kept], Series(codes[..., :kept], blocks[0].intervals[:kept] / 1000, np.zeros(kept, np.bool_)))


def _data_of(keys: Sequence[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for first in range(0, len(keys), _AT_ONCE):
        rows = SnapshotBlock.objects.filter(pk__in=keys[first : first + _AT_ONCE]).values_list("pk", "data")
        found |= {pk: bytes(data) for pk, data in rows}
    return found


def packed_moment(broker_id: int, kind: str, key_at: datetime, at: datetime) -> tuple[datetime, Moment] | None:
    """The numbers of the last poll at or before a moment among those packed after this keyframe; None if these are not packed."""
    rows = SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, at=key_at).order_by("first_id").values_list("data", flat=True)
    decompressor = zstandard.ZstdDecompressor()
    blocks = [Block(bytes(data), decompressor) for data in rows]
    if not blocks:
        return None
    recorded_at, frame = _frame_at(blocks[0], key_at, at)
    moment = Moment(METRICS[kind])
    moment.every_seconds = float(blocks[0].intervals[frame]) / 1000
    moment.ids = np.concatenate([block.ids for block in blocks])
    codes = np.concatenate([block.moment(frame) for block in blocks], axis=1)
    nothing: Integers = np.zeros((len(METRICS[kind]) - len(codes), codes.shape[1]), np.int64)
    moment.codes = np.concatenate((codes, nothing))
    return recorded_at, moment


def packed_at(broker_id: int, kind: str, key_at: datetime, at: datetime) -> tuple[datetime, float] | None:
    """When that poll was recorded, and how often polls were then (seconds)."""
    data = SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, at=key_at).values_list("data", flat=True).first()
    if data is None:
        return None
    block = Block(bytes(data), zstandard.ZstdDecompressor())
    recorded_at, frame = _frame_at(block, key_at, at)
    return recorded_at, float(block.intervals[frame]) / 1000


def _frame_at(block: Block, key_at: datetime, at: datetime) -> tuple[datetime, int]:
    times = block.times
    frame = int(np.searchsorted(times, round((at - key_at) / timedelta(microseconds=1)), side="right")) - 1
    return key_at + timedelta(microseconds=int(times[frame])), frame
