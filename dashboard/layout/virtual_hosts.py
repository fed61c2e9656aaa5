"""The virtual hosts of a broker, read once a poll for all viewers."""

from __future__ import annotations

from brokers import queries
from brokers.models import Broker, VirtualHost
from brokers.queries import kept
from brokers.scope import Scope


def virtual_hosts(scope: Scope, broker: Broker) -> list[VirtualHost]:
    """By name, including those that are not visible; to be read only. `broker` is its row, as it was read in this transaction."""
    return kept.shared(kept.state_of([broker]), queries.virtual_hosts, scope, broker.pk)
