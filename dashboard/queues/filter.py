"""The queues' filter as conditions, with the two qualifiers that only the present answers: who consumes, and what grows."""

from __future__ import annotations

from collections.abc import Sequence

from brokers.conditions import Condition
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.filter_language import Filter
from workers import queries as worker_queries


def conditions(asked: Filter, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> list[Condition]:
    """What `brokers.queries.queues` is to be asked; terms with a problem are left out. `brokers` are those the list is about."""
    found = asked.conditions()
    if "growing" in (value.lower() for value in asked.values("is")):
        found.append(Condition("growing", "=", True))
    for value in asked.values("worker"):
        found += [Condition("consumers", "=", 0)] if value.lower() == "none" else _consumed_by(value, scope, brokers, vhost)
    return found


def _consumed_by(hostname: str, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> list[Condition]:
    """The queues that workers of this name (or with this part of a name) consume."""
    names: set[str] = set()
    vhosts: set[str] = set()
    for broker in brokers:
        for worker in worker_queries.workers(scope, broker=broker.pk, vhost=vhost, text=hostname, page_size=500).items:
            consuming = consumers_by_queue(broker.pk, worker.vhost)
            mine = {queue for (_, queue), consumers in consuming.items() if any(one.worker_id == worker.pk for one in consumers)}
            names |= mine
            vhosts |= {worker.vhost} if mine else set()
    return [Condition("name", "in", tuple(sorted(names))), Condition("vhost", "in", tuple(sorted(vhosts)))]
