"""What the last poll of the broker shows about workers: their control queues, whether publishers are blocked, and whether a node has just restarted."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta

import msgspec

from brokers import queries
from brokers.models import Broker
from brokers.scope import EVERYTHING
from workers.celery_names import PIDBOX, CeleryNames
from workers.receiving.liveness import Blocked, Disturbance, Visible

POLL_HOLDS_SECONDS = 30.0
LOOK_SECONDS = 2.0
LATELY_MS = 600_000


class Shown(msgspec.Struct, frozen=True):
    """`disturbance`: the start of a node, or the end of an alarm, whichever was last."""

    visible: Visible
    disturbance: Disturbance | None = None


class BrokerLook:
    """Looks at most every two seconds."""

    def __init__(self, broker_id: int, vhost: str, names: CeleryNames) -> None:
        self._broker_id, self._vhost, self._names = broker_id, vhost, names
        self._next_look = 0.0
        self._shown: Shown | None = None
        self._was_blocked = False
        self._unblocked: Disturbance | None = None

    def shown(self, now: datetime) -> Shown | None:
        """None if the broker was not polled lately."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._shown = self._look(now)
        return self._shown

    def _look(self, now: datetime) -> Shown | None:
        broker = queries.broker_by_id(EVERYTHING, self._broker_id)
        if broker is None or broker.polled_at is None or (now - broker.polled_at).total_seconds() > POLL_HOLDS_SECONDS:
            return None
        since = blocked_since(broker)
        if self._was_blocked and since is None:
            self._unblocked = Disturbance(now, "the broker stopped blocking publishers")
        self._was_blocked = since is not None
        blocked = None if since is None else Blocked(since, self._attached())
        disturbances = [found for found in (self._unblocked, self._restart()) if found is not None]
        visible = Visible(broker.polled_at, self._controlled(broker), blocked)
        return Shown(visible, max(disturbances, key=lambda found: found.at, default=None))

    def _controlled(self, broker: Broker) -> frozenset[str] | None:
        if any(limit.get("vhost") == self._vhost for limit in broker.limits):
            return None
        names = queries.queue_names_ending(self._broker_id, self._vhost, PIDBOX)
        return frozenset(hostname for name in names if (hostname := self._names.hostname_of(name)) is not None)

    def _attached(self) -> dict[str, int]:
        """How many consumers each worker has on the connection that consumes its control queue, without those of Celery's own queues."""
        consumers = queries.consumers(EVERYTHING, self._broker_id, self._vhost)
        amounts: Counter[str] = Counter()
        hosts = {}
        for consumer in consumers:
            hostname = self._names.hostname_of(consumer.queue)
            if hostname is not None:
                hosts[consumer.connection_name] = hostname
            elif not self._names.is_event_queue(consumer.queue):
                amounts[consumer.connection_name] += 1
        return {hostname: amounts[connection] for connection, hostname in hosts.items() if connection}

    def _restart(self) -> Disturbance | None:
        starts = [
            Disturbance(node.at - timedelta(milliseconds=node.uptime_ms), f"the broker’s node {node.name} started")
            for node in queries.nodes(EVERYTHING, self._broker_id)
            if node.running and node.uptime_ms is not None and 0 <= node.uptime_ms <= LATELY_MS
        ]
        return max(starts, key=lambda start: start.at, default=None)


def blocked_since(broker: Broker) -> datetime | None:
    """Since when a memory or disk alarm blocks publishers, as the last poll shows it; None if none does."""
    moments = [datetime.fromisoformat(str(alarm["since"])) for alarm in broker.alarms if alarm.get("since")]
    return min(moments, default=broker.polled_at) if broker.alarms else None
