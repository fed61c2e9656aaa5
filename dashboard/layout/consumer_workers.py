"""Which Celery worker a consumer of a queue belongs to, and how sure that is.

Pure. RabbitMQ does not report it: a consumer has a tag (`None4`, not unique) and a connection without a host name. The evidence below was seen
with Celery 5.7 and RabbitMQ 3.10 and 4.0, by pool.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from workers.celery_names import DEFAULT, CeleryNames

CONTROL_DELAY = timedelta(seconds=5)
"""gevent and eventlet open their control connection about a second after the one that consumes."""


class ConsumerFacts(Protocol):
    """The fields of a consumer that are used: `brokers.models.Consumer` and `brokers.stats.ConsumerStats` have them."""

    vhost: str
    queue: str
    tag: str
    connection_name: str
    channel_name: str


class ConnectionFacts(Protocol):
    vhost: str
    name: str
    provided_name: str
    product: str
    peer_host: str
    connected_at: datetime | None


class ChannelFacts(Protocol):
    vhost: str
    name: str
    connection_name: str


class WorkerFacts(Protocol):
    """The fields of a worker that are used; `queues` is None while unknown."""

    id: int
    vhost: str
    hostname: str
    state: str
    queues: Sequence[Mapping[str, Any]] | None


class Consuming(msgspec.Struct, frozen=True):
    """One consumer of a queue. `worker_id` None with a hostname: a worker that we have no row of; both None: not a worker, or not known which.
    `celery`: it is a Celery worker, whichever."""

    worker_id: int | None
    hostname: str | None
    exact: bool
    why: str
    consumer: Any
    celery: bool = False

    @property
    def connection_name(self) -> str:
        """The connection that it consumes over, "" where the broker names none (AMQP 1.0)."""
        return str(self.consumer.connection_name or self.consumer.channel_name.rpartition(" (")[0])


_KOMBU_TAG, _KOMBU_PRODUCT = re.compile(r"None\d+"), "py-amqp"
_Place = tuple[str, str]  # (virtual host, connection name)


def consumers_of(
    consumers: Iterable[ConsumerFacts],
    connections: Iterable[ConnectionFacts],
    channels: Iterable[ChannelFacts],
    workers: Iterable[WorkerFacts],
    names: CeleryNames = DEFAULT,
) -> dict[tuple[str, str], list[Consuming]]:
    """{(virtual host, queue): its consumers}, the control and event queues of the workers included. The order of `consumers` is kept. `names`: of
    Celery's exchanges and queues there.

    >>> consumers_of([], [], [], [])
    {}
    """
    matching = _Matching(list(consumers), connections, channels, workers, names)
    found: dict[tuple[str, str], list[Consuming]] = defaultdict(list)
    for consumer in matching.consumers:
        found[consumer.vhost, consumer.queue].append(matching.of(consumer))
    return dict(found)


class _Matching:
    def __init__(
        self,
        consumers: list[ConsumerFacts],
        connections: Iterable[ConnectionFacts],
        channels: Iterable[ChannelFacts],
        workers: Iterable[WorkerFacts],
        names: CeleryNames,
    ) -> None:
        self.consumers, self.names = consumers, names
        self.connections = {(connection.vhost, connection.name): connection for connection in connections}
        self.channels = {(channel.vhost, channel.name): channel.connection_name for channel in channels}
        self.workers: dict[tuple[str, str], WorkerFacts] = {(worker.vhost, worker.hostname): worker for worker in workers}
        self.control: dict[_Place, str] = {}  # connections that consume a worker's control queue
        working: set[_Place] = set()  # connections that consume anything else but Celery's events
        self.gossiping: set[_Place] = set()  # connections that consume Celery's events
        for consumer in consumers:
            hostname = names.hostname_of(consumer.queue)
            if hostname is not None:
                self.control[self.place(consumer)] = hostname
            elif names.is_event_queue(consumer.queue):
                self.gossiping.add(self.place(consumer))
            else:
                working.add(self.place(consumer))
        self.lone_control = {place: hostname for place, hostname in self.control.items() if place not in working}
        self.certain = {(place[0], hostname) for place, hostname in self.control.items() if place in working}
        controlled = {(place[0], hostname) for place, hostname in self.control.items()}
        self.uncontrolled = [key for key, worker in self.workers.items() if key not in controlled and worker.state != "gone"]

    def place(self, consumer: ConsumerFacts) -> _Place:
        return (consumer.vhost, consumer.connection_name or self.channels.get((consumer.vhost, consumer.channel_name), ""))

    def of(self, consumer: ConsumerFacts) -> Consuming:
        place = self.place(consumer)
        controlled = self.names.hostname_of(consumer.queue)
        if controlled is not None:
            return self.consuming(consumer, controlled, True, "the queue is this worker's control queue")
        if place[1] and place in self.control:
            return self.consuming(consumer, self.control[place], True, "its connection also consumes the worker's control queue")
        connection = self.connections.get(place)
        if connection and (connection.vhost, connection.provided_name) in self.workers:
            return self.consuming(consumer, connection.provided_name, True, "its connection is named after the worker")
        found = self.by_time(consumer, connection) or self.by_queues(consumer) or self.without_control(consumer, connection)
        return found or Consuming(None, None, False, "nothing identifies this program", consumer)

    def without_control(self, consumer: ConsumerFacts, connection: ConnectionFacts | None) -> Consuming | None:
        """A worker whose remote control is off has no control queue: its connection still receives gossip, or consumes as kombu does."""
        gossips = self.place(consumer) in self.gossiping
        if not gossips and not (_KOMBU_TAG.fullmatch(consumer.tag) and connection is not None and connection.product.startswith(_KOMBU_PRODUCT)):
            return None
        here = [hostname for vhost, hostname in self.uncontrolled if vhost == consumer.vhost and self.may_consume(hostname, consumer)]
        if len(here) == 1:
            return self.consuming(consumer, here[0], False, "probably: the only worker here whose remote control is off or unknown")
        if gossips or here:
            why = "its connection receives the events of workers" if gossips else "it consumes as workers do, and several here have no remote control"
            return Consuming(None, None, False, why, consumer, True)
        return None

    def by_time(self, consumer: ConsumerFacts, connection: ConnectionFacts | None) -> Consuming | None:
        """gevent and eventlet: a control connection from the same address, opened just after; None if none or several fit."""
        if connection is None or connection.connected_at is None:
            return None
        near = set()
        for (vhost, name), hostname in self.lone_control.items():
            control = self.connections.get((vhost, name))
            if control is None or control.connected_at is None or (vhost, control.peer_host) != (connection.vhost, connection.peer_host):
                continue
            if -timedelta(seconds=1) <= control.connected_at - connection.connected_at <= CONTROL_DELAY and self.may_consume(hostname, consumer):
                near.add(hostname)
        if len(near) != 1:
            return None
        return self.consuming(consumer, near.pop(), False, "probably: a worker on the same address connected at the same time")

    def by_queues(self, consumer: ConsumerFacts) -> Consuming | None:
        """The one worker that reports to consume the queue and whose consumers are not known otherwise."""
        claiming = [
            worker.hostname
            for key, worker in self.workers.items()
            if key[0] == consumer.vhost and key not in self.certain and worker.state != "gone" and self.claims(worker, consumer.queue)
        ]
        if len(claiming) != 1:
            return None
        return self.consuming(consumer, claiming[0], False, "probably: the only worker left that reports to consume this queue")

    def may_consume(self, hostname: str, consumer: ConsumerFacts) -> bool:
        worker = self.workers.get((consumer.vhost, hostname))
        return worker is None or worker.queues is None or self.names.is_event_queue(consumer.queue) or self.claims(worker, consumer.queue)

    @staticmethod
    def claims(worker: WorkerFacts, queue: str) -> bool:
        return any(entry.get("name") == queue for entry in worker.queues or ())

    def consuming(self, consumer: ConsumerFacts, hostname: str, exact: bool, why: str) -> Consuming:
        worker = self.workers.get((consumer.vhost, hostname))
        return Consuming(worker.id if worker else None, hostname, exact, why, consumer, True)
