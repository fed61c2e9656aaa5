"""Writing blocks, and deleting the snapshots that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from brokers.database import engine
from brokers.models import Snapshot, SnapshotBlock
from brokers.snapshots import RAW_STEP
from brokers.snapshots.block_writing import Packed
from brokers.store.rows import insert_rows

_FIELDS = ("broker", "kind", "at", "until", "first_id", "last_id", "data")
_WRITING = 0x626C6F63  # "bloc": the key of the advisory lock


def save_blocks(broker_id: int, kind: str, moments: Sequence[datetime], blocks: Sequence[Packed]) -> bool:
    """Stores the blocks of the snapshots of these moments, of which only the first is a keyframe.

    False, with nothing stored, if these are not all there any more, or are packed already: the clock was set back, or another process was quicker.
    """
    key_at, until = moments[0], moments[-1]
    with transaction.atomic():
        engine.lock_until_committed(_WRITING)
        rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, at__gte=key_at, at__lte=until)
        if rows.count() != len(moments) or SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, at=key_at).exists():
            return False
        insert_rows(SnapshotBlock, _FIELDS, [(broker_id, kind, key_at, until, block.first_id, block.last_id, block.data) for block in blocks])
    return True


def drop_packed(broker_id: int, kind: str, before: datetime) -> int:
    """Deletes the snapshots that are in blocks which end before a moment, all but the keyframes; how many."""
    rows = Snapshot.objects.filter(broker_id=broker_id, kind=kind, step=RAW_STEP, is_key=False)
    first = rows.order_by("at").values_list("at", flat=True).first()
    if first is None:
        return 0
    blocks = SnapshotBlock.objects.filter(broker_id=broker_id, kind=kind, until__gte=first, until__lt=before)
    deleted = 0
    for key_at, until in blocks.order_by("at").values_list("at", "until").distinct():
        deleted += rows.filter(Q(at__gt=key_at, at__lte=until)).delete()[0]
    return deleted
