"""Targets and the messages to them, as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db.models import Count, Max, Min, Q

from dashboard.models import Delivery, DeliveryItem, Finding, FindingEvent, Notice, Target
from dashboard.queries.findings import of_watched

MOST_EVENTS = 5_000
KINDS_TO_PLAN = ("opened", "returned")


def targets() -> list[Target]:
    """By name."""
    return list(Target.objects.order_by("name"))


def target(pk: int) -> Target | None:
    return Target.objects.filter(pk=pk).first()


def failing_targets() -> list[Target]:
    """Those that failed lately and have not been reached since, by name; not the paused ones."""
    return list(Target.objects.filter(failures__gt=0, paused=False).order_by("name"))


def unplanned_events() -> list[FindingEvent]:
    """The oldest first, at most so many at once."""
    return list(FindingEvent.objects.filter(planned=False).order_by("id")[:MOST_EVENTS])


def findings_to_decide(finding_ids: Iterable[int]) -> list[Finding]:
    """Those that are open, those that closed and still count as open at a target, and those of these keys; each with its broker, the oldest first."""
    closed = Notice.objects.filter(open=True, finding__closed_at__isnull=False).values("finding_id")
    rows = Finding.objects.filter((Q(closed_at=None) & of_watched()) | Q(pk__in=list(finding_ids)) | Q(pk__in=closed))
    return list(rows.select_related("broker").defer("body").order_by("pk"))


def notices(findings: Sequence[Finding]) -> dict[tuple[int, int], Notice]:
    """{(target, finding): what the target was notified of} of these findings."""
    ids = {one.pk for one in findings}
    few = Notice.objects.filter(finding_id__in=ids) if len(ids) < 500 else Notice.objects.filter(Q(open=True) | Q(finding__closed_at=None))
    return {(one.target_id, one.finding_id): one for one in few if one.finding_id in ids}


def head_deliveries() -> list[Delivery]:
    """The oldest waiting message to each target that is not paused, with the target."""
    first = Delivery.objects.filter(state=Delivery.WAITING, target__paused=False).values("target").annotate(first=Min("id")).values_list("first", flat=True)
    return list(Delivery.objects.filter(pk__in=list(first)).select_related("target"))


def items_of(delivery: Delivery) -> list[DeliveryItem]:
    """With finding and broker, the oldest first."""
    return list(delivery.items.select_related("finding__broker").order_by("id"))


def unexplained_open() -> list[Finding]:
    """Every open finding that no other one explains, with its broker: what a digest has."""
    return list(Finding.objects.filter(of_watched(), closed_at=None, under=None).select_related("broker").order_by("pk"))


class Queue(msgspec.Struct, frozen=True):
    """What waits for a target, and what could not be delivered."""

    waiting: int = 0
    oldest_at: datetime | None = None
    given_up: int = 0
    last_given_up_at: datetime | None = None


def delivery_queues() -> dict[int, Queue]:
    """{target: its queue} of those that have one."""
    waiting, failed = Q(state=Delivery.WAITING), Q(state=Delivery.FAILED)
    rows = (
        Delivery.objects.filter(waiting | failed)
        .values("target_id")
        .annotate(
            waiting=Count("id", filter=waiting),
            oldest_at=Min("planned_at", filter=waiting),
            given_up=Count("id", filter=failed),
            last_given_up_at=Max("ended_at", filter=failed),
        )
    )
    return {row["target_id"]: Queue(row["waiting"], row["oldest_at"], row["given_up"], row["last_given_up_at"]) for row in rows}


def latest_deliveries(target_pk: int, most: int) -> list[Delivery]:
    """The newest first, each with `findings`, the number of its items."""
    return list(Delivery.objects.filter(target_id=target_pk).annotate(findings=Count("items")).order_by("-id")[:most])


def notified_of(finding: Finding) -> list[FindingEvent]:
    """Who was notified of it, and why somebody was not, the oldest first."""
    return list(FindingEvent.objects.filter(finding=finding, kind__in=("notified", "not notified")).order_by("pk")[:200])
