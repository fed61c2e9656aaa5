"""What the overview shows of all queues, worked out once a poll and shared by its viewers."""

from __future__ import annotations

import msgspec

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import kept
from brokers.scope import Scope
from dashboard.layout.internal_queues import internal_queues, without
from dashboard.overview.suspects import KINDS, MOST_OF_A_KIND

RESTING = (Condition("consumers", "=", 0), Condition("depth", ">", 0), Condition("type", "!=", "stream"))
UNCLEAR = (Condition("unclear", "=", True),)


class QueueSummary(msgspec.Struct, frozen=True):
    """`resting` hold messages and have no consumer, streams excluded; `unclear` are those whose level is unknown; `pages` are the deepest of each kind of
    `overview.suspects`. Internal queues are left out."""

    total: int
    resting: int
    unclear: int
    pages: list[queries.Page[Queue]]


def queue_summary(scope: Scope, broker: Broker, vhost: str | None) -> QueueSummary:
    """Of one broker, or of one of its virtual hosts."""
    return kept.shared(kept.state_of([broker]), _made, scope, broker.pk, vhost, tuple(internal_queues(scope, [broker], broker.pk, vhost)))


def _made(scope: Scope, broker_id: int, vhost: str | None, internal: tuple[int, ...]) -> QueueSummary:
    broker = queries.broker_by_id(scope, broker_id)
    if broker is None:
        return QueueSummary(0, 0, 0, [])
    leave_out, own = without(internal)
    filters = [[*conditions, *own] for conditions in (RESTING, UNCLEAR, *KINDS)]
    resting, unclear, *totals = queries.queue_counts(scope, filters, broker=broker.pk, vhost=vhost, leave_out=leave_out)
    pages = [
        queries.queues(
            scope, broker=broker.pk, vhost=vhost, conditions=conditions, page_size=MOST_OF_A_KIND, leave_out=leave_out, total=total, brokers=[broker]
        )
        for conditions, total in zip(filters[2:], totals, strict=True)
    ]  # fmt: skip
    return QueueSummary(totals[0], resting, unclear, pages)
