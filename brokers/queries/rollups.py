"""What is to be rolled up and packed: polls, and the rollups that are there."""

from __future__ import annotations

from datetime import datetime

from brokers.models import Rollup, RollupBlock, Snapshot
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
    """The beginning of the last interval, packed or not."""
    series = {"broker_id": broker_id, "kind": kind, "step": step}
    last = Rollup.objects.filter(**series).order_by("-at").values_list("at", flat=True).first()
    packed = RollupBlock.objects.filter(**series).order_by("-at").values_list("until", flat=True).first()
    return max((at for at in (last, packed) if at is not None), default=None)


def rollup_keyframes_after_packed(broker_id: int, kind: str, step: int) -> list[datetime]:
    """The beginnings of the keyframes after the last packed one, in order."""
    series = {"broker_id": broker_id, "kind": kind, "step": step}
    packed = RollupBlock.objects.filter(**series).order_by("-at").values_list("at", flat=True).first()
    rows = Rollup.objects.filter(**series, is_key=True)
    return list((rows if packed is None else rows.filter(at__gt=packed)).order_by("at").values_list("at", flat=True))


def rollup_frames(broker_id: int, kind: str, step: int, first: datetime, end: datetime) -> list[tuple[datetime, bytes]]:
    """(beginning, frame) of the intervals from one up to before another, which are not packed."""
    rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__gte=first, at__lt=end).order_by("at")
    return [(at, bytes(data)) for at, data in rows.values_list("at", "data")]
