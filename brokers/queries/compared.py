"""What a comparison reads of one side: the definitions in force at a moment, and the numbers of its queues then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import zstandard
from django.db.models import Min, OuterRef, Q, Subquery

from brokers.errors import NotRecorded
from brokers.figure_comparison import Figures
from brokers.models import Broker, Queue, TopologyVersion, VirtualHost
from brokers.queries.frames import moment
from brokers.queries.pages import existing, in_scope, visible_vhosts
from brokers.queries.recorded_versions import recorded_by
from brokers.scope import Scope
from brokers.topology import Topology, decode
from brokers.visible_topology import visible_topology

MOST_KEPT = 4
ONE_ROUND = timedelta(seconds=30)
"""Definitions of virtual hosts that are first recorded within so long come from one round."""
_kept: OrderedDict[tuple[int, str], Topology] = OrderedDict()
_RECORDED = ("ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second")


class Recorded(NamedTuple):
    """The virtual hosts of a broker at a moment, by name. `without`: those that existed, but of which no definitions were recorded then. `is_certain`: a poll
    answered then; else these are the definitions that were known last. `is_partial`: some of it may not be viewed."""

    topologies: list[Topology]
    without: list[str]
    is_certain: bool
    is_partial: bool


def recorded_definitions(scope: Scope, broker: Broker, vhost: str | None, at: datetime) -> Recorded:
    """Of one virtual host, or of all. Raises NotRecorded."""
    versions = TopologyVersion.objects.filter(recorded_by(at), broker_id=broker.pk, vhost=OuterRef("name")).order_by("-at", "-pk")
    hosts = VirtualHost.objects.filter(visible_vhosts(scope, broker.pk) & existing(at)).order_by("name")
    of_hosts = (hosts if vhost is None else hosts.filter(name=vhost)).annotate(key=Subquery(versions.values("pk")[:1]))
    in_force = list(of_hosts.annotate(content=Subquery(versions.values("content_hash")[:1])).values_list("name", "key", "content"))
    topologies = _versions([(key, content) for _, key, content in in_force if key is not None])
    found = [visible_topology(topologies[key], scope, broker.name) for _, key, _ in in_force if key in topologies]
    without = [name for name, key, _ in in_force if key not in topologies]
    if not found:
        raise NotRecorded(f"the definitions of {f'virtual host {vhost} of ' if vhost else ''}{broker.name}", at)
    partial = not (scope.covers(broker.name) if vhost is None else scope.covers(broker.name, vhost))
    return Recorded(found, without, moment(broker.pk, "broker", at) is not None, partial)


def definitions_recorded_since(scope: Scope, broker: Broker, vhost: str | None) -> datetime | None:
    """When the first definitions of the virtual host, or of all that there were then, were recorded; None if none are."""
    hosts = VirtualHost.objects.filter(visible_vhosts(scope, broker.pk))
    names = (hosts if vhost is None else hosts.filter(name=vhost)).values("name")
    firsts = TopologyVersion.objects.filter(broker_id=broker.pk, vhost__in=names).values("vhost").order_by().annotate(first=Min("at"))
    found = sorted(firsts.values_list("first", flat=True))
    return max((at for at in found if at - found[0] <= ONE_ROUND), default=None)


def recorded_figures(scope: Scope, broker: Broker, vhost: str | None, at: datetime) -> tuple[datetime, Figures] | None:
    """(when they were recorded, the numbers of every queue that lasts); None if nothing was recorded then."""
    found = moment(broker.pk, "queues", at)
    if found is None:
        return None
    recorded_at, then = found
    columns = [then.column(name) for name in _RECORDED]
    rows = Queue.objects.filter(in_scope(scope, broker.pk, vhost, queue="name") & existing(at)).exclude(Q(exclusive=True) | Q(auto_delete=True)).order_by()
    figures = {}
    for key, place, name in rows.values_list("pk", "vhost", "name"):
        numbers = [column.get(key) for column in columns]
        ready, unacknowledged = numbers[:2]
        figures[place, name] = (None if ready is None or unacknowledged is None else ready + unacknowledged, *numbers)
    return recorded_at, figures


def _versions(wanted: Sequence[tuple[int, str]]) -> dict[int, Topology]:
    """Versions of topologies by primary key, of (primary key, hash): they never change, and the last few are kept, for the next page of a comparison."""
    found = {one[0]: _kept[one] for one in wanted if one in _kept}
    rows = TopologyVersion.objects.filter(pk__in=[key for key, _ in wanted if key not in found]).values_list("pk", "data") if len(found) < len(wanted) else ()
    found |= {key: decode(zstandard.decompress(bytes(data))) for key, data in rows}
    for one in wanted[:MOST_KEPT]:
        _kept[one] = found[one[0]]
        _kept.move_to_end(one)
    while len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return found
