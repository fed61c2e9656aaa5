"""What only the rules of findings read: few rows, each by an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import Count, Q, Sum

from brokers.database.rows import RowsOf
from brokers.models import Binding, Broker, ClientTrend, Connection, Exchange, Node, Queue, Transfer, VirtualHost

AT_ONCE = 500
MOST_BUSY = 200
T = TypeVar("T")


class ClosedClient(msgspec.Struct, frozen=True):
    """How many connections of one client were seen and closed since some moment."""

    vhost: str
    user: str
    peer_host: str
    product: str
    closed: int


class BusyQueue(msgspec.Struct, frozen=True):
    """A queue of which consumers acknowledge much, by the poll of `polled_at`."""

    pk: int
    vhost: str
    name: str
    ack_per_second: float
    polled_at: datetime | None


_NODES, _VHOSTS, _TRANSFERS, _TRENDS = RowsOf(Node), RowsOf(VirtualHost), RowsOf(Transfer), RowsOf(ClientTrend)


def nodes_of(broker: Broker) -> list[Node]:
    return _NODES.read("WHERE broker_id = %s AND gone_at IS NULL ORDER BY name", [broker.pk])


def vhosts_of(broker: Broker) -> list[VirtualHost]:
    return _VHOSTS.read("WHERE broker_id = %s AND gone_at IS NULL ORDER BY name", [broker.pk])


def transfers_of(broker: Broker) -> list[Transfer]:
    """Its shovels and federation links, as far as they are visible."""
    return _TRANSFERS.read("WHERE broker_id = %s ORDER BY id", [broker.pk])


def trends_of(broker: Broker) -> list[ClientTrend]:
    """How many connections each of its largest clients has had."""
    return _TRENDS.read("WHERE broker_id = %s ORDER BY id", [broker.pk])


def blocked_connections(broker: Broker) -> tuple[list[Connection], int]:
    """Those that the broker takes nothing from, AT_ONCE at most, and how many there are."""
    rows = Connection.objects.filter(broker_id=broker.pk, gone_at=None, state__in=("blocked", "blocking"))
    found = list(rows.order_by("pk")[:AT_ONCE])
    return found, len(found) if len(found) < AT_ONCE else rows.count()


def closed_clients(broker: Broker, since: datetime, most: int = 5) -> list[ClosedClient]:
    """Those with the most closed connections first. One that is opened and closed between two lists of connections is never seen."""
    rows = Connection.objects.filter(broker_id=broker.pk, gone_at__gte=since).order_by()
    fields = ("vhost", "user", "peer_host", "product")
    return [ClosedClient(*row) for row in rows.values_list(*fields).annotate(closed=Count("pk")).order_by("-closed", *fields)[:most]]


def names_now(client: ClientTrend) -> list[tuple[str, int, int]]:
    """[(name that the client gave a connection, or "", connections, channels)] of those that the broker listed last."""
    rows = Connection.objects.filter(
        broker_id=client.broker_id, gone_at=None, vhost=client.vhost, user=client.user, peer_host=client.peer_host, product=client.product
    )
    named = rows.order_by().values_list("provided_name").annotate(connections=Count("pk"), sum=Sum("channels"))
    return [(name, connections, channels or 0) for name, connections, channels in named.order_by("provided_name")]


def counted_now(client: ClientTrend) -> tuple[int, int]:
    """(connections, channels) that the broker listed of a client last: samples of its trend are up to a minute older, and of few clients."""
    rows = Connection.objects.filter(
        broker_id=client.broker_id, gone_at=None, vhost=client.vhost, user=client.user, peer_host=client.peer_host, product=client.product
    )
    found = rows.aggregate(connections=Count("pk"), channels=Sum("channels"))
    return found["connections"], found["channels"] or 0


def bindings_of_queues(broker_id: int, queues: Collection[tuple[str, str]]) -> list[tuple[str, str, str, str, datetime, dict[str, Any], str]]:
    """[(virtual host, exchange, queue, key, first seen at, arguments, properties key)] of the bindings to queues, given by (virtual host, name), without those
    of the default exchange."""
    found: list[tuple[str, str, str, str, datetime, dict[str, Any], str]] = []
    for vhost, names in _by_vhost(queues).items():
        for some in _parts(sorted(names)):
            rows = Binding.objects.filter(broker_id=broker_id, vhost=vhost, destination__in=some, destination_type="queue", gone_at=None).exclude(source="")
            found += rows.order_by("pk").values_list("vhost", "source", "destination", "routing_key", "first_seen_at", "arguments", "properties_key")
    return found


def busy_queues(broker: Broker, ack_per_second: float) -> list[BusyQueue]:
    """The queues of which at least so much is acknowledged, the busiest first; MOST_BUSY at most."""
    where = f"broker_id = %s AND gone_at IS NULL AND ack_per_second >= %s AND consumers > 0 ORDER BY ack_per_second DESC, id LIMIT {MOST_BUSY:d}"
    rows = _rows(f"SELECT id, vhost, name, ack_per_second FROM brokers_queue WHERE {where}", broker.pk, ack_per_second)  # noqa: S608  (a number)
    return [BusyQueue(pk, vhost, name, rate, broker.polled_at) for pk, vhost, name, rate in rows]


def only_connections(broker_id: int) -> list[Connection]:
    """The connections that are the only one of their virtual host, Hareline's own left out."""
    where = f"broker_id = %s AND gone_at IS NULL AND product NOT LIKE %s GROUP BY vhost HAVING COUNT(*) = 1 ORDER BY vhost LIMIT {AT_ONCE:d}"
    found = _rows(f"SELECT MAX(id) FROM brokers_connection WHERE {where}", broker_id, f"{Connection.OWN_PRODUCT}%")  # noqa: S608  (a number)
    return list(Connection.objects.filter(pk__in=[pk for (pk,) in found]).order_by("vhost")) if found else []


