"""Which programs sent the latest tasks of a queue, as far as senders report it (Celery's setting task_send_sent_event), and which worker nodes took them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from workers.models import Task

RECENT = 1000


def senders_of_queues(broker_id: int, vhost: str, queues: Collection[str], since: datetime) -> dict[str, set[str]]:
    """{queue: host names (`gen811@web-2`)} of the senders of tasks that were sent since then, among the latest of the broker. Without a scope: `queues` are
    those that the person may view."""
    newest = Task.objects.filter(broker_id=broker_id).order_by("-id").values_list("vhost", "queue", "sender", "sent_at")[:RECENT]
    found: dict[str, set[str]] = defaultdict(set)
    for where, queue, sender, sent_at in newest:
        if where == vhost and sender and queue is not None and queue in queues and sent_at is not None and sent_at >= since:
            found[queue].add(sender)
    return dict(found)


def takers_of_queue(broker_id: int, vhost: str, queue: str, since: datetime) -> dict[str, tuple[int, float | None]]:
    """{host name of a worker node: (how many of these tasks it received since then, mean seconds of those that ran; None if none did)}, among the latest
    tasks of the broker. Without a scope: whoever shows it loads the queue first."""
    newest = Task.objects.filter(broker_id=broker_id).order_by("-id").values_list("vhost", "queue", "worker", "received_at", "runtime_seconds")[:RECENT]
    ran: dict[str, list[float | None]] = defaultdict(list)
    for where, named, worker, received_at, seconds in newest:
        if (where, named) == (vhost, queue) and worker and received_at is not None and received_at >= since:
            ran[worker].append(seconds)
    return {worker: (len(each), _mean([one for one in each if one is not None])) for worker, each in ran.items()}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
