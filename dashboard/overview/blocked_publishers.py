"""A memory or disk alarm: since when the broker blocks publishers, and whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from brokers.models import Broker
from dashboard.layout import formatting, levels
from dashboard.overview.incidents import Incident


def incident(broker: Broker, now: datetime, blocked: Callable[[], Sequence[str]]) -> Incident | None:
    """The incident of a broker that blocks publishers; None if it does not. `blocked` returns the names of the connections that are."""
    level = levels.broker_level(broker, now)
    if level.word != "critical":
        return None
    connections = blocked()
    resources = sorted({str(alarm.get("resource")) for alarm in broker.alarms})
    nodes = sorted({str(alarm.get("node")) for alarm in broker.alarms})
    freed = "Let consumers drain the deepest queues, or raise the limit." if "memory" in resources else "Free disk space on the node, or lower the limit."
    return Incident(
        f"broker-{broker.pk}",
        level,
        f"{broker.name} blocks publishers",
        levels.blocked_since(broker.alarms),
        f"The {formatting.listed(resources)} alarm is set on {formatting.listed(nodes)}.",
        "What it means",
        "Every publishing connection is blocked until the alarm clears, and Celery’s heartbeats with it. Consumers keep working.",
        f"{formatting.listed(nodes)} reached its limit of {formatting.listed(resources)}; the bars under Broker nodes show by how much.",
        freed,
        evidence=f"blocked connections: {formatting.listed(connections)}" if connections else "",
        command="rabbitmq-diagnostics memory_breakdown" if "memory" in resources else "",
    )
