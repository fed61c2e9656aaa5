"""How much of what is watched a place covers."""

from __future__ import annotations

from brokers.models import Queue
from brokers.queries import visible
from brokers.scope import Scope


def covered_queues(scope: Scope) -> tuple[int, int]:
    """(queues that exist now, virtual hosts that they are in)."""
    found = Queue.objects.filter(visible.rows_in(scope, queue="name"), gone_at=None)
    return found.count(), found.values("broker_id", "vhost").distinct().count()
