"""The virtual hosts that the broker's event exchange named as changed, each read by itself: of many bindings those of the others are not read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brokers.errors import BrokerRefused, ObjectNotFound
from brokers.parts import BINDINGS, EXCHANGES, OPERATOR_POLICIES, POLICIES
from brokers.polling.inventory_round import Round
from brokers.polling.poll_memory import NamedRead
from brokers.stats import NamedChanges
from brokers.topology import PolicyDefinition

FEW = 5
"""More virtual hosts that changed are read with all others, in one list of each kind."""


def sign(named: NamedChanges) -> object:
    """That anything may have changed, so that all virtual hosts are to be read."""
    return ("named", named.everything)


def changed(one: Round) -> list[str]:
    """Those named since they were read, or with other queues than were read; [] if no events are received."""
    kept, queue_keys = one.kept, one.memory.depths.queue_keys or frozenset()
    if kept.named is None:
        return []
    found = {vhost for vhost, count in kept.named.counts.items() if kept.named_read.counts.get(vhost) != count}
    if queue_keys is not kept.named_read.queue_keys:
        found |= {vhost for vhost, _ in queue_keys ^ kept.named_read.queue_keys}
    return sorted(found & (one.memory.visible_vhosts or frozenset()))


def seen(one: Round) -> NamedRead:
    """What was named until this round began, and is contained in what it reads."""
    named = one.kept.named
    return NamedRead({} if named is None else named.counts, one.memory.depths.queue_keys or frozenset())


def lists(one: Round, vhost: str) -> dict[str, list[Any] | None]:
    """The lists of TOPOLOGY_PARTS, of one virtual host. One that was deleted meanwhile has nothing."""
    api = one.api

    def operator_policies() -> list[tuple[str, PolicyDefinition]]:
        if one.kept.operator_policies_refused:
            return []
        try:
            return api.operator_policies(vhost)
        except (BrokerRefused, ObjectNotFound):
            return []

    return {
        EXCHANGES: one.fetch(EXCHANGES, lambda: _listed(api.exchanges, vhost)),
        BINDINGS: one.fetch(BINDINGS, lambda: _listed(api.bindings, vhost)),
        POLICIES: one.fetch(POLICIES, lambda: _listed(api.policies, vhost)),
        OPERATOR_POLICIES: one.fetch(OPERATOR_POLICIES, operator_policies),
    }


def _listed(request: Callable[[str], list[Any]], vhost: str) -> list[Any]:
    try:
        return request(vhost)
    except ObjectNotFound:
        return []
