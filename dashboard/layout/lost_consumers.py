"""Queues that a worker reports to consume although the broker shows no consumer of it there: online, but idle for that queue.

Pure. Nothing is called lost while the broker can't be reached or its consumers can't be listed: the stored ones are old then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from brokers.parts import CONSUMERS
from dashboard.layout import levels
from dashboard.layout.consumer_workers import Consuming
from workers.celery_names import PIDBOX
from workers.models import Worker


def lost_queues(worker: Worker, consuming: Mapping[tuple[str, str], Sequence[Consuming]], now: datetime) -> dict[str, str]:
    """{queue: why} of the queues that a living worker has lost; {} while that can't be known.

    It can be known once the broker lists the worker's control queue, which Celery begins to consume after the task queues
    (celery/worker/consumer/consumer.py, order of the blueprint), and if every other consumer of the queue certainly is somebody else.
    """
    listed = not levels.unavailable(worker.broker, now) and not any(limit.get("part") == CONSUMERS for limit in worker.broker.limits)
    if worker.state != Worker.ONLINE or not listed or not _has_control_queue(worker, consuming):
        return {}
    lost = {}
    for queue in worker.queues or []:
        name = str(queue.get("name", ""))
        others = consuming.get((worker.vhost, name), ())
        if all(other.exact and other.hostname not in (None, worker.hostname) for other in others):
            lost[name] = f"{worker.hostname} reports to consume {name}, but the broker shows {_who(others)}"
    return lost


def _has_control_queue(worker: Worker, consuming: Mapping[tuple[str, str], Sequence[Consuming]]) -> bool:
    beginning = f"{worker.hostname}."
    return any(consuming[key] for key in consuming if key[0] == worker.vhost and key[1].startswith(beginning) and key[1].endswith(PIDBOX))


def _who(others: Sequence[Consuming]) -> str:
    if not others:
        return "no consumer of it"
    return f"only {', '.join(sorted({str(other.hostname) for other in others}))}"
