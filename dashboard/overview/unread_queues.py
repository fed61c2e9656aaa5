"""The incident of queues that can't be read although their broker responds."""

from __future__ import annotations

from datetime import datetime

from brokers import parts
from brokers.models import Broker
from dashboard.layout import formatting, levels
from dashboard.layout.levels import Level
from dashboard.overview.incidents import Incident


def incident(broker: Broker, now: datetime) -> Incident | None:
    """None while the queues are read, or the whole broker is not available, which is an incident of its own."""
    limit = next((limit for limit in broker.limits if limit.get("part") == parts.QUEUES), None)
    if limit is None or levels.unavailable(broker, now):
        return None
    since = datetime.fromisoformat(limit["since"])
    reason = str(limit["why"])
    return Incident(
        f"queues-of-broker-{broker.pk}",
        Level("unknown", levels.unread(broker, parts.QUEUES, now)),
        f"The queues of {broker.name} can't be read; they are unknown",
        since,
        f"{reason[:1].upper()}{reason[1:]}. Numbers are from {formatting.moment_text(since, now)} or earlier.",
        "What still works",
        f"{broker.name} answers other requests, and what they show is live.",
        "The broker fails at the list of queues, or a proxy between it and Hareline refuses that path.",
        "Check the log of the broker's node, and the proxy's. Hareline retries and recovers automatically.",
    )
