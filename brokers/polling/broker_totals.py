"""The totals of a broker and of its virtual hosts, completed from what else a poll has read. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from brokers.management.parse import SeenExchange
from brokers.rates import complete_total
from brokers.stats import Overview, QueueStats, VhostStats


def missing_counters_to_zero(overview: Overview, exchanges: list[SeenExchange], sees_something: bool, vhosts: list[VhostStats]) -> None:
    """Sets missing counters to zero, since the broker omits a counter until it first rises; unless nothing of what is counted is visible."""
    for counted in (overview, *vhosts) if sees_something else ():
        for name in ("published", "delivered", "acknowledged", "unroutable"):
            if getattr(counted, name, 0) is None:
                setattr(counted, name, 0)
    for exchange in exchanges:
        exchange.stats.published_in, exchange.stats.published_out = exchange.stats.published_in or 0, exchange.stats.published_out or 0


def count_messages(overview: Overview, queues: Iterable[QueueStats], sees_all: bool) -> None:
    """Sets the totals to what waits: the broker's own contain what streams keep, and are missing where it has no statistics (yet)."""
    queues = list(queues)
    waits = [queue for queue in queues if queue.type != "stream"]
    totals = {"ready": complete_total([queue.ready for queue in waits]), "unacknowledged": complete_total([queue.unacknowledged for queue in waits])}
    for name, waiting in totals.items():
        total = getattr(overview, name)
        if sees_all and waiting is not None:
            setattr(overview, name, waiting)
        elif total is not None and len(waits) < len(queues):
            streams = complete_total(getattr(queue, name) for queue in queues if queue.type == "stream")
            setattr(overview, name, None if streams is None or streams > total else total - streams)
