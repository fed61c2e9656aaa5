"""The queues that held messages within a day, for questions about their past."""

from __future__ import annotations

from brokers.models import Broker, Queue
from brokers.queries import pages
from brokers.scope import Scope


def deep_queues(scope: Scope, broker: Broker, most: int) -> list[Queue]:
    """The deepest of the last 24 hours first, with their broker; none outside of the scope."""
    if not Broker.objects.filter(pages.visible_brokers(scope, broker.pk)).exists():
        return []
    found = list(
        Queue.objects.filter(pages.in_scope(scope, broker.pk, queue="name"), gone_at=None, highest_depth__gt=0).order_by("-highest_depth", "pk")[:most]
    )
    pages.share_brokers(found, [broker])
    return found


def number_of_queues(scope: Scope, broker: Broker) -> int:
    return Queue.objects.filter(pages.in_scope(scope, broker.pk, queue="name"), gone_at=None).count()
