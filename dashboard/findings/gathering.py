"""Reads what rules look at. No scope: findings are made for everybody, and each viewer sees those of his brokers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from brokers import queries
from brokers.models import Broker
from brokers.polling import leases
from brokers.queries.troubled_queues import troubled_queues
from brokers.scope import EVERYTHING
from dashboard.findings.facts import RECENTLY, Facts
from dashboard.findings.rule import Object
from dashboard.models import Finding
from workers import queries as worker_queries

MOST_ATTEMPTS = 600
MOST_CHANGES = 50


def facts_of(broker: Broker, open_now: Iterable[Finding], now: datetime) -> Facts:
    """Everything about one broker, as of the transaction in which this is called."""
    objects = _objects(open_now)
    queue_ids = [one.pk for found in objects.values() for one in found if one.kind == "queue" and one.pk is not None]
    queues = troubled_queues(broker, queue_ids)
    return Facts(
        now=now,
        broker=broker,
        vhosts=queries.virtual_hosts(EVERYTHING, broker.pk),
        nodes=queries.nodes(EVERYTHING, broker.pk),
        queues=queues,
        workers=worker_queries.workers_for_list(EVERYTHING, broker),
        sources=worker_queries.event_sources(EVERYTHING, broker.pk),
        transfers=queries.transfers(EVERYTHING, broker.pk),
        trends=queries.client_trends(EVERYTHING, broker.pk),
        attempts=queries.poll_attempts(EVERYTHING, broker.pk, MOST_ATTEMPTS) if broker.since and now - broker.since < RECENTLY else [],
        changes=queries.changes(EVERYTHING, broker.pk, MOST_CHANGES),
        beats=leases.heartbeats(),
        open_objects=objects,
    )


def own_facts(open_now: Iterable[Finding], now: datetime) -> Facts:
    """What the rules about Hareline itself look at."""
    return Facts(now=now, beats=leases.heartbeats(), open_objects=_objects(open_now))


def _objects(open_now: Iterable[Finding]) -> Mapping[str, Sequence[Object]]:
    found: dict[str, list[Object]] = {}
    for one in open_now:
        found.setdefault(one.rule, []).append(Object(one.kind, one.name, one.vhost, one.object_id))  # type: ignore[arg-type]  # stored from an Object
    return found
