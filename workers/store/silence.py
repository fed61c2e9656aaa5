"""What to say of workers while no receiver of ours listens: nothing of the present."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from brokers.polling import leases
from workers.models import EventSource, Worker

SILENT_AFTER = timedelta(seconds=15)  # three of the receiver's heartbeats


def doubt_unheard(now: datetime) -> int:
    """Turns workers that are said to be online to unknown if no receiver has lived for 15 s; how many. A receiver that comes back judges anew."""
    lived_at = max((beat.at for beat in leases.heartbeats() if beat.kind == "receiver"), default=None)
    if lived_at is None or now - lived_at <= SILENT_AFTER:
        return 0
    reason = "Hareline’s receiver does not run, so nothing is heard of workers"
    with transaction.atomic():
        doubted = Worker.objects.filter(state=Worker.ONLINE).update(state=Worker.UNKNOWN, reason=reason, since=lived_at, changed_at=now)
        if doubted:
            EventSource.objects.update(revision=F("revision") + 1)  # so that open pages learn of it
    return doubted
