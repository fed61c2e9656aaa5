"""Queries for brokers themselves: their rows, virtual hosts, nodes, changes, poll attempts, detail requests, revisions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from brokers.database.rows import RowsOf
from brokers.errors import NotRecorded
from brokers.models import Broker, Change, Connection, DetailRequest, Installation, Node, PollAttempt, VirtualHost
from brokers.queries.change_log import hide_details
from brokers.queries.pages import BrokerRef, existing, of_whole_brokers, touching, visible_brokers, visible_vhosts
from brokers.queries.partial_figures import hide_brokers, visible_figures, visible_vhost_figures
from brokers.queries.partly_visible import changes_in
from brokers.queries.past import broker_as_it_was, unrecorded_broker, vhosts_as_they_were
from brokers.scope import Scope
from brokers.visible_reasons import without_address

RESPONDS_WITHIN = timedelta(minutes=1)


_BROKERS = RowsOf(Broker)


def brokers(scope: Scope, at: datetime | None = None) -> list[Broker]:
    """The brokers that HARELINE_BROKERS names, by name. With `at`, as they were at that time; those without records are left out."""
    if at is None and scope.is_everything:
        return _BROKERS.read("WHERE configured ORDER BY name")
    found = list(Broker.objects.filter(visible_brokers(scope), configured=True))
    if at is None:
        return [visible_figures(scope, broker) for broker in found]
    past = []
    for broker in found:
        try:
            past.append(visible_figures(scope, broker_as_it_was(broker, at)))
        except NotRecorded:
            continue
    return past


def brokers_at(scope: Scope, at: datetime) -> list[Broker]:
    """The brokers that HARELINE_BROKERS names as they were at a moment, by name; those without a record of it are there too, in state NOT_RECORDED."""
    found = []
    for one in brokers(scope):
        try:
            found.append(visible_figures(scope, broker_as_it_was(one, at)))
        except NotRecorded:
            found.append(visible_figures(scope, unrecorded_broker(one, at)))
    return found


def broker(scope: Scope, name: str, at: datetime | None = None) -> Broker | None:
    """The broker of that name; None if there is none in scope. Raises NotRecorded if nothing is known of it `at` that moment."""
    return _then(scope, Broker.objects.filter(visible_brokers(scope), name=name).first(), at)


def broker_by_id(scope: Scope, broker_id: int, at: datetime | None = None) -> Broker | None:
    if scope.is_everything:
        return _then(scope, next(iter(_BROKERS.read("WHERE id = %s", [broker_id])), None), at)
    return _then(scope, Broker.objects.filter(visible_brokers(scope), pk=broker_id).first(), at)


def watched_as(broker_id: int, now: datetime) -> str:
    """The name under which the same cluster is watched already: that of an earlier broker of HARELINE_BROKERS, while it responds. "" if there is none."""
    cluster_id = Broker.objects.filter(pk=broker_id).values_list("cluster_id", flat=True).first()
    if not cluster_id:
        return ""
    others = Broker.objects.filter(cluster_id=cluster_id, configured=True, same_as="", state=Broker.UP, pk__lt=broker_id)
    return others.filter(polled_at__gte=now - RESPONDS_WITHIN).order_by("pk").values_list("name", flat=True).first() or ""


def inventory_stored_at(broker_id: int) -> datetime | None:
    """When topology or clients were last stored; None: never."""
    return Broker.objects.filter(pk=broker_id).values_list("inventory_at", flat=True).first()


def broker_names(scope: Scope) -> dict[int, str]:
    """{id: name} of the brokers in scope, those no longer named by HARELINE_BROKERS included."""
    return dict(Broker.objects.filter(visible_brokers(scope)).order_by().values_list("pk", "name"))


def virtual_hosts(scope: Scope, broker: BrokerRef | None = None, at: datetime | None = None) -> list[VirtualHost]:
    """By name, including those that are not visible (`visible` False)."""
    found = list(VirtualHost.objects.filter(visible_vhosts(scope, broker), existing(at)).select_related("broker").order_by("name", "broker__name"))
    return visible_vhost_figures(scope, found if at is None else vhosts_as_they_were(found, at))


def vhost_names(broker_id: int) -> frozenset[str]:
    """The names of the virtual hosts that are not known to be deleted."""
    return frozenset(VirtualHost.objects.filter(broker_id=broker_id, gone_at=None).values_list("name", flat=True))


def virtual_host(scope: Scope, broker: BrokerRef, name: str, at: datetime | None = None) -> VirtualHost | None:
    found = list(VirtualHost.objects.filter(visible_vhosts(scope, broker), existing(at), name=name).select_related("broker").order_by("-pk")[:1])
    return next(iter(visible_vhost_figures(scope, found if at is None else vhosts_as_they_were(found, at))), None)


def nodes(scope: Scope, broker: BrokerRef | None = None, at: datetime | None = None) -> list[Node]:
    """The nodes by name, of brokers that are visible as a whole. Raises NotRecorded for a past moment: nodes have no history."""
    if at is not None:
        raise NotRecorded("nodes", at)
    return list(Node.objects.filter(of_whole_brokers(scope, broker), gone_at=None).select_related("broker").order_by("broker__name", "name"))


def changes(scope: Scope, broker: BrokerRef | None = None, limit: int = 50, at: datetime | None = None, vhost: str | None = None) -> list[Change]:
    """Changes, latest first; with `at`, up to that moment. With `vhost`, also what concerns the whole broker."""
    where = changes_in(scope, broker)
    if vhost is not None:
        where &= Q(vhost__in=(vhost, ""))
    if at is not None:
        where &= Q(at__lte=at)
    found = list(Change.objects.filter(where).select_related("broker").order_by("-at", "-id")[:limit])
    hide_brokers(scope, found)
    hide_details(scope, found)
    return found


def changes_of(broker_id: int, kind: str, vhost: str, names: Collection[str], since: datetime, limit: int = 50) -> list[Change]:
    """The changes of objects of this kind with these names since then, latest first. No scope: the caller has read the objects within it."""
    found = Change.objects.filter(broker_id=broker_id, at__gte=since, kind=kind, vhost=vhost, name__in=list(names))
    return list(found.order_by("-at", "-id")[:limit])


def poll_attempts(scope: Scope, broker: BrokerRef | None = None, limit: int = 50, at: datetime | None = None) -> list[PollAttempt]:
    """The poll attempts of the last day, latest first."""
    where = touching(scope, broker) & (Q() if at is None else Q(at__lte=at))
    found = list(PollAttempt.objects.filter(where).select_related("broker").order_by("-at", "-id")[:limit])
    hide_brokers(scope, found)
    for attempt in [] if scope.is_everything else found:
        if not scope.covers(attempt.broker.name):
            attempt.reason = without_address(attempt.reason)
    return found


def active_detail_requests(broker_id: int, now: datetime) -> list[DetailRequest]:
    """The objects of a broker whose details the poller fetches now, because a page shows them; connections only while they are open."""
    is_open = Exists(Connection.objects.filter(broker_id=broker_id, vhost=OuterRef("vhost"), name=OuterRef("name"), gone_at=None))
    return list(DetailRequest.objects.filter(~Q(kind="connection") | is_open, broker_id=broker_id, until__gt=now))


def revisions() -> dict[int, int]:
    """The revision of each broker: it increases whenever anything about the broker is stored."""
    return dict(Broker.objects.order_by().values_list("pk", "revision"))


def installation_id() -> str | None:
    """The id in the names of Hareline's objects in brokers; None before the first start."""
    return Installation.objects.values_list("identifier", flat=True).first()


def _then(scope: Scope, found: Broker | None, at: datetime | None) -> Broker | None:
    return None if found is None else visible_figures(scope, found if at is None else broker_as_it_was(found, at))
