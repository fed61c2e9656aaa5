"""The filter of connections: its qualifiers, and what of it the database can answer.

Those that depend on other data (worker, queue, is) become the primary keys of the connections that fulfil them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Connection
from brokers.scope import Scope
from dashboard.connections.growth import GrowingClient, growing
from dashboard.connections.owners import HARELINE, WORKER, Owners
from dashboard.connections.state import CHOICES
from dashboard.layout import filter_language
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


Test = Callable[[Connection], bool]


class Chosen(msgspec.Struct, frozen=True):
    """What a filter chooses: the conditions, `keys` (None: any) and whether it is about closed connections."""

    conditions: Sequence[Condition]
    keys: frozenset[int] | None
    closed: bool


class Chooser:
    """What filters choose of the connections of some brokers; what several of them need is read once."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> None:
        self._scope, self._brokers, self._vhost = scope, brokers, vhost
        self._owners = Owners()

    @cached_property
    def _connections(self) -> list[Connection]:
        return [one for broker in self._brokers for one in queries.connections(self._scope, broker.pk, self._vhost)]

    @cached_property
    def growing(self) -> list[GrowingClient]:
        """The clients that seem to leak."""
        return growing(trend for broker in self._brokers for trend in queries.client_trends(self._scope, broker.pk, self._vhost))

    def chosen(self, wanted: Filter) -> Chosen:
        """What the filter chooses; its terms must be free of problems."""
        kinds = {kind for value in wanted.values("is") for kind in value.lower().split(",")}
        tests: list[Test] = [partial(self._is_of_worker, hostname) for hostname in wanted.values("worker")]
        tests += [partial(self._consumes, queue) for queue in wanted.values("queue")]
        tests += [partial(self._is_of, owner) for kind, owner in (("celery", WORKER), ("hareline", HARELINE)) if kind in kinds]
        if "growing" in kinds:
            tests.append(partial(_is_of_client, {_client(found.trend) for found in self.growing}))
        keys = frozenset(one.pk for one in self._connections if all(test(one) for test in tests)) if tests else None
        return Chosen(wanted.conditions(), keys, "closed" in kinds)

    def _is_of_worker(self, hostname: str, connection: Connection) -> bool:
        owner = self._owners.of(connection)
        return owner.kind == WORKER and hostname.casefold() in owner.hostname.casefold()

    def _is_of(self, kind: str, connection: Connection) -> bool:
        return self._owners.of(connection).kind == kind

    def _consumes(self, queue: str, connection: Connection) -> bool:
        return any(one.consumer.queue == queue for one in self._owners.consuming(connection))


def _is_of_client(clients: Collection[tuple[object, ...]], connection: Connection) -> bool:
    return _client(connection) in clients


def _client(one: object) -> tuple[object, ...]:
    return tuple(getattr(one, field) for field in ("broker_id", "vhost", "user", "peer_host", "product"))
