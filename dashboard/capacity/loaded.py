"""Queues, worker nodes and which of these consume which, of each virtual host: what the pages of this room are made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.scope import Scope
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import ConsumersByQueue, consumers_by_queue
from workers import queries as worker_queries
from workers.models import Worker
from workers.presence import has_left

QUEUES_AT_MOST = queries.LARGEST_PAGE
_NO_INTERNAL = Condition("celery_own", "=", False)


class Loaded(msgspec.Struct):
    """Of one virtual host: its queues by name, of which Celery’s own are left out, its nodes that are not gone, and the consumers of each queue. `more`: how
    many queues were not read. `whole`: nothing of it is hidden from the person."""

    broker: Broker
    vhost: str
    queues: dict[str, Queue]
    workers: list[Worker]
    consuming: Mapping[str, Sequence[Consuming]]
    gone: int = 0
    more: int = 0
    whole: bool = True

    def consumed_by(self, worker: Worker) -> list[str]:
        """The visible queues that it consumes, by the broker or by its own report; in order."""
        shown = {name for name, found in self.consuming.items() if any(one.worker_id == worker.pk for one in found)}
        return sorted(shown | (reported(worker) & self.queues.keys()))


def reported(worker: Worker) -> set[str]:
    """The queues that it reports to consume."""
    return {str(queue.get("name", "")) for queue in worker.queues or ()}


def loaded(scope: Scope, brokers: Sequence[Broker], vhost: str | None, now: datetime) -> list[Loaded]:
    """Each virtual host with a queue or a node, by broker and name. Of a broker the 500 deepest queues, and all that its nodes consume."""
    found: list[Loaded] = []
    for broker in brokers:
        workers: dict[str, list[Worker]] = defaultdict(list)
        gone: dict[str, int] = defaultdict(int)
        for worker in worker_queries.workers_for_list(scope, broker, vhost):
            if worker.state != Worker.GONE:
                workers[worker.vhost].append(worker)
            elif not has_left(worker, now, worker_queries.gone_for()):
                gone[worker.vhost] += 1
        read = queries.queues(scope, broker=broker.pk, vhost=vhost, conditions=(_NO_INTERNAL,), page_size=QUEUES_AT_MOST, brokers=[broker])
        queues: dict[str, dict[str, Queue]] = defaultdict(dict)
        for queue in read.items:
            queues[queue.vhost][queue.name] = queue
        for name in sorted({*workers, *queues, *gone}):
            consumers = consumers_by_queue(broker.pk, name, broker) if workers[name] or any(queue.consumers for queue in queues[name].values()) else {}
            there = queues[name] | _missing(scope, broker, name, _consumed(workers[name], consumers, name) - queues[name].keys(), read.total > len(read.items))
            consuming = {queue: consumers.get((name, queue), ()) for queue in there}
            found.append(Loaded(broker, name, there, workers[name], consuming, gone[name], whole=scope.covers(broker.name, name)))
        if found and read.total > len(read.items):
            found[-1].more = read.total - len(read.items)
    return found


def _consumed(workers: Sequence[Worker], consumers: ConsumersByQueue, vhost: str) -> set[str]:
    by_celery = {name for (there, name), found in consumers.items() if there == vhost and any(one.celery for one in found)}
    return by_celery.union(*(reported(worker) for worker in workers))


def _missing(scope: Scope, broker: Broker, vhost: str, names: Collection[str], is_cut: bool) -> dict[str, Queue]:
    """The queues of these names, where not all queues were read."""
    if not names or not is_cut:
        return {}
    conditions = (Condition("name", "in", tuple(sorted(names))), _NO_INTERNAL)
    rows = queries.queues(scope, broker=broker.pk, vhost=vhost, conditions=conditions, sort="name", page_size=QUEUES_AT_MOST, brokers=[broker])
    return {queue.name: queue for queue in rows.items}
