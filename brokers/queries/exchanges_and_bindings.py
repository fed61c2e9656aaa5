"""Queries for exchanges, bindings, policies and permissions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Count, F, Q, QuerySet, TextField
from django.db.models.functions import Cast

from brokers.masked_addresses import LOCAL_HOSTS, host_of, vhost_of
from brokers.models import Binding, Broker, Exchange, Permission, Policy, Transfer
from brokers.queries import pages
from brokers.queries.pages import BrokerRef, Page, existing, in_scope
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.partly_visible import bindings_in, exchanges_in, hide_names, hide_publishers, policies_in
from brokers.queries.past import bindings_as_they_were, exchanges_as_they_were, policies_as_they_were
from brokers.scope import Scope

DELAY_LEVELS = "celery_delayed_"


def exchanges(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    q: str = "",
    sort: str = "name",
    page: int = 1,
    page_size: int = 100,
    at: datetime | None = None,
    delay_levels: bool = True,
) -> Page[Exchange]:
    """A page of exchanges with their broker; `q` is text that the name contains. `delay_levels` False: without those of Celery's native delayed delivery.
    Raises ValueError for an unknown sort or page, NotRecorded."""
    field, descending = pages.sort_key(sort, pages.EXCHANGE_SORTS)
    pages.check_page(page, page_size)
    rows = _rows(scope, broker, vhost, at)
    if q:
        rows = rows.filter(name__icontains=q)
    if not delay_levels:
        rows = rows.exclude(name__contains=DELAY_LEVELS)
    if at is None and not (scope.limits_queues and field in pages.EXCHANGE_FIGURES):
        found = pages.one_page(pages.ordered(rows, field, descending), page, page_size)
        return Page(found.total, _visible(scope, found.items), page, page_size)
    there = list(rows) if at is None else exchanges_as_they_were(list(rows), at, pages.broker_ids(scope, broker))
    items = pages.ordered_items(_visible(scope, there), field, descending)  # by what is shown: the order of hidden figures would give them away
    return Page(len(items), items[(page - 1) * page_size : page * page_size], page, page_size)


def exchanges_by_ids(scope: Scope, ids: Sequence[int]) -> list[Exchange]:
    """Those of the ids in scope, also where the exchange is gone, by id."""
    return _visible(scope, Exchange.objects.filter(exchanges_in(scope), pk__in=ids).select_related("broker").order_by("pk")) if ids else []


def exchange(scope: Scope, broker: BrokerRef, vhost: str, name: str, at: datetime | None = None) -> Exchange | None:
    """The exchange that has this name now, or had it `at` a moment; None if there is none in scope."""
    return _one(scope, _rows(scope, broker, vhost, at).filter(name=name), at)


def exchanges_named(scope: Scope, broker: BrokerRef, vhost: str, names: Iterable[str], at: datetime | None = None) -> dict[str, tuple[int, str]]:
    """{name: (id, type)} of those of the names that are exchanges there."""
    rows = Exchange.objects.filter(exchanges_in(scope, broker, vhost), existing(at), name__in=set(names)).order_by()
    return {name: (pk, kind) for pk, name, kind in rows.values_list("pk", "name", "type")}


def exchange_by_id(scope: Scope, exchange_id: int, at: datetime | None = None) -> Exchange | None:
    """The exchange of that id, also if it is deleted (`gone_at`)."""
    rows = Exchange.objects.filter(exchanges_in(scope), pk=exchange_id).select_related("broker")
    return _one(scope, rows if at is None else rows.filter(existing(at)), at)


def bindings(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    source: str | None = None,
    destination: str | None = None,
    destination_type: str | None = None,
    at: datetime | None = None,
) -> list[Binding]:
    """Bindings by source, destination and key, those of the default exchange (source "") included. With `at`, rows without an id. Raises NotRecorded."""
    wanted: dict[str, Any] = {"source": source, "destination": destination, "destination_type": destination_type}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if at is not None:
        return [row for row in bindings_as_they_were(scope, broker, vhost, at) if all(getattr(row, name) == value for name, value in wanted.items())]
    rows = Binding.objects.filter(bindings_in(scope, broker, vhost), gone_at=None, **wanted)
    found = list(rows.order_by("vhost", "source", "destination_type", "destination", "routing_key", "properties_key"))
    pages.share_brokers(found, Broker.objects.filter(pk__in={row.broker_id for row in found}) if found else ())
    hide_brokers(scope, found)
    return found


def binding_page(
    scope: Scope,
    broker: BrokerRef,
    vhost: str,
    *,
    source: str | None = None,
    destination: str | None = None,
    destination_type: str | None = None,
    text: str = "",
    page: int = 1,
    page_size: int = 50,
) -> Page[Binding]:
    """A page of the bindings there now, in the order of `bindings`; `text` is part of the name at the other end, of the key or of the arguments.
    Raises ValueError for an invalid page."""
    pages.check_page(page, page_size)
    wanted: dict[str, Any] = {"source": source, "destination": destination, "destination_type": destination_type}
    rows = Binding.objects.filter(bindings_in(scope, broker, vhost), gone_at=None, **{name: value for name, value in wanted.items() if value is not None})
    if text:
        other = "source" if source is None else "destination"
        rows = rows.annotate(arguments_text=Cast("arguments", TextField())).filter(
            Q(**{f"{other}__icontains": text}) | Q(routing_key__icontains=text) | Q(arguments_text__icontains=text)
        )
    return pages.one_page(rows.order_by("source", "destination_type", "destination", "routing_key", "pk"), page, page_size)


def binding_counts(scope: Scope, broker: BrokerRef, vhost: str | None = None, at: datetime | None = None) -> dict[tuple[str, str], int]:
    """{(virtual host, exchange): number of bindings out}; an exchange without bindings is missing. Raises NotRecorded."""
    if at is not None:
        return Counter((row.vhost, row.source) for row in bindings_as_they_were(scope, broker, vhost, at))
    rows = Binding.objects.filter(bindings_in(scope, broker, vhost), gone_at=None).values_list("vhost", "source").annotate(amount=Count("pk")).order_by()
    return {(place, source): amount for place, source, amount in rows}


def delay_level_count(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None) -> int:
    """How many exchanges there are of Celery's native delayed delivery."""
    return Exchange.objects.filter(exchanges_in(scope, broker, vhost), existing(at), name__contains=DELAY_LEVELS).count()


