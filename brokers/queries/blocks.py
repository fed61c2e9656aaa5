"""Polls read from snapshots and the blocks that older ones are packed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard
from django.db import connection

from brokers.clock import microseconds
from brokers.database.rows import moment as moment_as
from brokers.database.rows import read_moment
from brokers.models import Snapshot, SnapshotBlock
from brokers.queries.blocks_of_one import BlockOfOne, blocks_of_one, course_in
from brokers.queries.kept_frames import frames_where
from brokers.queries.outline import Outline
from brokers.queries.readable import FrameAt, courses_in
from brokers.snapshots import METRICS, RAW_STEP, Integers, Moment, Series, metric_index, series_of
from brokers.snapshots.blocks import Block
from brokers.snapshots.courses import codes_at

_AT_ONCE = 200
_SNAPSHOTS, _BLOCKS = Snapshot._meta.db_table, SnapshotBlock._meta.db_table
_FEW = 20
"""So many objects at most are looked up one by one among the blocks."""


class Polled(NamedTuple):
    """The polls of a series, by the seconds since 1970 at which they were recorded."""

    recorded: npt.NDArray[np.float64]
    series: Series


class _Packed(NamedTuple):
    """A keyframe of which there are blocks: its time, that of their last frame, the primary key of one of them."""

    at: datetime
    until: datetime
    block: int


def last_block(broker_id: int, kind: str) -> datetime | None:
    """Of which keyframe the last blocks are."""
    return SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind).order_by("-at").values_list("at", flat=True).first()


def polls_between(broker_id: int, kind: str, start: datetime, end: datetime) -> list[tuple[datetime, bytes]]:
    """The snapshots from `start` to before `end`, in order; of packed ones only keyframes."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gte=start, at__lt=end).order_by("at", "pk")
    return [(at, bytes(data)) for at, data in rows.values_list("at", "data")]


def polled(broker_id: int, kind: str, ids: Sequence[int], names: Sequence[str], known: Outline, end: datetime) -> Polled:
    """The polls from the outline's base up to `end`, packed or not, but for what can't be read. Raises ValueError for an unknown metric."""
    base = known.base
    if base is None:
        return Polled(np.empty(0), series_of(kind, [], ids, names))
    columns = [metric_index(kind, name) for name in names]
    of_one: list[BlockOfOne] = []
    if known.is_packed and len(ids) == 1:
        of_one = blocks_of_one(Snapshot, SnapshotBlock, {"broker_id": broker_id, "kind": kind}, RAW_STEP, ids[0], base, end)
    stored = [_Packed(at, until, 0) for at, until, *_ in of_one]
    if known.is_packed and len(ids) != 1:
        stored = _packed_keyframes(broker_id, kind, base, end)
    unpacked = _unpacked_polls(broker_id, kind, base, end, stored)
    series = series_of(kind, [frame for _, frame in unpacked], ids, names)
    packed = _course(of_one, ids[0], columns, end) if of_one else _packed(broker_id, kind, stored, ids, columns, end)
    parts = [Polled(np.array([at.timestamp() for at, _ in unpacked]), series), *packed]
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([part.recorded for part in parts])
    codes, intervals, gaps = (np.concatenate([part.series[place] for part in parts], axis=-1) for place in range(3))
    order = np.argsort(times, kind="stable")
    return Polled(times[order], Series(codes[..., order], intervals[order], gaps[order]))


def _course(rows: Sequence[BlockOfOne], identifier: int, columns: Sequence[int], end: datetime) -> list[Polled]:
    """The polls of an object in these blocks."""
    _, found = course_in(rows, identifier, columns)
    if found is None:
        return []
    kept = int(np.searchsorted(found.microseconds, microseconds(end), side="right"))
    codes = found.codes[:, None, :kept]
    return [Polled(found.microseconds[:kept] / 1_000_000, Series(codes, found.intervals[:kept] / 1000, np.zeros(kept, np.bool_)))]


def _packed_keyframes(broker_id: int, kind: str, first: datetime, end: datetime) -> list[_Packed]:
    statement = f"SELECT at, max(until), min(id) FROM {_BLOCKS} WHERE broker_id = %s AND kind = %s AND at >= %s AND at <= %s GROUP BY at ORDER BY at"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [broker_id, kind, moment_as(first), moment_as(end)])
        return [_Packed(read_moment(at), read_moment(until), pk) for at, until, pk in cursor.fetchall()]


