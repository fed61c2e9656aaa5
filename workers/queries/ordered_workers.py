"""Worker nodes that an order is to go to, with all that decides what it will do there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from django.db.models import Q

from brokers.models import Broker
from brokers.scope import Scope
from workers.models import Worker
from workers.presence import worker_as_of
from workers.queries.visible_workers import as_visible, workers_in
from workers.queries.workers import _with_beats

MOST = 1000


def workers_named(scope: Scope, broker: Broker, vhost: str, hostnames: Collection[str]) -> list[Worker]:
    """Those of a virtual host by host name, the first 1,000; without those that do not exist or are not visible."""
    return _found(scope, Q(broker_id=broker.pk, vhost=vhost, hostname__in=list(hostnames)))


def workers_chosen(scope: Scope, ids: Collection[int]) -> list[Worker]:
    """The same by primary key, of any virtual host."""
    return _found(scope, Q(pk__in=list(ids))) if ids else []


def workers_to_order(broker: Broker, vhost: str) -> list[Worker]:
    """All worker nodes of a virtual host that may receive an order: those that are not gone. Of each what it answers remote control with, and its version."""
    rows = Worker.objects.filter(broker_id=broker.pk, vhost=vhost).exclude(state=Worker.GONE)
    shown = ("broker_id", "vhost", "hostname", "state", "reason", "since", "pool", "software", "inspected_at", "inspect_reason")
    now = datetime.now(UTC)
    return [worker_as_of(worker, now) for worker in _with_beats(rows.only(*shown)).order_by("hostname")]


def _found(scope: Scope, wanted: Q) -> list[Worker]:
    rows = Worker.objects.select_related("broker").filter(workers_in(scope), wanted).defer("event_counts")
    found = as_visible(scope, _with_beats(rows).order_by("hostname", "id")[:MOST])
    now = datetime.now(UTC)
    return [worker_as_of(worker, now) for worker in found]
