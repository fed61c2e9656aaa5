"""The changes of a broker that matter to one object, between two moments."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from brokers.models import Change, Exchange, Queue
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.partly_visible import changes_in
from brokers.scope import Scope

MOST_CHANGES = 200
_OF_BROKER = Q(kind__in=("node", "broker", "alarm"))
_SETTINGS = Q(kind__in=("policy", "operator_policy", "worker"))


def changes_about_queue(scope: Scope, queue: Queue, start: datetime, end: datetime) -> list[Change]:
    """Of the queue, its bindings, policies and worker nodes of its virtual host, and nodes; the oldest first, of more than 200 the latest."""
    bound = Q(kind="binding", name__endswith=f" → {queue.name}")
    return _between(scope, queue.broker_id, start, end, _OF_BROKER | Q(vhost=queue.vhost) & (Q(kind="queue", name=queue.name) | bound | _SETTINGS))


def changes_about_exchange(scope: Scope, exchange: Exchange, start: datetime, end: datetime) -> list[Change]:
    """The same of an exchange, whose bindings lead from it or to it."""
    name = exchange.name
    bound = Q(kind="binding") & (Q(name__startswith=f"{name} → ") | Q(name__endswith=f" → {name}"))
    return _between(scope, exchange.broker_id, start, end, _OF_BROKER | Q(vhost=exchange.vhost) & (Q(kind="exchange", name=name) | bound | Q(kind="policy")))


def changes_of_broker(scope: Scope, broker_id: int, vhost: str | None, start: datetime, end: datetime) -> list[Change]:
    """Bindings, policies, worker nodes and nodes of a broker, or of one virtual host and of the broker as a whole."""
    kinds = _OF_BROKER | _SETTINGS | Q(kind="binding")
    return _between(scope, broker_id, start, end, kinds if vhost is None else kinds & Q(vhost__in=(vhost, "")))


def _between(scope: Scope, broker_id: int, start: datetime, end: datetime, which: Q) -> list[Change]:
    rows = Change.objects.filter(changes_in(scope, broker_id), which, at__gte=start, at__lte=end).select_related("broker").order_by("-at", "-pk")
    found = list(rows[:MOST_CHANGES])[::-1]
    hide_brokers(scope, found)
    return found
