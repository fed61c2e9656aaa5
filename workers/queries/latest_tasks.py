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


Takers = dict[str, tuple[int, float | None]]
"""{host name of a worker node: (how many tasks it received, mean seconds of those that ran; None if none did)}."""


def takers_of_queue(broker_id: int, vhost: str, queue: str, since: datetime) -> Takers:
    """Who received this queue's tasks since then, among the latest tasks of the broker. Without a scope: whoever shows it loads the queue first."""
    return takers(broker_id, since).get((vhost, queue), {})


def takers(broker_id: int, since: datetime) -> dict[tuple[str, str], Takers]:
    """{(virtual host, queue): who received its tasks since then}, as `takers_of_queue`."""
    newest = Task.objects.filter(broker_id=broker_id).order_by("-id").values_list("vhost", "queue", "worker", "received_at", "runtime_seconds")[:RECENT]
    ran: dict[tuple[str, str], dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for vhost, queue, worker, received_at, seconds in newest:
        if worker and queue is not None and received_at is not None and received_at >= since:
            ran[vhost, queue][worker].append(seconds)
    return {queue: {worker: (len(each), _mean([one for one in each if one is not None])) for worker, each in workers.items()} for queue, workers in ran.items()}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