def policies(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None, at: datetime | None = None) -> list[Policy]:
    """Policies and operator policies, the strongest (highest priority) first."""
    if at is not None:
        return policies_as_they_were(scope, broker, vhost, at)
    rows = Policy.objects.filter(policies_in(scope, broker, vhost)).select_related("broker")
    return hide_names(scope, rows.order_by("vhost", "operator", "-priority", "name"))


def policy_names(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> list[str]:
    """The names of the policies, each once, without operator policies."""
    return sorted({policy.name for policy in policies(scope, broker, vhost) if not policy.operator})


def transfers(scope: Scope, broker: BrokerRef) -> list[Transfer]:
    """Shovels and federation of a broker, as far as they are visible, in no order. They have no history. A shovel of which one end is in a virtual host of the
    broker that is not visible as a whole is left out."""
    found = list(Transfer.objects.filter(in_scope(scope, broker)).select_related("broker"))
    hide_brokers(scope, found)
    return found if scope.is_everything else [one for one in found if _ends_are_visible(scope, one)]


def _ends_are_visible(scope: Scope, one: Transfer) -> bool:
    own = LOCAL_HOSTS | {urlsplit(address).hostname for address in one.broker.addresses}
    addresses = (str((one.facts.get(end) or {}).get("address") or "amqp://") for end in ("src", "dest"))
    return all(scope.covers(one.broker.name, vhost_of(address) or one.vhost) for address in addresses if host_of(address) in own)


def permissions(scope: Scope, broker: BrokerRef, vhost: str) -> list[Permission]:
    """What users may write to there, by name; [] also where `Broker.permissions_known` is False. They have no history."""
    return list(Permission.objects.filter(in_scope(scope, broker, vhost)).order_by("user", F("exchange").asc(nulls_first=True), "pk"))


def _rows(scope: Scope, broker: BrokerRef | None, vhost: str | None, at: datetime | None) -> QuerySet[Exchange]:
    return Exchange.objects.filter(exchanges_in(scope, broker, vhost), existing(at)).select_related("broker")


def _one(scope: Scope, rows: QuerySet[Exchange], at: datetime | None) -> Exchange | None:
    found = list(rows.order_by("-pk")[:1] if at is None else rows)
    then = found if at is None else exchanges_as_they_were(found, at, {row.broker_id for row in found})[:1]
    return next(iter(_visible(scope, then)), None)


def _visible(scope: Scope, exchanges: Iterable[Exchange]) -> list[Exchange]:
    return hide_publishers(scope, hide_names(scope, exchanges))
