"""The totals of a broker and of its virtual hosts, completed from what else a poll has read. Pure."""

from __future__ import annotations

from brokers.management.parse import SeenExchange
from brokers.stats import Overview, VhostStats
from brokers.waiting_messages import Sums


def missing_counters_to_zero(overview: Overview, exchanges: list[SeenExchange], sees_something: bool, vhosts: list[VhostStats]) -> None:
    """Sets missing counters to zero, since the broker omits a counter until it first rises; unless nothing of what is counted is visible."""
    for counted in (overview, *vhosts) if sees_something else ():
        for name in ("published", "delivered", "acknowledged", "unroutable"):
            if getattr(counted, name, 0) is None:
                setattr(counted, name, 0)
    for exchange in exchanges:
        exchange.stats.published_in, exchange.stats.published_out = exchange.stats.published_in or 0, exchange.stats.published_out or 0


def count_messages(overview: Overview, sums: Sums, sees_all: bool) -> None:
    """Sets the totals to what waits: the broker's own contain what streams keep, and are missing where it has no statistics (yet)."""
    for name, waiting, in_streams in zip(("ready", "unacknowledged"), sums.all_waiting, sums.in_streams or (0, 0), strict=True):
        total = getattr(overview, name)
        if sees_all and waiting is not None:
            setattr(overview, name, waiting)
        elif total is not None and sums.in_streams is not None:
            setattr(overview, name, None if in_streams is None or in_streams > total else total - in_streams)
