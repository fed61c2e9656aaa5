"""What polls stored of a broker, read again only after another poll: rules also look after every batch of events, which changes none of it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from brokers import queries
from brokers.models import Broker, Change, ClientTrend, Node, PollAttempt, Queue, Transfer, VirtualHost
from brokers.queries import for_findings
from brokers.queries.for_findings import BusyQueue
from brokers.scope import EVERYTHING
from dashboard.connections.growth import Growth, rise
from dashboard.findings.gathered_queues import QueueReader

MOST_ATTEMPTS = 600
ATTEMPTS_OF = timedelta(minutes=10)
"""A broker that has responded for longer did not come and go lately, so its attempts are not read."""
MOST_CHANGES = 50
TRENDS_EVERY = timedelta(seconds=30)
"""A sample is stored each minute."""
BUSY_EVERY = timedelta(seconds=15)
"""The busiest queues are of interest to a rule that waits for minutes, and finding them takes all queues."""
LONGEST = timedelta(seconds=10)
"""So long it is kept at most: which queues are candidates also depends on the time."""


@dataclass(frozen=True)
class Polled:
    vhosts: Sequence[VirtualHost]
    nodes: Sequence[Node]
    queues: Sequence[Queue]
    transfers: Sequence[Transfer]
    attempts: Sequence[PollAttempt]
    changes: Sequence[Change]


class PolledReader:
    """Of one broker, for one thread."""

    def __init__(self, queues: QueueReader) -> None:
        self._queues = queues
        self._read: tuple[Hashable, datetime, Polled] | None = None
        self._trends: tuple[datetime, Sequence[ClientTrend]] | None = None
        self._rises: dict[int, Growth] = {}
        self._busy: tuple[datetime, float, Sequence[BusyQueue]] | None = None

    def polled(self, broker: Broker, also: Collection[int], now: datetime) -> Polled:
        """`also`: the primary keys of queues with an open finding."""
        key = (broker.state, broker.polled_at, broker.tried_at, broker.inventory_at, frozenset(also))
        if self._read is None or self._read[0] != key or not timedelta(0) <= now - self._read[1] < LONGEST:
            self._read = (key, now, self._polled(broker, also, now))
        return self._read[2]

    def _polled(self, broker: Broker, also: Collection[int], now: datetime) -> Polled:
        nodes = for_findings.nodes_of(broker)
        is_new = broker.since is not None and now - broker.since < ATTEMPTS_OF
        return Polled(
            vhosts=for_findings.vhosts_of(broker),
            nodes=nodes,
            queues=self._queues.candidates(broker, also, now),
            transfers=for_findings.transfers_of(broker),
            attempts=queries.poll_attempts(EVERYTHING, broker.pk, MOST_ATTEMPTS) if is_new else [],
            changes=[] if all(node.running for node in nodes) else queries.changes(EVERYTHING, broker.pk, MOST_CHANGES),
        )

    def trends(self, broker: Broker, now: datetime) -> Sequence[ClientTrend]:
        """How many connections clients have had: a sample a minute."""
        if self._trends is None or not timedelta(0) <= now - self._trends[0] < TRENDS_EVERY:
            self._trends = (now, for_findings.trends_of(broker))
            self._rises = {trend.pk: found for trend in self._trends[1] if (found := rise(trend)) is not None}
        return self._trends[1]

    def busy_queues(self, broker: Broker, ack_per_second: float, now: datetime) -> Sequence[BusyQueue]:
        """The queues of which at least so much is acknowledged, the busiest first, as of a few polls ago at most."""
        if self._busy is None or self._busy[1] != ack_per_second or not timedelta(0) <= now - self._busy[0] < BUSY_EVERY:
            self._busy = (now, ack_per_second, for_findings.busy_queues(broker, ack_per_second))
        return self._busy[2]

    def rise(self, trend: ClientTrend) -> Growth | None:
        """Of those that were read last: worked out once, not in every round."""
        return self._rises.get(trend.pk)
