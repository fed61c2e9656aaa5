"""The settings of queues over a time, from all definitions that were in force meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from brokers.balance_causes import Settings
from brokers.models import Broker, Queue
from brokers.queries.balance import settings_versions
from brokers.routing.definitions import of_topology
from brokers.routing.patterns import Patterns
from brokers.routing.policies import PolicySet, Target, effective
from brokers.routing.versions import version_tuple
from brokers.scope import Scope
from brokers.topology import QueueDefinition, Topology


class _Version(NamedTuple):
    policies: PolicySet
    patterns: Patterns
    queues: Mapping[str, QueueDefinition]


class QueueSettings:
    """Reads the definitions of a virtual host once."""

    def __init__(self, scope: Scope, broker: Broker, start: datetime, end: datetime) -> None:
        self._scope, self._broker, self._start, self._end = scope, broker, start, end
        self._versions: dict[str, list[_Version]] = {}

    def of(self, queue: Queue) -> Settings:
        """A setting that was in force at any time counts; of several values the last."""
        if queue.vhost not in self._versions:
            found = settings_versions(self._scope, self._broker, queue.vhost, self._start, self._end)
            self._versions[queue.vhost] = [_prepared(topology) for topology in found]
        versions = self._versions[queue.vhost]
        merged: dict[str, Any] = {}
        for version in versions:
            if (defined := version.queues.get(queue.name)) is not None:
                target = Target(queue.name, "queue", defined.type, version_tuple(self._broker.version))
                merged |= effective(target, defined.arguments, version.policies, version.patterns).settings
        known = any(queue.name in version.queues for version in versions)
        made_again = queue.first_seen_at > self._start and bool(versions) and queue.name in versions[0].queues
        return Settings(merged if known else None, queue.type, made_again)


def _prepared(topology: Topology) -> _Version:
    contents = of_topology(topology)
    policies = PolicySet(contents.policies, contents.operator_policies, contents.policies_ordered)
    return _Version(policies, Patterns(), {queue.name: queue for queue in topology.queues})
