"""What the overview shows of all queues, worked out once a poll and shared by its viewers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import kept
from brokers.queries.pages import share_brokers
from brokers.scope import Scope
from dashboard.layout.internal_queues import internal_queues, without

DEEPEST = 12

RESTING = (Condition("consumers", "=", 0), Condition("depth", ">", 0), Condition("type", "!=", "stream"))
UNCLEAR = (Condition("unclear", "=", True),)


class QueueSummary(msgspec.Struct, frozen=True):
    """`resting` hold messages and have no consumer, streams excluded; `unclear` are those whose level is unknown; `deepest` are the first DEEPEST of them.
    Internal queues are left out."""

    total: int
    resting: int
    unclear: int
    deepest: list[Queue]


def queue_summary(scope: Scope, broker: Broker, vhost: str | None) -> QueueSummary:
    """Of one broker, or of one of its virtual hosts. At a moment of which nothing is recorded it knows none."""
    if broker.state == Broker.NOT_RECORDED:
        return QueueSummary(0, 0, 0, [])
    return kept.shared(kept.state_of([broker]), _made, scope, broker.pk, vhost, tuple(internal_queues(scope, [broker], broker.pk, vhost)), broker.past_at)


def _made(scope: Scope, broker_id: int, vhost: str | None, internal: tuple[int, ...], at: datetime | None) -> QueueSummary:
    broker = queries.broker_by_id(scope, broker_id, at)
    if broker is None:
        return QueueSummary(0, 0, 0, [])
    leave_out, own = without(internal)
    filters = [[*conditions, *own] for conditions in (RESTING, UNCLEAR if at is None else (), ())]  # how clear it was is not recorded
    resting, unclear, total = queries.queue_counts(scope, filters, broker=broker.pk, vhost=vhost, leave_out=leave_out, at=at)
    unclear = unclear if at is None else 0
    where: dict[str, Any] = {"broker": broker.pk, "vhost": vhost, "conditions": own, "leave_out": leave_out, "at": at}
    deepest = queries.queues(scope, **where, page_size=DEEPEST, total=total, brokers=[broker])
    share_brokers(deepest.items, [broker])
    return QueueSummary(total, resting, unclear, deepest.items)
