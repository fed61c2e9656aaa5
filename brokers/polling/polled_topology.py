"""The topology of virtual hosts from the lists of the management API: exchanges, queues, bindings, policies.

A list that cannot be read is None and missing from the topologies; the others are complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brokers.errors import BrokerRefused, ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.management.parse import SeenExchange
from brokers.parts import BINDINGS, EXCHANGES, OPERATOR_POLICIES, POLICIES, Parts
from brokers.polling.poll_memory import PollMemory
from brokers.stats import QueueKey, QueueStats
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

Read = Mapping[str, list[Any] | None]
"""{part: the broker's list, None if it cannot be read}."""


def read_topology(api: ManagementApi, memory: PollMemory, parts: Parts, exchanges: list[SeenExchange] | None) -> Read:
    """The lists of TOPOLOGY_PARTS; `exchanges` where they were read already."""

    def operator_policies() -> list[tuple[str, PolicyDefinition]]:
        memory.operator_policies_refused = False
        try:
            return api.operator_policies()
        except BrokerRefused:
            memory.operator_policies_refused = True
        except ObjectNotFound:  # older versions have none
            pass
        return []

    read = {
        EXCHANGES: parts.fetch(EXCHANGES, api.exchanges) if exchanges is None else exchanges,
        BINDINGS: parts.fetch(BINDINGS, api.bindings),
        POLICIES: parts.fetch(POLICIES, api.policies),
        OPERATOR_POLICIES: parts.fetch(OPERATOR_POLICIES, operator_policies),
    }
    bindings = read[BINDINGS]
    if bindings is not None:
        memory.binding_count = len(bindings)
    return read


def assembled(visible: Iterable[str], read: Read, queues: dict[QueueKey, QueueStats]) -> dict[str, Topology]:
    """{virtual host: its topology} of all that are visible, each list sorted."""
    found: dict[str, tuple[list[ExchangeDefinition], list[QueueDefinition], list[BindingDefinition], list[PolicyDefinition]]]
    found = {vhost: ([], [], [], []) for vhost in visible}
    nowhere: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])  # a virtual host created between two requests: next poll
    for exchange in read[EXCHANGES] or ():
        found.get(exchange.vhost, nowhere)[0].append(exchange.definition)
    for (vhost, _), queue in queues.items():
        found.get(vhost, nowhere)[1].append(_definition(queue))
    for binding in read[BINDINGS] or ():
        found.get(binding.vhost, nowhere)[2].append(binding.definition)
    for vhost, policy in (*(read[POLICIES] or ()), *(read[OPERATOR_POLICIES] or ())):
        found.get(vhost, nowhere)[3].append(policy)
    return {
        vhost: Topology(
            vhost,
            exchanges=tuple(sorted(of[0], key=lambda one: one.name)),
            queues=tuple(sorted(of[1], key=lambda one: one.name)),
            bindings=tuple(sorted(of[2], key=lambda one: (one.source, one.destination, one.destination_type, one.routing_key, one.properties_key))),
            policies=tuple(sorted(of[3], key=lambda one: (one.name, one.operator))),
        )
        for vhost, of in found.items()
    }


def _definition(queue: QueueStats) -> QueueDefinition:
    durable = True if queue.durable is None else queue.durable
    return QueueDefinition(queue.name, queue.type, durable, bool(queue.auto_delete), bool(queue.exclusive), queue.arguments or {})
