"""Snapshots read from the database, in the order that the codec requires."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import zstandard

from brokers.errors import NotRecorded
from brokers.models import Rollup, Snapshot
from brokers.queries.blocks import packed_at, packed_moment
from brokers.queries.readable import FrameAt, if_readable, readable
from brokers.queries.rollup_blocks import moment_at_end_of, rollup_before
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP, STEPS_TO_A_GAP, Frame, Moment, moment_of


def first_of(broker_id: int, kind: str, start: datetime, end: datetime) -> datetime | None:
    """The last keyframe at or before `start`, or else the first one up to `end`."""
    keys = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__lte=end, is_key=True)
    first = keys.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    return first or keys.order_by("at").values_list("at", flat=True).first()


def frames(broker_id: int, kind: str, start: datetime, end: datetime, only_keyframes: bool = False) -> Generator[tuple[datetime, bytes], None, None]:
    """(moment, frame) up to `end`, from the last keyframe at or before `start` on, or from the first one after it. Of packed ones only keyframes."""
    first = first_of(broker_id, kind, start, end)
    if first is None:
        return
    found = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__lte=end, at__gte=first)
    if only_keyframes:
        found = found.filter(is_key=True)
    for at, data in found.order_by("at", "pk").values_list("at", "data").iterator(chunk_size=500):
        yield at, bytes(data)


def keyframes_from(broker_id: int, kind: str, first: datetime | None, end: datetime) -> list[FrameAt]:
    """The keyframes from one on up to `end`, but for what can't be read; [] from none on."""
    if first is None:
        return []
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, is_key=True, at__gte=first, at__lte=end).order_by("at", "pk")
    decompressor = zstandard.ZstdDecompressor()
    return readable(Snapshot._meta.db_table, ((at, partial(Frame, bytes(data), decompressor)) for at, data in rows.values_list("at", "data")))


def moment(broker_id: int, kind: str, at: datetime) -> tuple[datetime, Moment] | None:
    """The numbers in force at a moment, and when they were recorded; None if nothing was recorded then (a gap included), or it can't be read.

    Of a time whose polls are not kept any more they are those of the last end of a rolled up minute, or of ten: `Moment.every_seconds`.
    """
    return if_readable("a moment", partial(_moment, broker_id, kind, at))


def _moment(broker_id: int, kind: str, at: datetime) -> tuple[datetime, Moment] | None:
    found = list(frames(broker_id, kind, at, at))
    if not found:
        return _rolled_moment(broker_id, kind, at)
    recorded_at, last = found[-1]
    frame = Frame(last, zstandard.ZstdDecompressor())
    packed = None if len(found) > 1 or frame.is_gap else packed_moment(broker_id, kind, recorded_at, at)
    if packed is not None:
        return None if at - packed[0] > timedelta(seconds=STEPS_TO_A_GAP * packed[1].every_seconds) else packed
    if frame.is_gap or at - recorded_at > timedelta(seconds=STEPS_TO_A_GAP * frame.interval_seconds):
        return None
    return recorded_at, moment_of(kind, (data for _, data in found))


class Recorded(NamedTuple):
    """When the numbers in force at a moment were recorded, and how often they were then."""

    at: datetime
    every_seconds: float


def recorded(broker_id: int, kind: str, at: datetime) -> Recorded:
    """Without reading the numbers. Raises NotRecorded. No scope: for who has read the broker within it."""
    found = if_readable("a moment", partial(_recorded, broker_id, kind, at))
    if found is None:
        raise NotRecorded(kind, at)
    return found


def _recorded(broker_id: int, kind: str, at: datetime) -> Recorded:
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__lte=at).order_by("-at", "-pk")
    found = rows.values_list("at", "data").first()
    if found is not None:
        last = Frame(bytes(found[1]), zstandard.ZstdDecompressor())
        packed = packed_at(broker_id, kind, found[0], at) if last.is_key and not last.is_gap else None
        recorded_at, every_seconds = packed or (found[0], last.interval_seconds)
        if not last.is_gap and at - recorded_at <= timedelta(seconds=STEPS_TO_A_GAP * every_seconds):
            return Recorded(recorded_at, every_seconds)
        raise NotRecorded(kind, at)
    for step in STEPS:
        begin = rollup_before(broker_id, kind, step, at)
        if begin is not None:
            return Recorded(begin + timedelta(seconds=step), float(step))
        if Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__lt=at).exists():
            break
    raise NotRecorded(kind, at)


def _rolled_moment(broker_id: int, kind: str, at: datetime) -> tuple[datetime, Moment] | None:
    for step in STEPS:
        begin, length = rollup_before(broker_id, kind, step, at), timedelta(seconds=step)
        if begin is not None:
            then = moment_at_end_of(broker_id, kind, step, begin)
            return (begin + length, then) if then.codes.any() else None
        if Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__lt=at).exists():
            return None  # a gap
    return None
