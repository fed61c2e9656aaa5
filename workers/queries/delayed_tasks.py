"""Where the tasks go that wait in Celery's delay queues, as far as their senders reported it."""

from __future__ import annotations

from collections import Counter

from workers.models import Task

LOOKED_AT = 5000


def delayed_tasks(broker_id: int, vhost: str) -> dict[tuple[str, str], int]:
    """{(exchange, routing key): how many} of the latest tasks that were sent to Celery's delay queues and that nobody has received. No scope: for counts of
    queues that were read within it."""
    rows = Task.objects.filter(broker_id=broker_id, vhost=vhost, state="PENDING").order_by("-id")
    latest = rows.values_list("exchange", "routing_key", "received_at")[:LOOKED_AT]
    return Counter((exchange, key or "") for exchange, key, received_at in latest if received_at is None and exchange and "celery_delayed_" in exchange)
