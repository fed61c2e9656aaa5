"""Finds the virtual hosts of a broker where Celery is, and the names of its exchanges there: `workers.celery_names` decides from what polls stored."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from brokers import queries as broker_queries
from brokers.addresses import variable_suffix
from workers import queries
from workers.celery_names import EVERY_VHOST, GOSSIP_KEY, PIDBOX, CeleryNames, Found, Seen, find, may_be_events
from workers.grants import OURS_PREFIX

LOOK_SECONDS = 10.0


class PlaceFinder:
    """Of one broker. Looks again when exchanges or bindings changed, and every ten seconds for what workers report."""

    def __init__(self, broker_id: int, broker: str, configured: Mapping[str, CeleryNames]) -> None:
        self._broker_id, self._configured = broker_id, configured
        self.variable = f"HARELINE_CELERY_{variable_suffix(broker)}"
        self._fingerprint: object = None
        self._next_look = 0.0
        self._found: dict[str, Found] = {}

    def found(self) -> dict[str, Found]:
        """By virtual host, those alone where something of Celery is or was."""
        fingerprint = broker_queries.traces_fingerprint(self._broker_id)
        if fingerprint != self._fingerprint or time.monotonic() >= self._next_look:
            self._fingerprint, self._next_look = fingerprint, time.monotonic() + LOOK_SECONDS
            self._found = self._look()
        return self._found

    def _look(self) -> dict[str, Found]:
        seen, before = self._seen(), queries.celery_names(self._broker_id)
        found = {}
        for vhost in seen:
            configured = self._configured.get(vhost) or self._configured.get(EVERY_VHOST)
            result = find(seen[vhost], configured, before.get(vhost))
            if result.names is not None and configured is not None and not _exist(configured, seen[vhost]):
                result = msgspec.structs.replace(result, names=None)
            if result.names is not None or result.unwatched:
                found[vhost] = result
        return found

    def _seen(self) -> dict[str, Seen]:
        seen: dict[str, Seen] = defaultdict(Seen)
        for vhost, name, kind in broker_queries.exchanges_of_types(self._broker_id, ("topic", "fanout")):
            if kind == "topic":
                seen[vhost].topics.add(name)
            elif name.endswith(PIDBOX):
                seen[vhost].pidboxes.add(name)
        for vhost, exchange, queue in broker_queries.queues_bound_by(self._broker_id, GOSSIP_KEY):
            seen[vhost].gossip.add((exchange, queue))
        candidates = sorted({name for here in seen.values() for name in here.topics if may_be_events(name)})
        for vhost, exchange in broker_queries.bound_exchanges(self._broker_id, candidates, OURS_PREFIX) if candidates else ():
            seen[vhost].bound.add(exchange)
        for vhost, settings in queries.reported_names(self._broker_id):
            seen[vhost].reported.append(settings)
        return seen


def _exist(names: CeleryNames, seen: Seen) -> bool:
    """Whether any of the exchanges that the user named is there: a virtual host without them has nothing to watch."""
    return bool(set(names.event_exchanges) & seen.topics or set(names.pidboxes) & seen.pidboxes)
