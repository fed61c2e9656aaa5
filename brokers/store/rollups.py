"""Writing rollups, after the last one that is stored, and their blocks, and dropping those of moments still to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from brokers.database import engine
from brokers.models import Rollup, RollupBlock, Snapshot
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP
from brokers.snapshots.block_writing import Packed
from brokers.store.rows import insert_rows

_FIELDS = ("broker", "kind", "step", "at", "is_key", "data")
_BLOCK_FIELDS = ("broker", "kind", "step", "at", "until", "first_id", "last_id", "data")
_WRITING = 0x726F6C6C  # "roll": the key of the advisory lock


def save_rollups(broker_id: int, kind: str, step: int, rows: Sequence[tuple[datetime, bool, bytes]], follow: datetime | None) -> bool:
    """Stores intervals (beginning, keyframe or not, frame) that follow the one that began at `follow` (None: the first), all or none.

    False, with nothing stored, if that is not the last one any more, or the polls that they were made of are not there any more: another process was
    quicker, or the clock was set back.
    """
    of_kind = Q(broker_id=broker_id, kind=kind)
    with transaction.atomic():
        engine.lock_until_committed(_WRITING)
        if _last(of_kind & Q(step=step)) != follow or not Snapshot.objects.filter(of_kind, step=RAW_STEP, at__gte=rows[-1][0]).exists():
            return False
        insert_rows(Rollup, _FIELDS, [(broker_id, kind, step, *row) for row in rows])
    return True


def save_rollup_blocks(broker_id: int, kind: str, step: int, begins: Sequence[datetime], blocks: Sequence[Packed]) -> bool:
    """Stores the blocks of the intervals that began at these moments, of which only the first is a keyframe, in place of these.

    False, with nothing stored, if they are not all there any more, or are packed already: the clock was set back, or another process was quicker.
    """
    key_at, until = begins[0], begins[-1]
    with transaction.atomic():
        engine.lock_until_committed(_WRITING)
        rows = Rollup.objects.filter(broker_id=broker_id, kind=kind, step=step, at__gte=key_at, at__lte=until)
        if rows.count() != len(begins) or rows.filter(data=b"").exists():
            return False
        insert_rows(RollupBlock, _BLOCK_FIELDS, [(broker_id, kind, step, key_at, until, block.first_id, block.last_id, block.data) for block in blocks])
        rows.filter(is_key=False).delete()
        rows.update(data=b"")
    return True


def _last(series: Q) -> datetime | None:
    """The beginning of the last interval, packed or not."""
    last = Rollup.objects.filter(series).order_by("-at").values_list("at", flat=True).first()
    packed = RollupBlock.objects.filter(series).order_by("-at").values_list("until", flat=True).first()
    return max((at for at in (last, packed) if at is not None), default=None)


def drop_rollups_after(broker_id: int, kind: str, at: datetime) -> None:
    """Within the caller's transaction: deletes the intervals that reach beyond a moment, as what is recorded from then on belongs to them."""
    engine.lock_until_committed(_WRITING)
    for step in STEPS:
        last = at - timedelta(seconds=step)
        series = Q(broker_id=broker_id, kind=kind, step=step)
        Rollup.objects.filter(series, at__gt=last).delete()
        RollupBlock.objects.filter(series, at__gt=last).delete()
        RollupBlock.objects.filter(series, until__gt=last).update(until=datetime.fromtimestamp(last.timestamp() // step * step, UTC))
