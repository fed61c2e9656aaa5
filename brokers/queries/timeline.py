"""When something was recorded, and when something changed: how far a page can go back, and the steps from one change to the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from brokers.models import Broker, Change, Rollup, Snapshot, SnapshotBlock
from brokers.queries.pages import BrokerRef, visible_brokers
from brokers.queries.partly_visible import changes_in
from brokers.queries.rollup_blocks import packed_begins_beside
from brokers.scope import Scope
from brokers.snapshots import RAW_STEP
from brokers.tiers import TIERS

MOST_CHANGES = 5000


def recorded_since(scope: Scope, broker: BrokerRef | None = None) -> dict[int, dict[int, datetime]]:
    """{broker id: {step in seconds: the first moment that can be shown in that step}}; a broker without a record is missing. One query a broker and step.

    Rolled up steps hold the numbers at their end: what came before, in the first of them, may not be recorded at all.
    """
    found: dict[int, dict[int, datetime]] = {}
    for broker_id in Broker.objects.filter(visible_brokers(scope, broker), configured=True).order_by().values_list("pk", flat=True):
        firsts = {step: _rows(step).filter(broker_id=broker_id, kind="broker").order_by("at").values_list("at", flat=True).first() for step in TIERS}
        if known := {step: first if step == RAW_STEP else first + timedelta(seconds=step) for step, first in firsts.items() if first is not None}:
            found[broker_id] = known
    return found


def first_recorded(scope: Scope) -> datetime | None:
    """The first moment that is recorded of any broker; None before the first poll."""
    return min((min(steps.values()) for steps in recorded_since(scope).values()), default=None)


def last_recorded(scope: Scope, broker: BrokerRef | None = None) -> datetime | None:
    """The moment of the last poll of a visible broker that was stored; None before the first one."""
    rows = Broker.objects.filter(visible_brokers(scope, broker), configured=True, polled_at__isnull=False)
    return rows.order_by("-polled_at").values_list("polled_at", flat=True).first()


def recorded_beside(scope: Scope, at: datetime, broker: BrokerRef | None = None) -> tuple[datetime | None, datetime | None]:
    """The last moment before `at` and the first one after it of which numbers are recorded: the ends of a gap."""
    of_brokers: dict[str, Any] = {"broker__in": Broker.objects.filter(visible_brokers(scope, broker), configured=True), "kind": "broker"}
    polls, blocks, rollups = Snapshot.objects.filter(**of_brokers), SnapshotBlock.objects.filter(**of_brokers), Rollup.objects.filter(**of_brokers)
    ended = [
        polls.filter(at__lt=at).order_by("-at").values_list("at", flat=True).first(),
        blocks.filter(until__lt=at).order_by("-at").values_list("until", flat=True).first(),
        *(end + timedelta(seconds=step) for end, step in rollups.filter(at__lt=at).order_by("-at").values_list("at", "step")[:1]),
    ]
    begun = [moments.filter(at__gt=at).order_by("at").first() for moments in (polls.values_list("at", flat=True), rollups.values_list("at", flat=True))]
    packed = packed_begins_beside(Q(**of_brokers), at)
    ended += [begin + timedelta(seconds=step) for begin, step in packed]
    begun += [begin for begin, _ in packed if begin > at]
    return max((end for end in ended if end is not None and end < at), default=None), min((begin for begin in begun if begin is not None), default=None)


def change_times(scope: Scope, start: datetime, end: datetime, broker: BrokerRef | None = None, vhost: str | None = None) -> list[datetime]:
    """The moments of the changes from `start` to `end`, the latest first, at most MOST_CHANGES."""
    rows = Change.objects.filter(_of(scope, broker, vhost), at__gte=start, at__lte=end)
    return list(rows.order_by("-at").values_list("at", flat=True)[:MOST_CHANGES])


def change_before(scope: Scope, at: datetime, broker: BrokerRef | None = None, vhost: str | None = None) -> datetime | None:
    """The moment of the last change before `at`."""
    return Change.objects.filter(_of(scope, broker, vhost), at__lt=at).order_by("-at").values_list("at", flat=True).first()


def change_after(scope: Scope, at: datetime, broker: BrokerRef | None = None, vhost: str | None = None) -> datetime | None:
    """The moment of the first change after `at`."""
    return Change.objects.filter(_of(scope, broker, vhost), at__gt=at).order_by("at").values_list("at", flat=True).first()


def _of(scope: Scope, broker: BrokerRef | None, vhost: str | None) -> Q:
    return changes_in(scope, broker) & (Q() if vhost is None else Q(vhost__in=(vhost, "")))


def _rows(tier: int) -> QuerySet[Any]:
    return (Snapshot if tier == RAW_STEP else Rollup).objects.filter(step=tier)
