"""Rollups read from their frames and from the blocks that older ones are packed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard
from django.db import connection
from django.db.models import Max, Q
from django.db.models.functions import Length

from brokers.clock import microseconds
from brokers.database.rows import moment as moment_as
from brokers.database.rows import read_moment
from brokers.models import Rollup, RollupBlock
from brokers.queries.blocks import having_any
from brokers.queries.blocks_of_one import blocks_of_one, course_in
from brokers.queries.kept_frames import frames_where
from brokers.queries.readable import FrameAt, courses_in, if_readable
from brokers.snapshots import Integers, Moment, columns_of
from brokers.snapshots.blocks import Block
from brokers.snapshots.courses import codes_at
from brokers.snapshots.rollups import RolledSeries, columns_at_end, columns_for, ending, moment_at_end, numbers_of

_ROLLUPS, _BLOCKS = Rollup._meta.db_table, RollupBlock._meta.db_table
_AT_ONCE = 500


class Rolled(NamedTuple):
    """The intervals of a series, by the seconds since 1970 at which they began, in order."""

    begins: npt.NDArray[np.float64]
    numbers: RolledSeries


def rolled(broker_id: int, kind: str, step: int, ids: Sequence[int], metrics: Sequence[str], start: datetime, end: datetime) -> Rolled:
    """The intervals that begin before `end`, from the last keyframe at or before `start` on, or from the first one after it; packed ones only where one of the
    objects may have something, and without what can't be read. Raises ValueError for an unknown metric."""
    columns = columns_for(kind, metrics)
    first = _first(broker_id, kind, step, start)
    frames = [] if first is None else _unpacked(broker_id, kind, step, first, end)
    codes = [columns_of([frame for _, frame in frames], ids, columns).codes]
    times = [np.array([at.timestamp() for at, _ in frames])]
    if first is not None and len(ids) == 1:
        packed = _packed_course(broker_id, kind, step, ids[0], columns, first, end)
        times.append(packed.begins)
        codes.append(packed.codes)
    wanted = np.array(ids, np.int64)
    for at, until, stored in [] if first is None or len(ids) == 1 else _packed(broker_id, kind, step, wanted, first, end):
        found = courses_in(_BLOCKS, stored, wanted, columns)
        if found is None:
            continue
        block, course = found
        began = at.timestamp() + block.times / 1_000_000
        kept = int(np.searchsorted(began, min(until.timestamp() + 0.5, end.timestamp())))
        times.append(began[:kept])
        codes.append(course[..., :kept])
    every = np.concatenate(times)
    order = np.argsort(every, kind="stable")
    return Rolled(every[order], numbers_of(kind, metrics, np.concatenate(codes, axis=-1)[..., order]))


class _Course(NamedTuple):
    """Beginnings, and the codes `[column, 0, interval]`."""

    begins: npt.NDArray[np.float64]
    codes: Integers


def _packed_course(broker_id: int, kind: str, step: int, identifier: int, columns: Sequence[int], first: datetime, end: datetime) -> _Course:
    """The packed intervals of one object that begin before `end`."""
    series = {"broker_id": broker_id, "kind": kind, "step": step}
    rows = [row for row in blocks_of_one(Rollup, RollupBlock, series, step, identifier, first, end) if row.first_id <= identifier <= row.last_id]
    rows, found = course_in(rows, identifier, columns)
    if found is None:
        return _Course(np.empty(0), np.empty((len(columns), 1, 0), np.int64))
    last = np.repeat([microseconds(row.until) for row in rows], found.sizes)
    kept = (found.microseconds <= last) & (found.microseconds < microseconds(end))
    return _Course(found.microseconds[kept] / 1_000_000, found.codes[:, None, kept])


def _first(broker_id: int, kind: str, step: int, start: datetime) -> datetime | None:
    keys = f"SELECT at FROM {_ROLLUPS} WHERE broker_id = %s AND kind = %s AND step = %s AND is_key"  # noqa: S608  (names of our own models, as below)
    series: list[Any] = [broker_id, kind, step]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(({keys} AND at <= %s ORDER BY at DESC LIMIT 1), ({keys} ORDER BY at LIMIT 1))", [*series, moment_as(start), *series])
        (found,) = cursor.fetchone()
    return None if found is None else read_moment(found)


