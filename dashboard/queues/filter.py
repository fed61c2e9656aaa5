"""The queues' filter as query conditions, including the qualifiers that depend on current data: worker, growing and stuck."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from brokers.conditions import Condition
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.filter_language import Filter
from workers import queries as worker_queries


def conditions(
    wanted: Filter, scope: Scope, brokers: Sequence[Broker], vhost: str | None, consumed: dict[str, list[Condition]] | None = None
) -> list[Condition]:  # fmt: skip
    """The conditions for `brokers.queries.queues`; terms with a problem are left out. `brokers` are those that the list covers.

    `consumed` keeps the conditions of each worker for the other filters of one request.
    """
    consumed = {} if consumed is None else consumed
    found = wanted.conditions()
    for name in {part.lower() for value in wanted.values("is") for part in value.split(",")}:
        found.append(Condition(name, "=", True))
    for value in wanted.values("worker"):
        if value.lower() == "none":
            found.append(Condition("consumers", "=", 0))
            continue
        if value not in consumed:
            consumed[value] = _consumed_by(value, scope, brokers, vhost)
        found += consumed[value]
    return found


def _consumed_by(hostname: str, scope: Scope, brokers: Sequence[Broker], vhost: str | None) -> list[Condition]:
    """Conditions that match the queues consumed by workers whose hostname contains this text."""
    names: set[str] = set()
    vhosts: set[str] = set()
    for broker in brokers:
        fitting: dict[str, set[int]] = defaultdict(set)
        for worker in worker_queries.workers(scope, broker=broker.pk, vhost=vhost, text=hostname, page_size=500).items:
            fitting[worker.vhost].add(worker.pk)
        for place, workers in fitting.items():
            consuming = consumers_by_queue(broker.pk, place)
            theirs = {queue for (_, queue), consumers in consuming.items() if any(one.worker_id in workers for one in consumers)}
            names |= theirs
            vhosts |= {place} if theirs else set()
    return [Condition("name", "in", tuple(sorted(names))), Condition("vhost", "in", tuple(sorted(vhosts)))]
