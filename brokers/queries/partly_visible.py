"""What is visible of a virtual host of which somebody may view only some queues, as filters of its other tables.

An exchange is visible if a message can get from it to a visible queue by the bindings there now (and the default exchange, where any queue is), a binding
if its destination is, a connection or a channel if it consumes a visible queue. Where all of a virtual host may be viewed, all rows are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL

from brokers.models import Broker, Connection, Exchange, Policy, Queue
from brokers.queries import visible
from brokers.queries.pages import BrokerRef, in_scope, place_where
from brokers.queries.partial_figures import hide_brokers
from brokers.scope import Scope
from brokers.visible_topology import named_exchanges, settings_without_hidden_names

Row = TypeVar("Row", Queue, Exchange, Policy)
_SETTINGS: Mapping[type[Any], tuple[str, ...]] = {Queue: ("arguments", "effective_policy"), Exchange: ("arguments",), Policy: ("definition",)}
_REACHING = """
    WITH RECURSIVE reaching(broker_id, vhost, name) AS (
        SELECT broker_id, vhost, source FROM brokers_binding WHERE gone_at IS NULL AND destination_type = 'queue' AND {where}
        UNION
        SELECT found.broker_id, found.vhost, found.source FROM reaching
        JOIN brokers_binding found ON found.broker_id = reaching.broker_id AND found.vhost = reaching.vhost AND found.destination = reaching.name
        WHERE found.gone_at IS NULL AND found.destination_type = 'exchange'
    )
    SELECT id FROM {table} WHERE gone_at IS NULL AND (broker_id, vhost, {column}) IN (SELECT broker_id, vhost, name FROM reaching)
"""
_CONSUMING = "SELECT id FROM {table} WHERE (broker_id, vhost, name) IN (SELECT broker_id, vhost, {column} FROM brokers_consumer WHERE {where})"


def exchanges_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `pages.in_scope`, of exchanges."""
    whole = in_scope(scope, broker, vhost)
    if not scope.limits_queues:
        return whole
    partly = _partly(scope)
    default = visible.rows_touching(partly, vhost="vhost") & in_scope(Scope(), broker, vhost) & Q(name="")
    return whole | default | Q(pk__in=_reaching(partly, "brokers_exchange", "name", broker, vhost))


def bindings_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `pages.in_scope`, of bindings: those whose ends are both visible, which the source is where the destination is."""
    whole = in_scope(scope, broker, vhost)
    if not scope.limits_queues:
        return whole
    partly = _partly(scope)
    to_queues = in_scope(partly, broker, vhost, "destination") & Q(destination_type="queue")
    to_exchanges = Q(destination_type="exchange", pk__in=_reaching(partly, "brokers_binding", "destination", broker, vhost))
    return whole | to_queues | to_exchanges


def connections_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `pages.in_scope`, of connections: one that is closed consumes nothing."""
    return in_scope(scope, broker, vhost) | _consuming(scope, "brokers_connection", "connection_name", broker, vhost)


def channels_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    return in_scope(scope, broker, vhost) | _consuming(scope, "brokers_channel", "channel_name", broker, vhost)


def changes_in(scope: Scope, broker: BrokerRef | None = None) -> Q:
    """As `pages.in_scope`, of changes: where only some queues are visible, those of the queues themselves, and of their consumers."""
    whole = in_scope(scope, broker)
    if not scope.limits_queues:
        return whole
    return whole | (in_scope(_partly(scope), broker, queue="name") & Q(kind__in=("queue", "consumer")) & ~Q(name=""))


