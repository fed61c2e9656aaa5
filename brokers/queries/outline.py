"""What history has of a kind of objects, in one query: from where its polls are read, what of them is packed, and how far each tier reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import OuterRef, QuerySet, Subquery

from brokers.models import Broker, Rollup, Snapshot, SnapshotBlock
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP
from brokers.tiers import Reach


class Outline(NamedTuple):
    """`base` is the keyframe from which the polls are read: the last one at or before the start, or else the first up to the end. `rollups`: {step: (first
    beginning, last beginning)}."""

    base: datetime | None
    first_keyframe: datetime | None
    last_block: datetime | None
    rollups: Mapping[int, tuple[datetime, datetime]]

    @property
    def is_packed(self) -> bool:
        """True if some of what follows the base is in blocks."""
        return self.base is not None and self.last_block is not None and self.last_block >= self.base

    @property
    def reaches(self) -> list[Reach]:
        """From when until when each tier has anything, the finest first; of the polls, which are still coming, without an end."""
        polls = [] if self.first_keyframe is None else [Reach(RAW_STEP, self.first_keyframe.timestamp(), math.inf)]
        return polls + [Reach(step, first.timestamp(), last.timestamp() + step) for step, (first, last) in self.rollups.items()]


def outline(broker_id: int, kind: str, start: datetime, end: datetime) -> Outline:
    of_kind: dict[str, Any] = {"broker_id": OuterRef("pk"), "kind": kind}
    keys = Snapshot.objects.filter(**of_kind, step=RAW_STEP, is_key=True)
    wanted = {
        "keyframe": _one(keys.filter(at__lte=start), "-at"),
        "first_keyframe": _one(keys, "at"),
        "last_block": _one(SnapshotBlock.objects.filter(**of_kind), "-at"),
    }
    for step in STEPS:
        rollups = Rollup.objects.filter(**of_kind, step=step)
        wanted |= {f"first_{step}": _one(rollups, "at"), f"last_{step}": _one(rollups, "-at")}
    row = Broker.objects.filter(pk=broker_id).annotate(**wanted).values(*wanted).first() or dict.fromkeys(wanted)
    first = row["first_keyframe"]
    base = row["keyframe"] or (first if first is not None and first <= end else None)
    ends = {step: (begin, last) for step in STEPS if (begin := row[f"first_{step}"]) is not None and (last := row[f"last_{step}"]) is not None}
    return Outline(base, first, row["last_block"], ends)


def _one(rows: QuerySet[Any], order: str) -> Subquery:
    return Subquery(rows.order_by(order).values("at")[:1])
