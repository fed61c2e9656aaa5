"""Reads what rules look at. No scope: findings are made for everybody, and each viewer sees those of his brokers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from brokers import database_file, queries
from brokers.models import Broker
from brokers.polling import leases
from brokers.queries import for_findings
from brokers.queries.database_sizes import database_size
from brokers.scope import EVERYTHING
from dashboard import queries as own_queries
from dashboard.findings.facts import Facts
from dashboard.findings.installation import Installation
from dashboard.findings.kept import Kept
from dashboard.findings.rule import Object
from dashboard.findings.worker_groups import WorkerGroups
from dashboard.layout.consumption import consumers_by_queue
from dashboard.models import Finding
from workers import queries as worker_queries
from workers.models import EventSource
from workers.queries.for_rules import beats_of

CLOSED_WITHIN = timedelta(minutes=5)
FAILURES = "task_failures"
"""The rule of `dashboard.findings.rules.task_failures`, by its key: rules look at facts, and facts know no rules."""


def facts_of(broker: Broker, open_now: Iterable[Finding], now: datetime, kept: Kept) -> Facts:
    """Everything about one broker, as of the transaction in which this is called."""
    objects = _objects(open_now)
    queue_ids = [one.pk for found in objects.values() for one in found if one.kind == "queue" and one.pk is not None]
    polled = kept.polled.polled(broker, queue_ids, now)
    sources = worker_queries.event_sources(EVERYTHING, broker.pk, [broker])
    workers = kept.workers.workers(broker, beats_of(sources), now)
    groups = kept.grouped(workers)
    failing = {(one.vhost, one.name) for one in objects.get(FAILURES, ())}
    return Facts(
        now=now,
        broker=broker,
        vhosts=polled.vhosts,
        nodes=polled.nodes,
        queues=polled.queues,
        workers=workers,
        sources=sources,
        transfers=polled.transfers,
        trends=kept.polled.trends(broker, now),
        attempts=polled.attempts,
        changes=polled.changes,
        beats=leases.heartbeats(),
        context=kept.queues.context(broker, polled.queues, groups, now),
        open_objects=objects,
        gone_for=worker_queries.gone_for(),
        outcomes=kept.outcomes(broker, now, failing),
        risen=kept.counters.note(_counters(groups, sources), now),
        expected=kept.missed.expected(broker, now),
        drift=kept.drift(broker, groups.online, now),
        passage=kept.passages.note(broker, sources, now),
        topology_faults=kept.topology.faults(broker, polled.vhosts, now),
        busy_queues=lambda rate: kept.polled.busy_queues(broker, rate, now),
        consuming_nodes=lambda vhost, queue: _nodes(broker, vhost, queue),
        only_connections=lambda: for_findings.only_connections(broker.pk),
        blocked=lambda: for_findings.blocked_connections(broker),
        closed_lately=lambda: for_findings.closed_clients(broker, now - CLOSED_WITHIN),
        names_now=for_findings.names_now,
        counted_now=for_findings.counted_now,
        rise=kept.polled.rise,
        held=kept.held_by(now),
        grouped=kept.grouped,
    )


def _counters(groups: WorkerGroups, sources: Iterable[EventSource]) -> dict[tuple[str, int], int]:
    return {**groups.lost_events, **{("refused", source.id): source.refused_events for source in sources}}


def _nodes(broker: Broker, vhost: str, queue: str) -> set[str]:
    """The worker nodes that consume a queue, and the hosts of its other clients; "" where the broker does not report one."""
    return {one.hostname or one.consumer.peer_host for one in consumers_by_queue(broker.pk, vhost, broker).get((vhost, queue), ())}


def own_facts(open_now: Iterable[Finding], now: datetime, unusable_targets: Sequence[tuple[str, str, datetime]] = ()) -> Facts:
    """What the rules about Hareline itself look at."""
    brokers = [broker for broker in queries.brokers(EVERYTHING) if broker.configured]
    sources = [source for source in worker_queries.event_sources(EVERYTHING) if source.broker.configured]
    installation = Installation(
        brokers=brokers,
        sources=sources,
        waiting=for_findings.depths_of((source.pk, source.broker_id, source.vhost, source.queue) for source in sources),
        database_bytes=database_size().size_bytes,
        tasks=sum(worker_queries.kept_counts(EVERYTHING).values()),
        tasks_most=settings.RETENTION_TASKS or None,
        task_days=settings.RETENTION_TASK_DAYS,
        oldest_task_at=worker_queries.kept_since(),
        not_stored=database_file.not_writable(),
    )
    failing = own_queries.failing_targets()
    return Facts(
        now=now,
        beats=leases.heartbeats(),
        failing_targets=failing,
        unusable_targets=unusable_targets,
        open_objects=_objects(open_now),
        installation=installation,
    )


def _objects(open_now: Iterable[Finding]) -> Mapping[str, Sequence[Object]]:
    found: dict[str, list[Object]] = {}
    for one in open_now:
        found.setdefault(one.rule, []).append(Object(one.kind, one.name, one.vhost, one.object_id))  # type: ignore[arg-type]  # stored from an Object
    return found
