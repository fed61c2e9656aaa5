"""Which program a connection belongs to: a Celery worker node, Hareline itself, or the broker's own shovels and federation links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from django.urls import reverse

from brokers.models import Connection
from brokers.scope import Scope
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consumers_by_queue

Kind = Literal["worker", "hareline", "broker", ""]
WORKER: Kind = "worker"
HARELINE: Kind = "hareline"
BROKER: Kind = "broker"


class Owner(msgspec.Struct, frozen=True):
    """`kind` is worker, hareline, broker or "" (another program); `hostname` and `url` of a worker node; `why`, and whether that is certain."""

    kind: Kind = ""
    hostname: str = ""
    worker_id: int | None = None
    exact: bool = True
    why: str = ""

    @property
    def text(self) -> str:
        """What to call it, "" for another program."""
        return {WORKER: self.hostname, HARELINE: "Hareline", BROKER: "the broker itself"}.get(self.kind, "")

    @property
    def url(self) -> str:
        return "" if self.worker_id is None else reverse("worker", args=[self.worker_id])


OTHER = Owner()


def owner_of(connection: Connection, consuming: Iterable[Consuming]) -> Owner:
    """The owner; `consuming` are the consumers of this connection."""
    if connection.is_own:
        return Owner(HARELINE, why="its product is Hareline")
    workers = sorted((one for one in consuming if one.hostname), key=lambda one: not one.exact)
    if workers:
        best = workers[0]
        return Owner(WORKER, best.hostname or "", best.worker_id, best.exact, best.why)
    if connection.provided_name.startswith(("Shovel ", "Federation link ")):
        return Owner(BROKER, why="its name is that of a shovel or a federation link")
    return OTHER


def consumers_by_connection(broker_id: int, vhost: str) -> Mapping[str, list[Consuming]]:
    """{connection: its consumers} of a virtual host."""
    found: dict[str, list[Consuming]] = {}
    for consumers in consumers_by_queue(broker_id, vhost).values():
        for one in consumers:
            if name := one.connection_name:
                found.setdefault(name, []).append(one)
    return found


class Owners:
    """Owners and consumers of connections, read once for each virtual host. Of the consumers, only those of queues in the scope are shown."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: dict[tuple[int, str], Mapping[str, list[Consuming]]] = {}

    def consumers_of(self, broker_id: int, vhost: str) -> Mapping[str, list[Consuming]]:
        """{connection: its consumers} of a virtual host, those of queues outside of the scope too."""
        if (broker_id, vhost) not in self._known:
            self._known[broker_id, vhost] = consumers_by_connection(broker_id, vhost)
        return self._known[broker_id, vhost]

    def consuming(self, connection: Connection) -> list[Consuming]:
        """Its consumers of visible queues."""
        found = self.consumers_of(connection.broker_id, connection.vhost).get(connection.name, [])
        return [one for one in found if self.shows(connection.broker.name, one)] if found and not self._scope.is_everything else found

    def shows(self, broker: str, one: Consuming) -> bool:
        return self._scope.covers(broker, one.consumer.vhost, one.consumer.queue)

    def of(self, connection: Connection) -> Owner:
        """By all of its consumers, since a worker node is recognised by its control queue; only a node that consumes a visible queue."""
        consuming = [] if connection.gone_at else self.consumers_of(connection.broker_id, connection.vhost).get(connection.name, [])
        if not self._scope.is_everything:
            visible = {one.hostname for one in consuming if self.shows(connection.broker.name, one)}
            consuming = [one for one in consuming if one.hostname in visible]
        return owner_of(connection, consuming)
