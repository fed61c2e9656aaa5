"""Who consumed a queue last: stored with the queue when its last consumer leaves, since the broker forgets consumers at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from brokers.models import Connection, Consumer, Queue
from brokers.stats import ConsumerStats
from brokers.store.rows import Write, update_rows

MOST_NAMED = 5
CONTROL_QUEUE = ".pidbox"
"""The end of the name of the queue in which a worker node of Celery receives remote control, over the connection that consumes its task queues."""
_AT_ONCE = 500

Name = tuple[str, str]


def noting_last_consumers(broker_id: int, consumers: Iterable[ConsumerStats], at: datetime) -> Iterator[Write]:
    """What to write of the queues that the stored consumers consume and none of `consumers` does: before those replace them.

    `Queue.last_consumers` is [{"client", "host", "user", "control"}]: its name for itself or its library; its control queue, if it is a worker node. Queues
    that go with their consumers are left out.
    """
    now = {(one.vhost, one.queue) for one in consumers}
    was = set(Consumer.objects.filter(broker_id=broker_id).order_by().values_list("vhost", "queue").distinct())
    left = was - now
    if not left:
        return
    names = {name for _, name in left}
    queues = {}
    for some in _some(sorted(names)):
        rows = Queue.objects.filter(broker_id=broker_id, gone_at=None, name__in=some).exclude(auto_delete=True).exclude(exclusive=True)
        queues.update({(vhost, name): pk for pk, vhost, name in rows.values_list("pk", "vhost", "name") if (vhost, name) in left})
    if not queues:
        return
    found = _described(broker_id, queues)
    yield lambda: update_rows(Queue, ("last_consumers", "last_consumed_at"), [(queues[name], (described, at)) for name, described in found.items()])


def _described(broker_id: int, names: Collection[Name]) -> dict[Name, list[dict[str, Any]]]:
    consumers: dict[Name, list[tuple[str, str, str]]] = {}
    for some in _some(sorted({name for _, name in names})):
        rows = Consumer.objects.filter(broker_id=broker_id, queue__in=some).order_by("pk")
        for vhost, queue, connection, host, user in rows.values_list("vhost", "queue", "connection_name", "peer_host", "user"):
            if (vhost, queue) in names and len(consumers.setdefault((vhost, queue), [])) < MOST_NAMED:
                consumers[vhost, queue].append((connection, host, user))
    connections = sorted({connection for found in consumers.values() for connection, _, _ in found if connection})
    control, client = dict[str, str](), dict[str, str]()
    for some in _some(connections):
        own = Consumer.objects.filter(broker_id=broker_id, connection_name__in=some, queue__endswith=CONTROL_QUEUE)
        control.update(own.order_by("pk").values_list("connection_name", "queue"))
        client.update(Connection.objects.filter(broker_id=broker_id, name__in=some).order_by("pk").values_list("name", "client"))
    return {
        name: [{"client": client.get(one, ""), "host": host, "user": user, "control": control.get(one, "")} for one, host, user in found]
        for name, found in consumers.items()
    }


def _some(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names, so many at once as a query takes easily."""
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
