"""Marks workers as unknown while no receiver runs, since nothing is known of their present state."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from brokers.clock import is_within
from brokers.polling import leases
from workers.models import EventSource, Worker

SILENT_AFTER = timedelta(seconds=15)  # three of the receiver's heartbeats


def mark_workers_unknown(now: datetime) -> int:
    """Mark online workers as unknown if no receiver has run for 15 s. Returns how many. A receiver that starts again decides anew."""
    beats = [beat.at for beat in leases.heartbeats() if beat.kind == "receiver"]
    if not beats or any(is_within(at, now, SILENT_AFTER) for at in beats):
        return 0
    lived_at = max(beats)
    reason = "Hareline’s receiver does not run, so no events of workers are received"
    with transaction.atomic():
        changed = Worker.objects.filter(state=Worker.ONLINE).update(state=Worker.UNKNOWN, reason=reason, silence="", since=lived_at, changed_at=now)
        if changed:
            EventSource.objects.update(revision=F("revision") + 1)  # so that open pages are updated
    return changed