def _unpacked_polls(broker_id: int, kind: str, first: datetime, end: datetime, stored: Sequence[_Packed]) -> list[FrameAt]:
    """The snapshots from the first on that are not in one of these blocks, in order."""
    where = "broker_id = %s AND kind = %s AND step = %s AND at >= %s AND at <= %s"
    values: list[Any] = [broker_id, kind, RAW_STEP, moment_as(first), moment_as(end)]
    if stored:
        of_block = f"SELECT 1 FROM {_BLOCKS} AS packed WHERE packed.broker_id = %s AND packed.kind = %s AND packed.at = {_SNAPSHOTS}.at"  # noqa: S608
        where += f" AND (at > %s OR NOT EXISTS ({of_block})) AND (is_key OR at <= %s OR at > %s)"
        values += [moment_as(stored[-1].at), broker_id, kind, moment_as(stored[0].at), moment_as(max(one.until for one in stored))]
    return frames_where(_SNAPSHOTS, where, values)


def _packed(broker_id: int, kind: str, stored: Sequence[_Packed], ids: Sequence[int], columns: Sequence[int], end: datetime) -> Iterator[Polled]:
    """The polls of each keyframe: of the blocks that have one of the objects, or one that has the times."""
    if not stored:
        return
    wanted = np.array(ids, np.int64)
    without = {one.at: one.block for one in stored}
    for at, group in groupby(_blocks_with(broker_id, kind, stored, ids), key=itemgetter(0)):
        needed = [bytes(data) for _, first, last, data in group if ((wanted >= first) & (wanted <= last)).any()]
        if needed:
            without.pop(at, None)
            yield from _courses(needed, at, wanted, columns, end)
    keys = list(without.values())
    for begin in range(0, len(keys), _AT_ONCE):
        for at, data in SnapshotBlock.objects.filter(pk__in=keys[begin : begin + _AT_ONCE]).values_list("at", "data"):
            yield from _courses([bytes(data)], at, wanted, columns, end)


def _courses(stored: Sequence[bytes], at: datetime, wanted: Integers, columns: Sequence[int], end: datetime) -> Iterator[Polled]:
    """The polls of these blocks of one keyframe, of which there is one at least; none if one can't be read."""
    found = courses_in(_BLOCKS, stored, wanted, columns)
    if found is None:
        return
    block, codes = found
    recorded = at.timestamp() + block.times / 1_000_000
    kept = int(np.searchsorted(recorded, end.timestamp(), side="right"))
    yield Polled(recorded[:kept], Series(codes[..., :kept], block.intervals[:kept] / 1000, np.zeros(kept, np.bool_)))


def _blocks_with(broker_id: int, kind: str, stored: Sequence[_Packed], ids: Sequence[int]) -> Iterator[tuple[datetime, int, int, bytes]]:
    """Blocks of these keyframes that may have one of the objects: keyframe, first and last object, bytes."""
    if not ids:
        return
    where, ranges = having_any(ids)
    statement = f"SELECT at, first_id, last_id, data FROM {_BLOCKS} WHERE broker_id = %s AND kind = %s AND at >= %s AND at <= %s AND {where}"  # noqa: S608
    values = [broker_id, kind, moment_as(stored[0].at), moment_as(stored[-1].at), *ranges]
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} ORDER BY at, first_id", values)
        while rows := cursor.fetchmany(_AT_ONCE):
            for at, first, last, data in rows:
                yield read_moment(at), first, last, data


def having_any(ids: Sequence[int]) -> tuple[str, list[int]]:
    """A condition with its parameters: of the blocks that may have one of these objects, at least one."""
    ranges = [(one, one) for one in ids] if len(ids) <= _FEW else [(max(ids), min(ids))]
    return f"({' OR '.join(['first_id <= %s AND last_id >= %s'] * len(ranges))})", [*chain.from_iterable(ranges)]


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
    moment.codes = codes_at(blocks, range(len(METRICS[kind])), frame)
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