def policies_in(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> Q:
    """As `pages.in_scope`, of policies: those in force for something visible."""
    whole = in_scope(scope, broker, vhost)
    if not scope.limits_queues:
        return whole
    there = {"broker": OuterRef("broker"), "vhost": OuterRef("vhost"), "gone_at": None}
    queues = Queue.objects.filter(in_scope(_partly(scope), broker, vhost, "name"), **there)
    exchanges = Exchange.objects.filter(exchanges_in(scope, broker, vhost), **there)
    own = Q(Exists(queues.filter(policy=OuterRef("name")))) | Q(Exists(exchanges.filter(policy=OuterRef("name"))))
    return whole | (Q(operator=False) & own) | (Q(operator=True) & Q(Exists(queues.filter(operator_policy=OuterRef("name")))))


def hide_names(scope: Scope, rows: Iterable[Row]) -> list[Row]:
    """The rows, read within the scope, with settings that name no exchange and no queue which is not visible."""
    rows = list(rows)
    hide_brokers(scope, rows)
    if not scope.limits_queues:
        return rows
    brokers = dict(Broker.objects.filter(pk__in={row.broker_id for row in rows}).values_list("pk", "name"))
    limited = [row for row in rows if not scope.covers(brokers[row.broker_id], row.vhost)]
    seen: dict[tuple[int, str], set[str]] = {}
    for place in {(row.broker_id, row.vhost) for row in limited}:
        named = {
            name for row in limited if (row.broker_id, row.vhost) == place for field in _SETTINGS[type(row)] for name in named_exchanges(getattr(row, field))
        }
        there = Exchange.objects.filter(exchanges_in(scope, *place), gone_at=None, name__in=named) if named else Exchange.objects.none()
        seen[place] = set(there.values_list("name", flat=True))
    for row in limited:
        sees_exchange, sees_queue = seen[row.broker_id, row.vhost].__contains__, partial(scope.covers, brokers[row.broker_id], row.vhost)
        if isinstance(row, Exchange) and not row.name:  # what goes through it is of all queues
            row.publish_in_per_second = row.publish_out_per_second = None
        for field in _SETTINGS[type(row)]:
            setattr(row, field, settings_without_hidden_names(getattr(row, field), sees_exchange, sees_queue))
    return rows


def hide_publishers(scope: Scope, exchanges: Iterable[Exchange]) -> list[Exchange]:
    """The exchanges without those of their publishers whose connections are not visible."""
    found = list(exchanges)
    for one in [] if scope.is_everything else found:
        if one.publishers and not scope.covers(one.broker.name, one.vhost):
            there = Connection.objects.filter(connections_in(scope, one.broker_id, one.vhost), gone_at=None)
            names = set(there.values_list("name", flat=True))
            one.publishers = [publisher for publisher in one.publishers if publisher.get("connection") in names]
    return found


def hide_published(scope: Scope, connections: Iterable[Connection]) -> list[Connection]:
    """The connections without those of the exchanges that they publish to which are not visible."""
    found = list(connections)
    hide_brokers(scope, found)
    for one in [] if scope.is_everything else found:
        if one.publishes and not scope.covers(one.broker.name, one.vhost):
            names = set(Exchange.objects.filter(exchanges_in(scope, one.broker_id, one.vhost), gone_at=None).values_list("name", flat=True))
            one.publishes = [published for published in one.publishes if published.get("exchange") in names]
    return found


def _partly(scope: Scope) -> Scope:
    """The places of which only some queues are visible."""
    return Scope(tuple(place for place in scope.places or () if place.queue))


def _reaching(partly: Scope, table: str, column: str, broker: BrokerRef | None, vhost: str | None) -> RawSQL:
    where, parameters = place_where(partly, broker, vhost, "destination")
    return RawSQL(_REACHING.format(where=where, table=table, column=column), parameters)  # noqa: S611  (constants)


def _consuming(scope: Scope, table: str, column: str, broker: BrokerRef | None, vhost: str | None) -> Q:
    if not scope.limits_queues:
        return visible.NOTHING_AT_ALL
    where, parameters = place_where(_partly(scope), broker, vhost, "queue")
    sql: Any = RawSQL(_CONSUMING.format(where=where, table=table, column=column), parameters)  # noqa: S611  (constants)
    return Q(pk__in=sql)
