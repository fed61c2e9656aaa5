"""Reads what `dashboard.findings.drift` compares: as soon as a worker reports another configuration, comes or goes, or the topology changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from brokers.models import Broker
from brokers.queries import for_findings
from dashboard.findings import drift
from dashboard.findings.drift import Bound, Drift, Reported
from workers import queries as worker_queries
from workers.models import Worker

AT_LEAST_EVERY = timedelta(seconds=60)
TOPOLOGY_EVERY = timedelta(seconds=10)
"""Where queues or workers come and go all the time, the topology is read no more often."""
MOST_TEXTS = 2000
_NEVER = datetime.min.replace(tzinfo=UTC)


class DriftReader:
    """Of one broker, for one thread."""

    def __init__(self) -> None:
        self._found: Sequence[Drift] | None = None
        self._read_at = _NEVER
        self._configured: Any = None
        self._received: list[tuple[int, datetime | None]] = []
        self._online: Sequence[Worker] | None = None
        self._latest_change: int | None = None
        self._reported: dict[int, tuple[datetime | None, Reported]] = {}
        self._texts: dict[str, Any] = {}

    def drift(self, broker: Broker, online: Sequence[Worker], now: datetime) -> Sequence[Drift] | None:
        """Where configurations and the broker differ; None while that is not known. `online`: the worker nodes that are."""
        is_old = self._is_old(broker, now)
        if online is self._online and not is_old:
            return self._found
        received = [(worker.id, worker.configuration_at) for worker in online]
        if received == self._received and not is_old:
            self._online = online
            return self._found
        self._read_reports(online)
        if len(self._reported) < len(online):  # one of them has just been forgotten
            return self._found
        configured = {key: (one.configuration, one.queues, one.registered) for key, (_, one) in self._reported.items()}
        self._received, self._online = received, online
        if configured == self._configured and not is_old:  # of the same objects, which takes no time to compare
            return self._found
        reported = [one for _, one in self._reported.values()]
        consumed = {(one.vhost, str(queue.get("name"))) for one in reported for queue in one.queues or ()}
        bound = [Bound(*row) for row in for_findings.bindings_of_queues(broker.pk, consumed)]
        there, with_priorities = partial(for_findings.queues_there, broker.pk), partial(for_findings.queues_with_priorities, broker.pk)
        self._found = with_keys(drift.found(reported, bound, there, with_priorities), broker.pk)
        self._read_at, self._configured = now, configured
        return self._found

    def _is_old(self, broker: Broker, now: datetime) -> bool:
        age = now - self._read_at
        if timedelta(0) <= age < TOPOLOGY_EVERY:
            return False
        before, self._latest_change = self._latest_change, for_findings.latest_change(broker)
        return self._latest_change != before or not timedelta(0) <= age < AT_LEAST_EVERY

    def _read_reports(self, online: Sequence[Worker]) -> None:
        """Of those whose configuration was received anew; equal texts are read once, so that what did not change is the same object."""
        known = self._reported
        self._reported = {worker.pk: known[worker.pk] for worker in online if worker.pk in known}
        changed = [worker.pk for worker in online if known.get(worker.pk, (_NEVER,))[0] != worker.configuration_at]
        if len(self._texts) > MOST_TEXTS:
            self._texts.clear()
        for pk, vhost, hostname, at, configuration, queues, registered in worker_queries.reports(changed, self._texts) if changed else ():
            self._reported[pk] = (at, Reported(vhost, hostname, configuration, queues, registered, at))


def with_keys(found: Sequence[Drift], broker_id: int) -> list[Drift]:
    """The same with the keys of the queues that they are about."""
    names: dict[str, set[str]] = {}
    for one in found:
        if one.what in drift.OF_QUEUES:
            names.setdefault(one.vhost, set()).add(one.name)
    keys = {vhost: for_findings.queues_by_name(broker_id, vhost, some) for vhost, some in names.items()}
    return [msgspec.structs.replace(one, pk=keys[one.vhost].get(one.name)) if one.what in drift.OF_QUEUES else one for one in found]
