"""What changed: a page of changes by a filter, one of them, and the topology before and after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import zstandard
from django.db.models import Q, QuerySet

from brokers.models import Change, TopologyVersion
from brokers.queries.pages import BrokerRef, Page, check_page, in_scope
from brokers.queries.partial_figures import hide_brokers
from brokers.queries.partly_visible import changes_in
from brokers.scope import Scope
from brokers.topology import Topology, decode
from brokers.visible_topology import visible_topology

POLLED = ("queue",)
"""Kinds that polls of the depths find, before the topology with them is stored; the others are found with it."""
LATER = timedelta(minutes=15)


class ChangeFilter(msgspec.Struct, frozen=True):
    """Which changes are chosen; () and None: any. `names` are parts of the name, `words` of the sentence; all of them must be there. `end` is excluded."""

    broker: BrokerRef | None = None
    vhost: str | None = None
    kinds: tuple[str, ...] = ()
    whats: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    vhosts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


def changes_page(scope: Scope, wanted: ChangeFilter, page: int, page_size: int) -> tuple[Page[Change], datetime | None]:
    """A page, the latest first; with the moment of the change before its first one, None on the first page."""
    check_page(page, page_size)
    rows, first = _rows(scope, wanted), (page - 1) * page_size
    total = rows.count()
    found = list(rows[max(first - 1, 0) : first + page_size]) if first < total else []
    later_at = found.pop(0).at if found and first else None
    return Page(total, _shown(scope, found), page, page_size), later_at


def changes_after(scope: Scope, wanted: ChangeFilter, last: Change | None, count: int) -> list[Change]:
    """The next ones in the order of pages, after the `last` one that was read (None: from the latest on): what is recorded meanwhile repeats none of them."""
    rows = _rows(scope, wanted)
    if last is not None:
        rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    return _shown(scope, list(rows[:count]))


def change(scope: Scope, pk: int) -> Change | None:
    found = Change.objects.filter(changes_in(scope), pk=pk).select_related("broker")[:1]
    return next(iter(_shown(scope, list(found))), None)


def topologies_around(scope: Scope, one: Change) -> tuple[Topology | None, Topology | None]:
    """What is visible of the topology recorded before and after a change; None where none is recorded, or not yet."""
    versions = TopologyVersion.objects.filter(broker_id=one.broker_id, vhost=one.vhost)
    if one.kind in POLLED:
        before = versions.filter(at__lte=one.earlier_at or one.at).order_by("-at", "-pk").first()
        after = versions.filter(at__gt=one.earlier_at or one.at, at__lte=one.at + LATER).order_by("at", "pk").first()
    else:
        after = versions.filter(at__lte=one.at).order_by("-at", "-pk").first()
        before = None if after is None else versions.filter(at__lt=after.at).order_by("-at", "-pk").first()
    return _visible(scope, one, before), _visible(scope, one, after)


def _visible(scope: Scope, one: Change, version: TopologyVersion | None) -> Topology | None:
    return None if version is None else visible_topology(decode(zstandard.decompress(bytes(version.data))), scope, one.broker.name)


def _rows(scope: Scope, wanted: ChangeFilter) -> QuerySet[Change]:
    where = changes_in(scope, wanted.broker)
    if wanted.vhost is not None:
        where &= Q(vhost__in=(wanted.vhost, ""))
    for field, values in (("kind", wanted.kinds), ("what", wanted.whats), ("broker__name", wanted.brokers), ("vhost", wanted.vhosts)):
        if values:
            where &= Q(**{f"{field}__in": values})
    if wanted.users:
        where &= Q(who__in=wanted.users) & in_scope(scope, wanted.broker)  # `hide_details` leaves users out elsewhere
    for name in wanted.names:
        where &= Q(name__icontains=name)
    for word in wanted.words:
        where &= Q(text__icontains=word)
    if wanted.start is not None:
        where &= Q(at__gte=wanted.start)
    if wanted.end is not None:
        where &= Q(at__lt=wanted.end)
    return Change.objects.filter(where).select_related("broker").order_by("-at", "-pk")


def _shown(scope: Scope, found: list[Change]) -> list[Change]:
    hide_brokers(scope, found)
    hide_details(scope, found)
    return found


def hide_details(scope: Scope, found: Iterable[Change]) -> None:
    """Where only some queues of the virtual host may be viewed: definitions name other objects, and users of the broker are others' too."""
    for one in () if scope.is_everything else found:
        if not scope.covers(one.broker.name, one.vhost or None):
            one.before = one.after = one.who = None
