"""The queues that Celery or Hareline declared for themselves, which lists and the overview leave out: looked for once a poll, for all viewers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brokers import queries
from brokers.conditions import Condition
from brokers.models import Broker
from brokers.queries import kept
from brokers.scope import Scope

MOST_LEFT_OUT = 500  # by their ids; where there are more, a condition on names is cheaper


def internal_queues(scope: Scope, brokers: Iterable[Broker], broker_id: int | None, vhost: str | None) -> list[int]:
    """Their ids, of one of these brokers or of all; of brokers at a past moment those that were there then."""
    brokers = list(brokers)
    if at := next((broker.past_at for broker in brokers if broker.past_at), None):
        return queries.internal_queues(scope, broker_id, vhost, at)
    return kept.shared(kept.state_of(brokers), queries.internal_queues, scope, broker_id, vhost)


def without(internal: Sequence[int]) -> tuple[Sequence[int], list[Condition]]:
    """What leaves them out of a query: ids, or a condition."""
    return ((), [Condition("celery_own", "=", False)]) if len(internal) > MOST_LEFT_OUT else (internal, [])
