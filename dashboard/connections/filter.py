"""The filter of connections: its qualifiers, and what of it the database can answer.

Those that depend on other data (worker, queue, is) become the primary keys of the connections that fulfil them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Connection
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.connections.growth import GrowingClient, client_of, growing
from dashboard.connections.owners import WORKER, Owners
from dashboard.connections.state import CHOICES
from dashboard.layout import filter_language
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.filter_language import CHOICE, NUMBER, TEXT, YES_NO, Filter, Qualifier

KINDS = ("celery", "hareline", "growing", "closed")
QUALIFIERS = filter_language.named(
    (
        Qualifier("client", TEXT, "client", "A part of its name; plain words mean the same, its host and its user", "client:orders", part=True),
        Qualifier("user", TEXT, "user", "The user that it logged in as", "user:shop"),
        Qualifier("host", TEXT, "peer_host", "The client's address, or a part of it", "host:10.0.0", part=True),
        Qualifier("state", TEXT, "state", "What the broker does with it", "state:blocked", CHOICES),
        Qualifier("vhost", TEXT, "vhost", "The virtual host", "vhost:/shop"),
        Qualifier("node", TEXT, "node", "The node it is connected to, or a part of its name", "node:rabbit@a", part=True),
        Qualifier("product", TEXT, "product", "The library, or a part of its name", "product:pika", part=True),
        Qualifier("protocol", TEXT, "protocol", "AMQP 0-9-1, AMQP 1.0, MQTT …, or a part of it", "protocol:mqtt", part=True),
        Qualifier("tls", CHOICE, "tls", "Whether it is encrypted", "tls:no", YES_NO),
        Qualifier("worker", TEXT, "", "The Celery worker node it belongs to", "worker:mail@web-1"),
        Qualifier("queue", TEXT, "", "A queue that it consumes", "queue:mail"),
        Qualifier("is", CHOICE, "", "celery, hareline; growing: its client opens more and more; closed: in the last hour", "is:growing", KINDS),
        Qualifier("channels", NUMBER, "channels", "Its channels", "channels>100"),
        Qualifier("unacked", NUMBER, "unacknowledged", "Messages that its consumers hold", "unacked>100"),
        Qualifier("in", NUMBER, "publish_per_second", "Messages a second that it publishes", "in>10"),
        Qualifier("out", NUMBER, "deliver_per_second", "Messages a second that are delivered to it", "out>10"),
    )
)


class Chosen(msgspec.Struct, frozen=True):
    """What a filter chooses: the conditions, `keys` (None: any) and whether it is about closed connections."""

    conditions: Sequence[Condition]
    keys: frozenset[int] | None
    closed: bool


class Chooser:
    """What filters choose of the connections of some brokers; what several of them need is read once, and only rows that may fit are."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> None:
        self._scope, self._brokers, self._vhost = scope, brokers, vhost
        self._owners = Owners(scope)
        self._titles: dict[int, str] = {}

    def titles(self) -> dict[int, str]:
        """{key: worker node} of the connections that are called by their worker node."""
        return self._titles if self._workers else {}

    @cached_property
    def growing(self) -> list[GrowingClient]:
        """The clients that seem to leak."""
        return growing(trend for broker in self._brokers for trend in queries.client_trends(self._scope, broker.pk, self._vhost))

    @cached_property
    def _places(self) -> list[tuple[Broker, str]]:
        hosts = [(broker, host.name) for broker in self._brokers for host in queries.virtual_hosts(self._scope, broker.pk)]
        return [(broker, vhost) for broker, vhost in hosts if self._vhost in (None, vhost)]

    def chosen(self, wanted: Filter) -> Chosen:
        """What the filter chooses; its terms must be free of problems."""
        kinds = {kind for value in wanted.values("is") for kind in value.lower().split(",")}
        keys = [self._of_workers(hostname.casefold()) for hostname in wanted.values("worker")]
        keys += [self._consuming(lambda one, name=queue: one.consumer.queue == name) for queue in wanted.values("queue")]  # type: ignore[misc]
        keys += [self._workers] if "celery" in kinds else []
        keys += [self._of_growing_clients()] if "growing" in kinds else []
        own = [Condition("product", "~", Connection.OWN_PRODUCT)] if "hareline" in kinds else []
        return Chosen([*wanted.conditions(), *own], frozenset.intersection(*keys) if keys else None, "closed" in kinds)

    @cached_property
    def _workers(self) -> frozenset[int]:
        return self._of_workers("")

    def _of_workers(self, hostname: str) -> frozenset[int]:
        """The connections of the worker nodes whose hostname contains this text."""
        return self._consuming(lambda one: one.hostname is not None and hostname in one.hostname.casefold(), of_workers=True)

    def _consuming(self, fits: Callable[[Consuming], bool], of_workers: bool = False) -> frozenset[int]:
        """The open connections with a consumer that fits; `of_workers`: only those that belong to a worker node."""
        found: set[int] = set()
        for broker, vhost in self._places:
            known = self._owners.consumers_of(broker.pk, vhost)
            names = [name for name, consuming in known.items() if any(self._owners.shows(broker.name, one) and fits(one) for one in consuming)]
            rows = queries.connections(self._scope, broker.pk, vhost, names=names) if names else []
            share_brokers(rows, [broker])
            owners = {row.pk: self._owners.of(row) for row in rows} if of_workers else {}
            self._titles |= {pk: owner.hostname for pk, owner in owners.items() if owner.hostname and owner.exact}
            found.update(row.pk for row in rows if not of_workers or owners[row.pk].kind == WORKER)
        return frozenset(found)

    def busiest(self, found: GrowingClient) -> Connection | None:
        """The connection of a client that has most channels."""
        rows = (row for row in queries.connections(self._scope, found.trend.broker_id, found.trend.vhost) if client_of(row) == client_of(found.trend))
        return max(rows, key=lambda row: row.channels or 0, default=None)

    def _of_growing_clients(self) -> frozenset[int]:
        clients = {client_of(found.trend) for found in self.growing}
        places = {(found.trend.broker_id, found.trend.vhost) for found in self.growing}
        rows = (row for place in places for row in queries.connections(self._scope, *place))
        return frozenset(row.pk for row in rows if client_of(row) in clients)
