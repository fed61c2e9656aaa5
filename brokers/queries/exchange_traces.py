"""Where exchanges of some kind are and what is bound to them, in every virtual host of a broker: for whoever looks for a program by its traces. No scope."""

from __future__ import annotations

from collections.abc import Collection

from brokers.models import Binding, Exchange
from brokers.queries.fingerprints import Fingerprint, counted_live


def traces_fingerprint(broker_id: int) -> Fingerprint:
    """Another value after an exchange or a binding was added or deleted."""
    return (*counted_live(Exchange, broker_id), *counted_live(Binding, broker_id))


def exchanges_of_types(broker_id: int, types: Collection[str]) -> list[tuple[str, str, str]]:
    """[(virtual host, name, type)] of the exchanges there now."""
    rows = Exchange.objects.filter(broker_id=broker_id, gone_at=None, type__in=types)
    return list(rows.order_by("vhost", "name").values_list("vhost", "name", "type"))


def queues_bound_by(broker_id: int, routing_key: str) -> list[tuple[str, str, str]]:
    """[(virtual host, exchange, queue)] of the bindings with exactly this key."""
    rows = Binding.objects.filter(broker_id=broker_id, gone_at=None, routing_key=routing_key, destination_type="queue")
    return list(rows.order_by("vhost", "source", "destination").values_list("vhost", "source", "destination"))


def bound_exchanges(broker_id: int, names: Collection[str], but_queues_named: str) -> set[tuple[str, str]]:
    """{(virtual host, exchange)} of those of these names that have a binding to anything but queues whose name begins so."""
    rows = Binding.objects.filter(broker_id=broker_id, gone_at=None, source__in=names).exclude(destination__startswith=but_queues_named)
    return set(rows.order_by().values_list("vhost", "source").distinct())