def exchanges_by_name(broker_id: int, vhost: str, names: Collection[str]) -> dict[str, tuple[int, float | None]]:
    """{exchange: (primary key, what is published to it a second; None if that is not known)} of those that exist."""
    found: dict[str, tuple[int, float | None]] = {}
    for some in _parts(sorted(names)):
        rows = Exchange.objects.filter(broker_id=broker_id, vhost=vhost, name__in=some, gone_at=None)
        found.update({name: (pk, rate) for name, pk, rate in rows.values_list("name", "pk", "publish_in_per_second")})
    return found


def queues_by_name(broker_id: int, vhost: str, names: Collection[str]) -> dict[str, int]:
    """{queue: primary key} of those that exist."""
    found: dict[str, int] = {}
    for some in _parts(sorted(names)):
        found.update(Queue.objects.filter(broker_id=broker_id, vhost=vhost, name__in=some, gone_at=None).values_list("name", "pk"))
    return found


def queues_with_priorities(broker_id: int, vhost: str, names: Collection[str]) -> set[str]:
    """Which of these queues take priorities, or may: those with x-max-priority, and quorum queues, which know two since RabbitMQ 4.0."""
    rows = (Queue.objects.filter(broker_id=broker_id, vhost=vhost, name__in=some, gone_at=None) for some in _parts(sorted(names)))
    known = (row for some in rows for row in some.values_list("name", "type", "arguments"))
    return {name for name, kind, arguments in known if kind != "classic" or (arguments or {}).get("x-max-priority")}


def latest_change(broker: Broker) -> int | None:
    """Another number once something of its topology was stored as changed."""
    found = _rows("SELECT id FROM brokers_change WHERE broker_id = %s ORDER BY at DESC, id DESC LIMIT 1", broker.pk)
    return found[0][0] if found else None


def queues_there(broker_id: int, vhost: str, names: Collection[str]) -> set[str]:
    """Which of these names queues have."""
    rows = (Queue.objects.filter(broker_id=broker_id, vhost=vhost, name__in=some, gone_at=None) for some in _parts(sorted(names)))
    return {name for some in rows for name in some.values_list("name", flat=True)}


def depths_of(places: Iterable[tuple[int, int, str, str]]) -> dict[int, int]:
    """{key: depth} of queues given by (key, broker, virtual host, name), where it is known."""
    wanted = {(broker_id, vhost, name): key for key, broker_id, vhost, name in places if name}
    found: dict[int, int] = {}
    for some in _parts(sorted(wanted), 50):
        where = Q()
        for broker_id, vhost, name in some:
            where |= Q(broker_id=broker_id, vhost=vhost, name=name)
        for broker_id, vhost, name, depth in Queue.objects.filter(where, gone_at=None).values_list("broker_id", "vhost", "name", "depth"):
            if depth is not None:
                found[wanted[broker_id, vhost, name]] = depth
    return found


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Of a statement that every round makes: Django would take longer to build it than the database to answer."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _by_vhost(queues: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for vhost, name in queues:
        found.setdefault(vhost, set()).add(name)
    return found


def _parts(values: list[T], size: int = AT_ONCE) -> Iterator[list[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
