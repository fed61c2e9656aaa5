"""How far back history goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from brokers.models import Broker, Rollup, Snapshot
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP


def kind_recorded_since(broker_id: int, kind: str) -> datetime | None:
    """The moment of the first snapshot or rollup of this kind that is kept; None if there is none."""
    of_kind: dict[str, Any] = {"broker_id": OuterRef("pk"), "kind": kind}
    tiers = {"polls": Snapshot.objects.filter(**of_kind, step=RAW_STEP), **{f"of_{step}": Rollup.objects.filter(**of_kind, step=step) for step in STEPS}}
    firsts = {name: Subquery(rows.order_by("at").values("at")[:1]) for name, rows in tiers.items()}  # each is one entry of an index
    found = Broker.objects.filter(pk=broker_id).order_by().annotate(**firsts).values_list(*firsts).first() or ()
    return min((at for at in found if at is not None), default=None)
