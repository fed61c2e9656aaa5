"""How many tasks there are, as the store keeps it: exact, however many, and read from a few rows."""

from __future__ import annotations

from django.db.models import Sum

from brokers.models import Broker
from brokers.queries.pages import BrokerRef, visible_brokers
from brokers.scope import Scope
from workers.models import TaskCount
from workers.task_filter import ALL_STATES


def kept_counts(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> dict[str, int]:
    """{state: how many tasks are in it}, every state, of what may be seen, of one broker and virtual host where given."""
    rows = TaskCount.objects.order_by()
    if scope.brokers is not None or broker is not None:
        rows = rows.filter(broker__in=Broker.objects.filter(visible_brokers(scope, broker)))
    if vhost is not None:
        rows = rows.filter(vhost=vhost)
    counts = dict(rows.values_list("state").annotate(Sum("tasks")))
    return {state: max(counts.get(state, 0), 0) for state in ALL_STATES}
