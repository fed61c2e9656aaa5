"""Which recorded definitions of a virtual host were in force at a moment."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from brokers.models import VirtualHost


def recorded_by(at: datetime) -> Q:
    """Versions of topologies that were recorded by then, of the virtual host that existed then: none of one of its name that had been deleted before."""
    former = VirtualHost.objects.filter(broker_id=OuterRef("broker_id"), name=OuterRef("vhost"), gone_at__gte=OuterRef("at"), gone_at__lte=at)
    return Q(at__lte=at) & ~Q(Exists(former))
