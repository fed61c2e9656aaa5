"""What the last poll of the broker shows about silent workers: their control queues, and whether a node has just restarted."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import msgspec

from brokers import queries
from brokers.scope import EVERYTHING
from workers.receiving.liveness import Disturbance
from workers.receiving.worker_registry import CONTROL_QUEUE_SUFFIX

POLL_HOLDS_SECONDS = 30.0
LOOK_SECONDS = 2.0
LATELY_MS = 600_000


class Shown(msgspec.Struct, frozen=True):
    """`control_queues`: names of the control queues that exist. `restart`: of the node that started last."""

    control_queues: frozenset[str]
    restart: Disturbance | None = None


class BrokerLook:
    """Looks at most every two seconds."""

    def __init__(self, broker_id: int, vhost: str) -> None:
        self._broker_id, self._vhost = broker_id, vhost
        self._next_look = 0.0
        self._shown: Shown | None = None

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
        names = queries.queue_names(EVERYTHING, self._broker_id, self._vhost)
        return Shown(frozenset(name for _, _, name in names if name.endswith(CONTROL_QUEUE_SUFFIX)), self._restart())

    def _restart(self) -> Disturbance | None:
        starts = [
            Disturbance(node.at - timedelta(milliseconds=node.uptime_ms), f"the broker’s node {node.name} started")
            for node in queries.nodes(EVERYTHING, self._broker_id)
            if node.running and node.uptime_ms is not None and 0 <= node.uptime_ms <= LATELY_MS
        ]
        return max(starts, key=lambda start: start.at, default=None)
