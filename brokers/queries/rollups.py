"""Rollups read from the database, in the order that the codec requires, and what is to be rolled up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from brokers.models import Rollup, Snapshot
from brokers.snapshots import RAW_STEP


def last_poll(broker_id: int, kind: str) -> datetime | None:
    """When the last poll was stored, a failed one included."""
    return Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP).order_by("-at").values_list("at", flat=True).first()


def next_poll(broker_id: int, kind: str, at: datetime) -> datetime | None:
    """The first poll at or after a moment."""
    return Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gte=at).order_by("at").values_list("at", flat=True).first()


def first_keyframe(broker_id: int, kind: str) -> datetime | None:
    """From when on polls can be read."""
    return Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, is_key=True).order_by("at").values_list("at", flat=True).first()


def keyframes_after(broker_id: int, kind: str, after: datetime | None) -> list[datetime]:
    """The moments of the keyframes after another one (None: all), in order."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, is_key=True)
    return list((rows if after is None else rows.filter(at__gt=after)).order_by("at").values_list("at", flat=True))


def last_rollup(broker_id: int, kind: str, step: int) -> datetime | None:
    """The beginning of the last interval."""
    return Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step).order_by("-at").values_list("at", flat=True).first()


def rollup_frames(broker_id: int, kind: str, step: int, start: datetime, end: datetime) -> Iterator[tuple[datetime, bytes]]:
    """(beginning, frame) of the intervals that begin before `end`, from the last keyframe at or before `start` on, or from the first one after it."""
    rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__lt=end)
    keys = rows.filter(is_key=True)
    first = keys.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    first = first or keys.order_by("at").values_list("at", flat=True).first()
    if first is None:
        return
    for at, data in rows.filter(at__gte=first).order_by("at").values_list("at", "data").iterator(chunk_size=500):
        yield at, bytes(data)


def rollup_before(broker_id: int, kind: str, step: int, at: datetime) -> datetime | None:
    """The beginning of the interval that ended last at or before a moment, if one is stored that ended within its own length before it."""
    length = timedelta(seconds=step)
    rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__lte=at - length, at__gt=at - 2 * length)
    return rows.order_by("-at").values_list("at", flat=True).first()
