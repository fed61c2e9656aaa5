"""What workers had reported of their application at a past moment."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from brokers.queries.pages import BrokerRef, in_scope
from brokers.scope import Scope
from workers.models import Worker, WorkerReport
from workers.queries.past_workers import workers_as_they_were
from workers.queries.workers import ReportedApplication
from workers.reports import Report, decode


def applications_at(scope: Scope, broker: BrokerRef, vhost: str, at: datetime) -> list[ReportedApplication]:
    """The workers online at that moment whose report at that time is recorded, by host name; while none was, all of which one is. `configuration_at` is when it
    was stored. [] where nothing is recorded."""
    rows = list(Worker.objects.filter(in_scope(scope, broker, vhost), first_seen_at__lte=at).only("hostname", "vhost", "broker_id").order_by("hostname"))
    before = WorkerReport.objects.filter(worker__in=[row.pk for row in rows], at__lte=at)
    latest = before.order_by().values("worker_id").annotate(latest=Max("pk")).values("latest")
    read: dict[str, Report] = {}
    found: dict[int, tuple[datetime, Report]] = {}
    for worker_id, stored_at, content_hash, data in WorkerReport.objects.filter(pk__in=latest).values_list("worker_id", "at", "content_hash", "data"):
        if content_hash not in read:
            read[content_hash] = decode(bytes(data))
        found[worker_id] = (stored_at, read[content_hash])
    known = [row for row in workers_as_they_were(rows, at) if row.pk in found]
    online = [row for row in known if row.state == Worker.ONLINE] or known
    return [
        ReportedApplication(row.pk, row.hostname, report.configuration, stored_at, report.queues, report.registered)
        for row in online
        for stored_at, report in (found[row.pk],)
    ]
