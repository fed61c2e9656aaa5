"""Reads what `dashboard.findings.topology_faults` looks at: a virtual host as soon as its topology changed, but only for a small share of the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog

from brokers.models import Broker, VirtualHost
from brokers.queries import fingerprints, for_findings, topologies
from brokers.routing.fields import InvalidQuestion
from brokers.routing.virtual_host import VirtualHostRouter
from dashboard.findings.topology_faults import MOST_OF_A_KIND, NO_WAY_OUT, TopologyFault, faults, is_of_queue
from workers import queries as worker_queries

log = structlog.get_logger(__name__)
CHECKED_EVERY = timedelta(seconds=10)
COUNTED_EVERY = timedelta(seconds=30)
"""While nothing of it was stored as read or changed, which is known without counting its queues, exchanges and bindings."""
AGAIN_EVERY = timedelta(minutes=10)
"""Policies that are in force may be read later than the topology was."""
REST = 20
"""So many times as long as it took, it then rests: of ten thousand queues a change is seen a little later."""
LATELY = timedelta(minutes=10)
_NEVER = datetime.min.replace(tzinfo=UTC)


class TopologyReader:
    """Of one broker, for one thread."""

    def __init__(self, processor_seconds: Callable[[], float] = time.thread_time) -> None:
        self._seconds = processor_seconds
        self._checked_at, self._rests_until = _NEVER, _NEVER
        self._known: dict[str, tuple[Any, datetime, list[TopologyFault]]] = {}
        self._found: Sequence[TopologyFault] | None = None
        self._counted: tuple[Any, datetime] = (None, _NEVER)
        self._published_at: dict[int, datetime] = {}  # by exchange; of those without a way out

    def faults(self, broker: Broker, vhosts: Sequence[VirtualHost], now: datetime) -> Sequence[TopologyFault] | None:
        """What is wrong with the topologies of a broker, with the keys of the objects; None while that is not known."""
        if broker.topology_at is None:
            return None
        if timedelta(0) <= now - self._checked_at < CHECKED_EVERY or self._checked_at <= now < self._rests_until:
            return self._found
        began = self._seconds()
        self._published_at = {pk: at for pk, at in self._published_at.items() if now - at < LATELY}
        visible = [vhost.name for vhost in vhosts if vhost.visible]
        signs = (broker.topology_at, broker.version, visible, for_findings.latest_change(broker) if visible else None)
        if signs != self._counted[0] or not timedelta(0) <= now - self._counted[1] < COUNTED_EVERY:
            self._known = {name: self._of_vhost(broker, name, now) for name in visible}
            self._counted = (signs, now)
        self._found = [placed for _, _, found in self._known.values() for placed in self._placed(broker, found, now)]
        self._checked_at, self._rests_until = now, now + REST * timedelta(seconds=self._seconds() - began)
        return self._found

    def _of_vhost(self, broker: Broker, vhost: str, now: datetime) -> tuple[Any, datetime, list[TopologyFault]]:
        known, state = self._known.get(vhost), (fingerprints.topology_fingerprints(broker.pk, vhost), broker.version)
        if known is not None and known[0] == state and timedelta(0) <= now - known[1] < AGAIN_EVERY:
            return known
        try:
            router = VirtualHostRouter.from_topology(topologies.read(broker.pk, vhost), broker.version or None)
            found = faults(router, worker_queries.names_of(broker.pk, vhost).machinery)
        except InvalidQuestion as error:
            log.warning("a topology could not be looked at", broker=broker.name, vhost=vhost, reason=str(error))
            found = [TopologyFault("unknown", vhost, "")]
        return state, now, found

    def _placed(self, broker: Broker, found: Sequence[TopologyFault], now: datetime) -> list[TopologyFault]:
        """With the keys of their objects; an exchange without a way out only if something was published to it lately: every virtual host has five unused."""
        if not found:
            return []
        vhost = found[0].vhost
        exchanges = for_findings.exchanges_by_name(broker.pk, vhost, {one.name for one in found if not is_of_queue(one)})
        queues = for_findings.queues_by_name(broker.pk, vhost, {one.name for one in found if is_of_queue(one)})
        self._published_at |= {pk: now for pk, rate in exchanges.values() if rate}
        placed, without = [], 0
        for one in found:
            pk = queues.get(one.name) if is_of_queue(one) else exchanges.get(one.name, (None, None))[0]
            if one.what == "unknown":
                placed.append(one)
            elif pk is not None and (one.what != NO_WAY_OUT or (pk in self._published_at and without < MOST_OF_A_KIND)):
                without += one.what == NO_WAY_OUT
                placed.append(msgspec.structs.replace(one, pk=pk))
        return placed
