"""Writing rollups, after the last one that is stored, and dropping those of moments still to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from brokers.database import engine
from brokers.models import Rollup, Snapshot
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP
from brokers.store.rows import insert_rows

_FIELDS = ("broker", "kind", "step", "at", "is_key", "data")
_WRITING = 0x726F6C6C  # "roll": the key of the advisory lock


def save_rollups(broker_id: int, kind: str, step: int, rows: Sequence[tuple[datetime, bool, bytes]], follow: datetime | None) -> bool:
    """Stores intervals (beginning, keyframe or not, frame) that follow the one that began at `follow` (None: the first), all or none.

    False, with nothing stored, if that is not the last one any more, or the polls that they were made of are not there any more: another process was
    quicker, or the clock was set back.
    """
    of_kind = Q(broker_id=broker_id, kind=kind)
    with transaction.atomic():
        engine.lock_until_committed(_WRITING)
        last = Rollup.objects.filter(of_kind, step=step).order_by("-at").values_list("at", flat=True).first()
        if last != follow or not Snapshot.objects.filter(of_kind, step=RAW_STEP, at__gte=rows[-1][0]).exists():
            return False
        insert_rows(Rollup, _FIELDS, [(broker_id, kind, step, *row) for row in rows])
    return True


def drop_rollups_after(broker_id: int, kind: str, at: datetime) -> None:
    """Within the caller's transaction: deletes the intervals that reach beyond a moment, as what is recorded from then on belongs to them."""
    later = Q()
    for step in STEPS:
        later |= Q(step=step, at__gt=at - timedelta(seconds=step))
    Rollup.objects.filter(later, broker_id=broker_id, kind=kind).delete()
