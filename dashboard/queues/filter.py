"""The queues' filter as query conditions, including the qualifiers that depend on current data: worker and growing."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.conditions import Condition
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.filter_language import Filter
from workers import queries as worker_queries


def conditions(wanted: Filter, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> list[Condition]:
    """The conditions for `brokers.queries.queues`; terms with a problem are left out. `brokers` are those that the list covers."""
    found = wanted.conditions()
    if "growing" in (value.lower() for value in wanted.values("is")):
        found.append(Condition("growing", "=", True))
    for value in wanted.values("worker"):
        found += [Condition("consumers", "=", 0)] if value.lower() == "none" else _consumed_by(value, scope, brokers, vhost)
    return found


def _consumed_by(hostname: str, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> list[Condition]:
    """Conditions that match the queues consumed by workers whose hostname contains this text."""
    names: set[str] = set()
    vhosts: set[str] = set()
    for broker in brokers:
        for worker in worker_queries.workers(scope, broker=broker.pk, vhost=vhost, text=hostname, page_size=500).items:
            consuming = consumers_by_queue(broker.pk, worker.vhost)
            mine = {queue for (_, queue), consumers in consuming.items() if any(one.worker_id == worker.pk for one in consumers)}
            names |= mine
            vhosts |= {worker.vhost} if mine else set()
    return [Condition("name", "in", tuple(sorted(names))), Condition("vhost", "in", tuple(sorted(vhosts)))]
