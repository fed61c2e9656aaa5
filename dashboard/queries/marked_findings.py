"""The findings that began or ended between two moments."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from brokers.scope import Scope
from dashboard.models import Finding
from dashboard.queries.visible_findings import as_visible, in_scope

MOST_FINDINGS = 100


def findings_between(
    scope: Scope, broker_id: int, start: datetime, end: datetime, *, vhost: str | None = None, kind: str = "", object_id: int | None = None
) -> list[Finding]:
    """Those of a broker, a virtual host of it, or one object, that opened or closed then, without their bodies; of more than 100 the latest."""
    where = Q(opened_at__gte=start, opened_at__lte=end) | Q(closed_at__gte=start, closed_at__lte=end)
    if vhost is not None:
        where &= Q(vhost__in=(vhost, ""))
    if object_id is not None:
        where &= Q(kind=kind, object_id=object_id)
    rows = Finding.objects.filter(in_scope(scope), where, broker_id=broker_id).select_related("broker").defer("body").order_by("-opened_at", "-pk")
    return as_visible(scope, rows[:MOST_FINDINGS])
