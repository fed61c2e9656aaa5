"""Tasks that stay where they are: sent and not taken, sent and routed nowhere, or received and not begun. For findings, so samples where there are many."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import F, Q

from workers.models import Task

SAMPLE = 100
MOST_HELD = 1000
RECENT = 500


def waiting_names(broker_id: int, vhost: str, queue: str) -> list[str]:
    """The names of tasks that wait in the queue, by a sample of them."""
    rows = Task.objects.filter(broker_id=broker_id, vhost=vhost, queue=queue, received_at=None, ended_at=None, sent_at__isnull=False)
    return sorted({name for name in rows.values_list("name", flat=True)[:SAMPLE] if name})


def unrouted(broker_id: int, exchanges: Collection[tuple[str, str]], since: datetime) -> list[tuple[str, str, str, str]]:
    """[(virtual host, exchange, routing key, name)] of tasks among the latest that were sent to these exchanges since then, received by nobody and known to be
    in no queue."""
    newest = (
        Task.objects.filter(broker_id=broker_id)
        .order_by("-id")
        .values_list("vhost", "exchange", "routing_key", "name", "sent_at", "received_at", "queue", "queues")
    )
    found = []
    for vhost, exchange, key, name, sent_at, received_at, queue, queues in newest[:RECENT]:
        is_lost = sent_at is not None and sent_at >= since and received_at is None and queue is None and queues is None
        if is_lost and (vhost, exchange or "") in exchanges:
            found.append((vhost, exchange or "", key or "", name or ""))
    return sorted(set(found))


def held(broker_id: int, received_before: datetime, timeout: timedelta) -> list[Task]:
    """Tasks that were received, and not begun or ended, before that moment, or whose ETA is later than `timeout` after they were received; the first ones."""
    late = Q(received_at__lte=received_before) | Q(eta__gt=F("received_at") + timeout)
    rows = Task.objects.filter(late, broker_id=broker_id, state="RECEIVED", received_at__isnull=False, worker__isnull=False)
    fields = ("vhost", "uuid", "name", "worker", "queue", "received_at", "eta", "state")
    return list(rows.order_by("received_at").only(*fields)[:MOST_HELD])
