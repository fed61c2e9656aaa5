"""Brokers and virtual hosts of which only a part is visible: their figures are of that part, or unknown where they can't be summed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from brokers.models import Broker, Queue, VirtualHost
from brokers.queries.visible import rows_in
from brokers.scope import Scope
from brokers.visible_reasons import without_address

_SUMMED = ("ready", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
_UNKNOWN = (
    "unroutable_per_second", "connections_opened_per_second", "connections_closed_per_second", "channels_opened_per_second", "channels_closed_per_second",
    "queues_created_per_second", "queues_deleted_per_second",
)  # fmt: skip


def visible_figures(scope: Scope, broker: Broker) -> Broker:
    """The broker with the figures of what is visible of it: messages are summed over queues (streams keep theirs and are left out, as everywhere), and what
    is counted of a whole broker only is unknown. What limits Hareline's user is left out for virtual hosts that are not visible."""
    if scope.covers(broker.name):
        return broker
    sums = _sums(scope, Queue.objects.filter(broker_id=broker.pk)) if broker.past_at is None else {}  # no history is kept of a part
    for name in _SUMMED:
        setattr(broker, name, sums.get(name))
    for name in _UNKNOWN:
        setattr(broker, name, None)
    broker.object_totals = {"queues": sums["queues"]} if sums else {}
    hide_places(scope, broker)
    if broker.same_as and not scope.touches(broker.same_as):
        broker.same_as = "another broker"
    return broker


def hide_places(scope: Scope, broker: Broker) -> None:
    """Leaves out why Hareline's user may not see other virtual hosts, and the addresses in the reasons of what failed, which may name anything."""
    if not scope.covers(broker.name):
        broker.reason, broker.depth_source_reason = without_address(broker.reason), without_address(broker.depth_source_reason)
        seen = [one for one in broker.limits if one.get("vhost") is None or scope.touches(broker.name, one["vhost"])]
        broker.limits = [{**one, "why": without_address(str(one.get("why") or ""))} for one in seen]


def hide_brokers(scope: Scope, rows: Iterable[Any]) -> None:
    """`hide_places` of the broker that each of these rows was read with: every query whose rows carry one calls it."""
    if not scope.is_everything:
        carried = (row._state.fields_cache.get("broker") for row in rows)
        for broker in {id(one): one for one in carried if one is not None}.values():
            hide_places(scope, broker)


def visible_vhost_figures(scope: Scope, vhosts: list[VirtualHost]) -> list[VirtualHost]:
    """The same of virtual hosts, with their broker."""
    hide_brokers(scope, vhosts)
    for vhost in vhosts:
        if not scope.covers(vhost.broker.name, vhost.name):
            sums = _sums(scope, Queue.objects.filter(broker_id=vhost.broker_id, vhost=vhost.name)) if vhost.past_at is None else {}
            for name in _SUMMED:
                setattr(vhost, name, sums.get(name))
    return vhosts


def _sums(scope: Scope, queues: QuerySet[Queue]) -> dict[str, Any]:
    waiting = {name: Sum(name, filter=~Q(type="stream")) for name in _SUMMED}
    return queues.filter(rows_in(scope, queue="name"), gone_at=None).aggregate(queues=Count("pk"), **waiting)
