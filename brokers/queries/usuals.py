"""What is usual of queues, and the hours from which it is learned."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from brokers.models import UsualHour, Usuals


def usual_hours(broker_id: int, since: datetime) -> list[datetime]:
    """The beginnings of the hours that are stored, from then on, in order."""
    return list(UsualHour.objects.filter(broker_id=broker_id, at__gte=since).order_by("at").values_list("at", flat=True))


def usual_hours_data(broker_id: int, since: datetime, also: Collection[datetime]) -> dict[datetime, bytes]:
    """The data of those from `since` on, and of some earlier ones."""
    hours = UsualHour.objects.filter(broker_id=broker_id)
    rows = [*hours.filter(at__gte=since).values_list("at", "data"), *hours.filter(at__in=list(also), at__lt=since).values_list("at", "data")]
    return {at: bytes(data) for at, data in rows}


def usuals_at(broker_id: int) -> datetime | None:
    """For which hour it was learned what is usual; None if it never was."""
    return Usuals.objects.filter(broker_id=broker_id).values_list("at", flat=True).first()


def usuals_data(broker_id: int) -> bytes:
    """What is usual, as it was learned last; b"" if nothing was."""
    return bytes(Usuals.objects.filter(broker_id=broker_id).values_list("data", flat=True).first() or b"")
