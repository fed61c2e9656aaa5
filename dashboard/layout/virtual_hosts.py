"""The virtual hosts of a broker, read once a poll for all viewers."""

from __future__ import annotations

from collections.abc import Iterable

from brokers import queries
from brokers.models import Broker, VirtualHost
from brokers.queries import kept
from brokers.scope import Scope

VHOSTS_FOLLOWED = 20  # of each broker, while a list is empty


def virtual_hosts(scope: Scope, broker: Broker) -> list[VirtualHost]:
    """By name, including those that are not visible; to be read only. `broker` is its row, as it was read in this transaction."""
    if broker.past_at is not None:
        return queries.virtual_hosts(scope, broker.pk, broker.past_at)
    return kept.shared(kept.state_of([broker]), queries.virtual_hosts, scope, broker.pk)


def partly_visible(scope: Scope, brokers: Iterable[Broker], vhost: str | None) -> set[tuple[int, str]]:
    """(broker id, virtual host) of those, of one name where given, in which something may be visible, where not even its event source is: none where rights are
    not limited to queues."""
    if not scope.limits_queues:
        return set()
    return {(broker.pk, one.name) for broker in brokers for one in virtual_hosts(scope, broker) if vhost in (None, one.name)}


def followed_while_empty(scope: Scope, brokers: Iterable[Broker], vhost: str | None = None) -> set[tuple[int, str]]:
    """(broker id, virtual host) where the first object of an empty list may appear: the first ones by name, or the one of that name."""
    found = ([one for one in virtual_hosts(scope, broker) if vhost in (None, one.name)] for broker in brokers)
    return {(one.broker_id, one.name) for hosts in found for one in hosts[:VHOSTS_FOLLOWED]}
