"""The queues of a broker that may be in trouble: of thousands, those few that rules must look at."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from brokers.conditions import Condition
from brokers.database.rows import RowsOf, moment
from brokers.length_limits import nearly
from brokers.models import Broker, Queue
from brokers.queries import pages

MOST = 2000
_NEARLY_FULL_DEPTH = 100
_WAITS_LONG = timedelta(minutes=1)
_QUEUES = RowsOf(Queue)


def troubled_queues(
    broker: Broker, also: Collection[int] = (), limited: Mapping[int, int] | None = None, held: bool = False, now: datetime | None = None
) -> list[Queue]:
    """With their broker, the deepest first, at most MOST of them; `also` are ids of queues to return in any case, if they are there. Internal queues of
    Celery and Hareline are left out, unless they are broken.

    In trouble may be what holds messages without a consumer, or with none active, what stands still, what grows, what is broken, whose oldest message waits,
    of those `limited` (key: its length limit) what is nearly full and gets messages, and with `held` what holds messages unacknowledged while none comes or
    goes.
    """
    now = now or broker.polled_at
    suspect, parameters = _condition(connection.vendor, held)
    if now is not None:
        suspect += " OR (ready > 0 AND oldest_at < %s)"
        parameters = [*parameters, moment(now - _WAITS_LONG)]
    if limited:
        suspect += f" OR (publish_per_second > 0 AND depth >= %s AND id IN ({_listed(limited)}))"
        parameters = [*parameters, nearly(min(limited.values()))]
    if also:
        suspect += f" OR id IN ({_listed(also)})"
    others, values = _not_celery_own(connection.vendor)
    rest = f"WHERE broker_id = %s AND gone_at IS NULL AND ({suspect}) AND {others} ORDER BY depth DESC NULLS LAST, id LIMIT {MOST:d}"
    rows = _QUEUES.read(rest, [broker.pk, *parameters, *values])  # all in one look at the table: each takes as long as all else of a round
    pages.share_brokers(rows, [broker])
    return rows


def _listed(keys: Iterable[int]) -> str:
    return ", ".join(f"{pk:d}" for pk in keys)


@functools.cache
def _condition(vendor: str, held: bool) -> tuple[str, list[Any]]:
    """What makes a queue suspect whatever the time, in SQL: worked out once, which takes longer than to read ten thousand rows by it."""
    suspect = (
        (Q(depth__gt=0) & (Q(consumers=0) | Q(active_consumers=0) | Q(still_since__isnull=False)))
        | Q(depth__gte=_NEARLY_FULL_DEPTH, growth_per_second__gt=0)
        | pages.condition_filter(Condition("broken", "=", True))
    )
    if held:
        suspect |= Q(unacknowledged__gt=0, consumers__gt=0, publish_per_second=0, deliver_per_second=0, ack_per_second=0)
    return _compiled(suspect)


@functools.cache
def _not_celery_own(vendor: str) -> tuple[str, list[Any]]:
    return _compiled(pages.condition_filter(Condition("celery_own", "!=", True)))


def _compiled(wanted: Q) -> tuple[str, list[Any]]:
    query = Queue.objects.filter(wanted).query
    sql, values = query.get_compiler(connection=connection).compile(query.where)
    return sql, list(values)
