"""What is usual of queues: hours of their numbers, and what was learned from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from brokers.models import UsualHour, Usuals


def save_usual_hours(broker_id: int, hours: Iterable[tuple[datetime, bytes]], kept_from: datetime) -> None:
    """Adds hours of a broker, each by its beginning, and deletes those that began before `kept_from`."""
    with transaction.atomic():
        UsualHour.objects.filter(broker_id=broker_id, at__lt=kept_from).delete()
        UsualHour.objects.bulk_create([UsualHour(broker_id=broker_id, at=at, data=data) for at, data in hours], ignore_conflicts=True)


def save_usuals(broker_id: int, hour: datetime, data: bytes) -> None:
    """What is usual in the hour that begins then, in place of what was before."""
    Usuals.objects.update_or_create(broker_id=broker_id, defaults={"at": hour, "data": data})
