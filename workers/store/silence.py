"""Marks workers as unknown while no receiver runs, since nothing is known of their present state."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from brokers.polling import leases
from workers.models import EventSource, Worker

SILENT_AFTER = timedelta(seconds=15)  # three of the receiver's heartbeats


def mark_workers_unknown(now: datetime) -> int:
    """Mark online workers as unknown if no receiver has run for 15 s. Returns how many. A receiver that starts again decides anew."""
    lived_at = max((beat.at for beat in leases.heartbeats() if beat.kind == "receiver"), default=None)
    if lived_at is None or now - lived_at <= SILENT_AFTER:
        return 0
    reason = "Hareline’s receiver does not run, so no events of workers are received"
    with transaction.atomic():
        changed = Worker.objects.filter(state=Worker.ONLINE).update(state=Worker.UNKNOWN, reason=reason, since=lived_at, changed_at=now)
        if changed:
            EventSource.objects.update(revision=F("revision") + 1)  # so that open pages are updated
    return changed
