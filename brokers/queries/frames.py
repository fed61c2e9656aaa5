"""Snapshots read from the database, in the order that the codec requires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import zstandard

from brokers.models import Snapshot
from brokers.snapshots import RAW_STEP, STEPS_TO_A_GAP, Frame, Moment, moment_of


def frames(broker_id: int, kind: str, start: datetime, end: datetime, only_keyframes: bool = False) -> Iterator[tuple[datetime, bytes]]:
    """(moment, frame) up to `end`, from the last keyframe at or before `start` on, or from the first one after it."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__lte=end)
    keys = rows.filter(is_key=True)
    first = keys.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    first = first or keys.order_by("at").values_list("at", flat=True).first()
    if first is None:
        return
    found = (keys if only_keyframes else rows).filter(at__gte=first)
    for at, data in found.order_by("at", "pk").values_list("at", "data").iterator(chunk_size=500):
        yield at, bytes(data)


def moment(broker_id: int, kind: str, at: datetime) -> tuple[datetime, Moment] | None:
    """The numbers in force at a moment, and when they were recorded; None if nothing was recorded then (a gap included)."""
    found = list(frames(broker_id, kind, at, at))
    if not found:
        return None
    recorded_at, last = found[-1]
    frame = Frame(last, zstandard.ZstdDecompressor())
    if frame.is_gap or at - recorded_at > timedelta(seconds=STEPS_TO_A_GAP * frame.interval_seconds):
        return None
    return recorded_at, moment_of(kind, (data for _, data in found))
