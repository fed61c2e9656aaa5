"""What a Scope leaves of a table, as filters. Where a row can't be placed within the scope it is left out: a table says which column names its queue."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from brokers.database.patterns import as_operand, fits
from brokers.scope import Patterns, Scope

NOTHING_AT_ALL = Q(pk__in=())


def rows_in(scope: Scope, *, broker: str = "broker__name", vhost: str = "vhost", queue: str = "") -> Q:
    """Rows of which the scope covers all. `queue` names the column with the name of the row's queue; without one the rows of a virtual host
    of which only some queues may be viewed are left out. Without `vhost` the same holds for brokers."""
    if scope.places is None:
        return Q()
    found = Q()
    for place in scope.places:
        if (place.queue and not queue) or (place.vhost and not vhost):
            continue
        found |= Q(pk__isnull=False) & _all(broker, place.broker) & _all(vhost, place.vhost) & _all(queue, place.queue)
    return found or NOTHING_AT_ALL


def rows_touching(scope: Scope, *, broker: str = "broker__name", vhost: str = "") -> Q:
    """Rows of brokers, and with `vhost` of virtual hosts, in which something may be viewed."""
    if scope.places is None:
        return Q()
    found = Q()
    for place in scope.places:
        found |= Q(pk__isnull=False) & _all(broker, place.broker) & (_all(vhost, place.vhost) if vhost else Q())
    return found or NOTHING_AT_ALL


def where_in(scope: Scope, *, vhost: str = "vhost", queue: str = "", broker_id: str = "broker_id") -> tuple[str, list[Any]]:
    """`rows_in` as a condition with its parameters, for statements that are written out."""
    if scope.places is None:
        return "TRUE", []
    parts: list[str] = []
    parameters: list[Any] = []
    for place in scope.places:
        if place.queue and not queue:
            continue
        named = " AND ".join(fits("name") for _ in place.broker)
        conditions = [f"{broker_id} IN (SELECT id FROM brokers_broker WHERE {named})"] if named else []  # noqa: S608  (constants)
        conditions += [fits(vhost) for _ in place.vhost] + [fits(queue) for _ in place.queue]
        parts.append(f"({' AND '.join(conditions) or 'TRUE'})")
        parameters += [as_operand(pattern) for pattern in (*place.broker, *place.vhost, *place.queue)]
    return f"({' OR '.join(parts) or 'FALSE'})", parameters


def _all(column: str, patterns: Patterns) -> Q:
    found = Q()
    for pattern in patterns:
        found &= Q(**{f"{column}__fits": pattern})
    return found
