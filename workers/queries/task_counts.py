"""How many tasks there are, as the store keeps it: exact, however many, and read from a few rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.db import connection

from brokers.models import Broker
from brokers.queries.kept import Kept
from brokers.queries.pages import BrokerRef, visible_brokers
from brokers.queries.visible import where_in
from brokers.scope import Scope
from workers.task_filter import ALL_STATES

V = TypeVar("V")
LARGE = 500
"""So many tasks are not counted again within ten seconds: pages renew their counts no more often either."""
_large: Kept[Any] = Kept(most=512)


def lately(question: Hashable, count: Callable[[], V], size: Callable[[V], int]) -> V:
    """What `count` returns for the question, or returned within the last ten seconds if it was large."""
    found: V = _large.get(question, LARGE, count, lambda counted: size(counted) > LARGE)
    return found


def kept_counts(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> dict[str, int]:
    """{state: how many tasks are in it}, every state, of what may be seen, of one broker and virtual host where given. Kept counts know no
    queues: ValueError for a scope that limits these, whose tasks are counted as those of a filter are."""
    if scope.limits_queues:
        raise ValueError("no counts are kept by queue")
    where: list[str] = []
    parameters: list[Any] = []
    if isinstance(broker, str):
        brokers = Broker.objects.filter(visible_brokers(scope, broker)).values_list("pk", flat=True)
        where.append(f"broker_id IN ({', '.join(map(str, brokers)) or 'NULL'})")
    elif broker is not None:
        where.append(f"broker_id = {broker:d}")
    if vhost is not None:
        where.append("vhost = %s")
        parameters.append(vhost)
    if not scope.is_everything:
        seen, seen_parameters = where_in(scope)
        where.append(seen)
        parameters += seen_parameters
    with connection.cursor() as cursor:
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        cursor.execute(f"SELECT state, SUM(tasks) FROM workers_taskcount {condition} GROUP BY state", parameters)  # noqa: S608  (conditions are constants)
        counts = {state: int(tasks) for state, tasks in cursor.fetchall()}
    return {state: max(counts.get(state, 0), 0) for state in ALL_STATES}
