"""`GET connections` and `GET channels`."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from brokers.models import Channel, Connection
from dashboard.api.errors import ERRORS, invalid
from dashboard.api.parameters import Moment, OfBroker, Paged, broker_named, check_broker, scope
from dashboard.connections.filter import QUALIFIERS, Chooser
from dashboard.connections.owners import WORKER, Owners
from dashboard.connections.state import connection_level
from dashboard.layout import filter_language

router = Router(tags=["connections"])


class PublishedItem(Schema):
    exchange: str
    per_second: float | None


class ConnectionItem(Schema):
    id: int
    broker: str
    vhost: str
    name: str = Field(description="As the broker names it: the addresses of client and node")
    client: str | None = Field(description="The name that the client gave its connection, else its library")
    product: str | None
    protocol: str | None
    user: str | None
    peer_host: str | None = Field(description="Null for a client inside the broker, such as a shovel")
    peer_port: int | None
    node: str | None
    tls: bool | None
    state: str | None = Field(description="running, flow, blocking, blocked, starting, tuning, opening, closing; null if unknown, closed once it is")
    level: Literal["ok", "notice", "warning", "critical", "unknown"]
    reason: str | None
    channels: int | None
    unacknowledged: int | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None
    received_bytes_per_second: float | None
    sent_bytes_per_second: float | None
    connected_at: Moment | None
    closed_at: Moment | None
    owner: Literal["worker", "hareline", "broker"] | None = Field(description="Null: another program, or unknown")
    worker: str | None
    worker_id: int | None
    worker_exact: bool | None
    consumes: list[str] = Field(description="The queues that it consumes")
    publishes: list[PublishedItem] | None = Field(description="Null: unknown; read only while its page is open and the broker counts it")
    publishes_at: Moment | None
    at: Moment | None = Field(description="When the broker last listed connections")


class Connections(Schema):
    total: int
    items: list[ConnectionItem]


class ChannelItem(Schema):
    id: int
    broker: str
    vhost: str
    name: str
    connection: str
    number: int
    state: str | None
    consumers: int | None
    prefetch: int | None = Field(description="For each consumer; 0 is no limit")
    global_prefetch: int | None = Field(description="Shared by the consumers of the channel; 0 is no limit")
    unacknowledged: int | None
    confirms: bool | None
    unconfirmed: int | None
    publish_per_second: float | None
    deliver_per_second: float | None
    ack_per_second: float | None
    at: Moment | None = Field(description="When the broker last listed channels")


class Channels(Schema):
    total: int
    items: list[ChannelItem]


class ConnectionsRequest(OfBroker, Paged):
    q: str = Field("", max_length=500, description="Words and qualifiers as in the page's filter: orders state:blocked channels>100")
    sort: str = Field("client", max_length=50, description=f"One of {', '.join(queries.CONNECTION_SORTS)}; a leading - is descending")


class ChannelsRequest(OfBroker, Paged):
    connection: str | None = Field(None, max_length=500, description="The name of its connection")
    sort: str = Field("name", max_length=50, description=f"One of {', '.join(queries.CHANNEL_SORTS)}; a leading - is descending")


@router.get("/connections", response={200: Connections, **ERRORS}, operation_id="connections")
def connections(request: HttpRequest, query: Query[ConnectionsRequest]) -> dict[str, Any]:
    """A page of open connections, or with `q=is:closed` of those closed in the last hour."""
    brokers = [broker_named(request, query.broker)] if query.broker is not None else queries.brokers(scope(request))
    wanted = filter_language.parse(query.q, QUALIFIERS)
    if wanted.problems:
        raise invalid("q", wanted.problems[0].problem)
    found = Chooser(scope(request), brokers, query.vhost).chosen(wanted)
    where: dict[str, Any] = {"broker": query.broker, "vhost": query.vhost, "conditions": found.conditions, "keys": found.keys, "closed": found.closed}
    try:
        page = queries.connection_page(scope(request), **where, sort=query.sort, page=query.page, page_size=query.page_size)
    except ValueError as error:
        raise invalid("sort", error) from error
    owners = Owners(scope(request))
    return {"total": page.total, "items": [_item(one, owners) for one in page.items]}


@router.get("/channels", response={200: Channels, **ERRORS}, operation_id="channels")
def channels(request: HttpRequest, query: Query[ChannelsRequest]) -> dict[str, Any]:
    """A page of channels."""
    check_broker(request, query.broker)
    where: dict[str, Any] = {"broker": query.broker, "vhost": query.vhost, "connection": query.connection}
    try:
        page = queries.channel_page(scope(request), **where, sort=query.sort, page=query.page, page_size=query.page_size)
    except ValueError as error:
        raise invalid("sort", error) from error
    return {"total": page.total, "items": [_channel(one) for one in page.items]}


_TEXTS = ("client", "product", "protocol", "user", "peer_host", "node")
_WORDED = {"broker", "state", "level", "reason", "closed_at", "owner", "worker", "worker_id", "worker_exact", "consumes", "at", *_TEXTS}


def _item(connection: Connection, owners: Owners) -> ConnectionItem:
    owner, level = owners.of(connection), connection_level(connection, connection.broker, timezone.now())
    is_worker = owner.kind == WORKER
    consuming = [] if connection.gone_at else owners.consuming(connection)
    known: dict[str, Any] = {name: getattr(connection, name) for name in ConnectionItem.model_fields if name not in _WORDED}
    return ConnectionItem(
        broker=connection.broker.name,
        state="closed" if connection.gone_at else connection.state or None,
        level=level.word,
        reason=level.reason or None,
        closed_at=connection.gone_at,
        owner=owner.kind or None,
        worker=owner.hostname if is_worker else None,
        worker_id=owner.worker_id,
        worker_exact=owner.exact if is_worker else None,
        consumes=sorted({one.consumer.queue for one in consuming}),
        at=connection.broker.connections_at,
        **known | {name: getattr(connection, name) or None for name in _TEXTS},
    )


def _channel(channel: Channel) -> ChannelItem:
    worded = {"broker", "connection", "state", "at"}
    return ChannelItem(
        broker=channel.broker.name,
        connection=channel.connection_name,
        state=channel.state or None,
        at=channel.broker.channels_at,
        **{name: getattr(channel, name) for name in ChannelItem.model_fields if name not in worded},
    )
