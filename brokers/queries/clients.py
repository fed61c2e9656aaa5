"""Queries for clients: consumers, connections, channels. They have no history: a past moment raises NotRecorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from brokers.conditions import Condition
from brokers.errors import NotRecorded
from brokers.models import Channel, ClientTrend, Connection, Consumer
from brokers.queries import pages
from brokers.queries.pages import BrokerRef, Page, in_scope
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.partly_visible import channels_in, connections_in, hide_published
from brokers.scope import Scope

MOST_VALUES = 200
_SEARCHED = ("client", "name", "peer_host", "user")
"""What a plain word of a filter is looked for in."""


def consumers(
    scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, queue: str | None = None, at: datetime | None = None, connection: str | None = None
) -> list[Consumer]:  # fmt: skip
    """Consumers by queue and connection."""
    _only_now("consumers", at)
    rows = Consumer.objects.filter(in_scope(scope, broker, vhost, "queue"))
    if queue is not None:
        rows = rows.filter(queue=queue)
    if connection is not None:
        rows = rows.filter(connection_name=connection)
    return list(rows.order_by("vhost", "queue", "connection_name", "channel_name", "tag"))


def connections(
    scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None, names: Collection[str] | None = None
) -> list[Connection]:
    """The open connections by name; `names`: only these."""
    _only_now("connections", at)
    rows = Connection.objects.filter(connections_in(scope, broker, vhost), gone_at=None)
    return hide_published(scope, (rows if names is None else rows.filter(name__in=names)).order_by("name"))


def connection_page(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    conditions: Sequence[Condition] = (),
    keys: Collection[int] | None = None,
    closed: bool = False,
    sort: str = "client",
    titles: Mapping[int, str] | None = None,
    page: int = 1,
    page_size: int = 100,
) -> Page[Connection]:
    """A page of open connections with their broker, or of those closed lately; `keys`: only these. Raises ValueError for an unknown sort or page.

    `titles` are what some are called instead of their client, by key: the order by client follows them.
    """
    field, descending = pages.sort_key(sort, pages.CONNECTION_SORTS)
    pages.check_page(page, page_size)
    rows = Connection.objects.filter(connections_in(scope, broker, vhost), gone_at__isnull=not closed).select_related("broker")
    for condition in conditions:
        rows = rows.filter(_connection_filter(condition))
    if keys is not None:
        rows = rows.filter(pk__in=keys)
    if titles and field == "client":
        found = _by_title(rows, titles, descending, page, page_size)
    else:
        found = pages.one_page(pages.ordered(rows, field, descending), page, page_size)
    return Page(found.total, hide_published(scope, found.items), page, page_size)


def _by_title(rows: QuerySet[Connection], titles: Mapping[int, str], descending: bool, page: int, page_size: int) -> Page[Connection]:
    found = [((titles.get(pk) or client or name).casefold(), name, vhost, pk) for pk, client, name, vhost in rows.values_list("pk", "client", "name", "vhost")]
    found.sort(key=lambda one: one[1:])
    found.sort(key=lambda one: one[0], reverse=descending)
    keys = [one[3] for one in found[(page - 1) * page_size : page * page_size]]
    by_key = rows.in_bulk(keys)
    return Page(len(found), [by_key[key] for key in keys if key in by_key], page, page_size)


def connection_by_id(scope: Scope, connection_id: int) -> Connection | None:
    """The connection of that id, also if it was closed lately (`gone_at`)."""
    return next(iter(hide_published(scope, Connection.objects.filter(connections_in(scope), pk=connection_id).select_related("broker"))), None)


def connections_by_ids(scope: Scope, ids: Collection[int]) -> list[Connection]:
    return hide_published(scope, Connection.objects.filter(connections_in(scope), pk__in=list(ids)).select_related("broker").order_by("pk")) if ids else []


def channels(
    scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None, connections: Collection[str] | None = None
) -> list[Channel]:
    """Channels by connection and number; `connections`: only theirs."""
    _only_now("channels", at)
    rows = Channel.objects.filter(channels_in(scope, broker, vhost))
    return list((rows if connections is None else rows.filter(connection_name__in=connections)).order_by("connection_name", "number"))


def channel_page(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    connection: str | None = None,
    sort: str = "name",
    page: int = 1,
    page_size: int = 100,
) -> Page[Channel]:
    """A page of channels with their broker. Raises ValueError for an unknown sort or page."""
    field, descending = pages.sort_key(sort, pages.CHANNEL_SORTS)
    pages.check_page(page, page_size)
    rows = Channel.objects.filter(channels_in(scope, broker, vhost)).select_related("broker")
    if connection is not None:
        rows = rows.filter(connection_name=connection)
    found = pages.one_page(pages.ordered(rows, field, descending), page, page_size)
    hide_brokers(scope, found.items)
    return found


def connection_values(scope: Scope, field: str, broker: BrokerRef | None = None, vhost: str | None = None) -> list[tuple[str, int]]:
    """[(value, number of open connections)] of a column such as "user", the most frequent first; unknown values are left out."""
    rows = Connection.objects.filter(connections_in(scope, broker, vhost), gone_at=None).exclude(**{field: ""})
    return [(str(value), amount) for value, amount in rows.values_list(field).annotate(amount=Count("pk")).order_by("-amount", field)[:MOST_VALUES]]


def client_trends(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> list[ClientTrend]:
    """How many connections each of the largest clients has had, in no order."""
    found = list(ClientTrend.objects.filter(in_scope(scope, broker, vhost)).select_related("broker"))
    hide_brokers(scope, found)
    return found


def _connection_filter(condition: Condition) -> Q:
    """A condition as a filter; a plain word is searched for in all that names a client."""
    if (condition.field, condition.operator) != ("name", "~"):
        return pages.condition_filter(condition)
    found = Q()
    for field in _SEARCHED:
        found |= Q(**{f"{field}__icontains": condition.value})
    return found


def _only_now(what: str, at: datetime | None) -> None:
    if at is not None:
        raise NotRecorded(what, at)