def _unpacked(broker_id: int, kind: str, step: int, first: datetime, end: datetime) -> list[FrameAt]:
    """(beginning, frame), in order."""
    where = "broker_id = %s AND kind = %s AND step = %s AND at >= %s AND at < %s AND length(data) > 0"
    return frames_where(_ROLLUPS, where, [broker_id, kind, step, moment_as(first), moment_as(end)])


def _packed(
    broker_id: int, kind: str, step: int, wanted: Integers, first: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, list[bytes]]]:  # fmt: skip
    """Of each keyframe the blocks that may have one of the objects: (its beginning, that of the last interval, blocks)."""
    if not len(wanted):
        return
    where, ranges = having_any(wanted.tolist())
    statement = f"SELECT at, until, first_id, last_id, data FROM {_BLOCKS} WHERE broker_id = %s AND kind = %s AND step = %s AND at >= %s AND at < %s"  # noqa: S608
    values: list[Any] = [broker_id, kind, step, moment_as(first), moment_as(end), *ranges]
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} AND {where} ORDER BY at, first_id", values)
        for (at, until), rows in groupby(_fetched(cursor), key=itemgetter(0, 1)):
            needed = [bytes(data) for *_, first_id, last_id, data in rows if ((wanted >= first_id) & (wanted <= last_id)).any()]
            if needed:
                yield read_moment(at), read_moment(until), needed


def _fetched(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows


def rollup_before(broker_id: int, kind: str, step: int, at: datetime) -> datetime | None:
    """The beginning of the interval that ended last at or before a moment, if one is stored that ended within its own length before it."""
    length = timedelta(seconds=step)
    rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__lte=at - length).order_by("-at")
    begin, size = rows.values_list("at", Length("data")).first() or (None, 0)
    if begin is not None and not size:
        begin = max((one for one in _packed_begins(Q(broker_id=broker_id, kind=kind, step=step, at=begin)) if one <= at - length), default=None)
    return begin if begin is not None and begin > at - 2 * length else None


def moment_at_end_of(broker_id: int, kind: str, step: int, begin: datetime) -> Moment:
    """What was in force at the end of the interval that began then, which is stored. Raises UnreadableSnapshot."""
    first = _first(broker_id, kind, step, begin) or begin
    rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__gte=first, at__lte=begin).order_by("at").values_list("data", flat=True)
    frames = [bytes(data) for data in rows]
    if frames and frames[0]:
        return moment_at_end(kind, frames)
    decompressor = zstandard.ZstdDecompressor()
    packed = RollupBlock.objects.filter(broker_id=broker_id, kind=kind, step=step, at=first).order_by("first_id").values_list("data", flat=True)
    blocks = [Block(bytes(data), decompressor) for data in packed]
    if not blocks:
        return moment_at_end(kind, [])
    frame = int(np.searchsorted(blocks[0].times, round((begin - first) / timedelta(microseconds=1)), side="right")) - 1
    return ending(kind, np.concatenate([block.ids for block in blocks]), codes_at(blocks, columns_at_end(kind), frame), float(step))


def packed_begins_beside(rows: Q, at: datetime) -> list[tuple[datetime, int]]:
    """(beginning, step) of the packed intervals around a moment, of each broker and step those of one keyframe: the last one before it among these rows."""
    last = RollupBlock.objects.filter(rows, at__lt=at).order_by().values_list("broker_id", "step").annotate(Max("at"))
    return [(begin, step) for broker_id, step, key_at in last for begin in _packed_begins(rows & Q(broker_id=broker_id, step=step, at=key_at))]


def _packed_begins(rows: Q) -> list[datetime]:
    """Of the intervals in a block, in order; [] if there is none."""
    found = RollupBlock.objects.filter(rows).values_list("at", "until", "data").first()
    if found is None:
        return []
    at, until, data = found
    block = if_readable(_BLOCKS, partial(Block, bytes(data), zstandard.ZstdDecompressor()))
    begins = [at + timedelta(microseconds=time) for time in block.times.tolist()] if block else []
    return [begin for begin in begins if begin <= until]
