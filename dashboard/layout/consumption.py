"""Who consumes which queue now, for pages, calls and live rows: queries the database, lets `consumer_workers` decide, caches the answer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from brokers import queries
from brokers.models import Broker, Queue
from brokers.queries import fingerprints, kept
from brokers.scope import EVERYTHING
from dashboard.layout.consumer_workers import Consuming, consumers_of
from workers import queries as worker_queries

ConsumersByQueue = Mapping[tuple[str, str], list[Consuming]]
"""By (virtual host, queue name)."""

_kept: dict[tuple[int, str], tuple[Hashable, ConsumersByQueue]] = {}


def consumers_by_queue(broker_id: int, vhost: str, broker: Broker | None = None) -> ConsumersByQueue:
    """The consumers of each queue of a virtual host. Worked out anew when consumers, connections or workers changed; safe in any thread.
    `broker`: its row, if it was read in this transaction: whether its consumers changed is then known without a question.

    Without a scope: whoever shows it loads the queue first, within the person's scope.
    """
    clients = kept.shared(kept.state_of([broker]) if broker else None, fingerprints.clients_fingerprint, broker_id, vhost)
    fingerprint = (clients, worker_queries.workers_fingerprint(broker_id, vhost))
    known = _kept.get((broker_id, vhost))
    if known is None or known[0] != fingerprint:
        consumers = queries.consumers(EVERYTHING, broker_id, vhost)
        connections, channels = queries.connections(EVERYTHING, broker_id, vhost), queries.channels(EVERYTHING, broker_id, vhost)
        names = worker_queries.names_of(broker_id, vhost)
        known = (fingerprint, consumers_of(consumers, connections, channels, worker_queries.all_workers(broker_id, vhost), names))
        _kept[broker_id, vhost] = known
    return known[1]


def consuming_of(queue: Queue) -> Sequence[Consuming]:
    """The consumers of one queue; () if there are none, or none are known, as at a past moment."""
    if queue.past_at is not None:
        return ()
    return consumers_by_queue(queue.broker_id, queue.vhost, queue.broker).get((queue.vhost, queue.name), ())


def consuming_of_each(queues: Iterable[Queue]) -> list[tuple[Queue, Sequence[Consuming]]]:
    """Each queue with its consumers, in the same order; one query a virtual host, however many of its queues are given."""
    known: dict[tuple[int, str], ConsumersByQueue] = {}
    found: list[tuple[Queue, Sequence[Consuming]]] = []
    for queue in queues:
        place = (queue.broker_id, queue.vhost)
        if queue.past_at is not None:
            known[place] = {}
        elif place not in known:
            known[place] = consumers_by_queue(*place, queue.broker)
        found.append((queue, known[place].get((queue.vhost, queue.name), ())))
    return found
