"""The topology of virtual hosts from the lists of the management API: exchanges, queues, bindings, policies.

A list that cannot be read is None and missing from the topologies; the others are complete. While bindings are few they are read at every round. Else every
30 s, since a new binding changes no number that the broker lists; more rarely where it counts the transactions on definitions, which is then the sign to
read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from brokers.errors import BrokerRefused, ObjectNotFound
from brokers.management.parse import Page, SeenBinding
from brokers.parts import BINDINGS, EXCHANGES, OPERATOR_POLICIES, POLICIES, QUEUES, TOPOLOGY_PARTS
from brokers.polling import named_vhosts
from brokers.polling.inventory_round import Round
from brokers.polling.poll_memory import EVERY, LastRead, NamedRead, ReadExchanges
from brokers.stats import QueueKey, QueueStats
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology

FEW_BINDINGS = 2000
MANY_BINDINGS = 10_000
"""More are read virtual host by virtual host."""

Read = Mapping[str, list[Any] | None]
"""{part: the broker's list, None if it cannot be read}."""


class ReadTopologies(msgspec.Struct):
    """The topologies of every visible virtual host, and the parts that they lack because they can't be read. `changed` False: they are as last read.
    `read`: the virtual hosts whose topologies were read now; None: all. `as_of`: when the first of their lists was read, where that is before this round."""

    topologies: dict[str, Topology]
    unread: frozenset[str]
    changed: bool
    busy_seconds: float = 0.0  # how long the broker worked for them
    every_seconds: float | None = None  # how often they are read while nothing shows a change; None: at every round
    read: frozenset[str] | None = None
    as_of: datetime | None = None


def read(one: Round, is_viewed: bool = False) -> ReadTopologies | None:
    """The topologies if they are due, which they are every 30 s while a page shows bindings (`is_viewed`). None also while they are read in slices, or if an
    earlier part took so long to fail that they are postponed."""
    kept, depths = one.kept, one.memory.depths
    failing = any(map(one.parts.is_failing, TOPOLOGY_PARTS)) or EXCHANGES in depths.unread
    few = (kept.binding_count or 0) <= FEW_BINDINGS
    now_sign = depths.definitions_sign if kept.named is None else named_vhosts.sign(kept.named)
    has_signs = kept.named is not None or depths.definitions_are_counted
    every = kept.topology.in_case if kept.named is not None or (has_signs and not is_viewed) else EVERY
    begun = named_vhosts.seen(one)  # before anything is compared or read: the thread of the depths may replace the queues meanwhile
    named = named_vhosts.changed(one)
    due = few or failing or one.is_partly_read(BINDINGS) or len(named) > named_vhosts.FEW or kept.topology.due(one.now, now_sign, every)
    if not due and named and kept.topologies and not kept.topologies[1]:
        found = _read_named(one, named, begun)
        return None if found is None else _described(one, found, every)
    before, sign = one.busy_seconds, one.begun_with(BINDINGS, now_sign)
    if not one.is_partly_read(BINDINGS):
        kept.named_begun = named_vhosts.seen(one)  # what is named later may be missing from the first parts
    lists = _lists(one) if due and one.may_read(kept.topology) else None
    if lists is None or any(answer is None and not _is_failing(one, part) for part, answer in lists.items()):
        may_differ = few or not has_signs or now_sign != kept.topology.sign or bool(named)
        one.note_waiting(BINDINGS, kept.topology, due and may_differ)
        return None
    kept.topology = LastRead(one.now, one.busy_seconds - before, sign)
    one.note_waiting(BINDINGS, kept.topology, waits=False)
    kept.named_read = kept.named_begun
    found = _described(one, _assembled(one, lists), every)
    found.as_of = one.memory.exchanges.at if one.memory.exchanges is not None and one.memory.few_exchanges else None
    return found


def _described(one: Round, found: ReadTopologies, every: timedelta) -> ReadTopologies:
    found.busy_seconds = one.kept.topology.seconds
    if (one.kept.binding_count or 0) > FEW_BINDINGS:
        found.every_seconds = every.total_seconds()
    return found


def _read_named(one: Round, vhosts: Iterable[str], begun: NamedRead) -> ReadTopologies | None:
    """All topologies, those of these virtual hosts read anew; None if they can't be read, or the budget does not allow it now."""
    kept, known = one.kept, one.memory.depths.known
    if not one.may_read(kept.topology):
        one.note_waiting(BINDINGS, kept.topology, waits=True)
        return None
    found: dict[str, Topology] = {}
    for vhost in vhosts:
        lists = named_vhosts.lists(one, vhost)
        if None in lists.values():
            return None
        found |= assembled([vhost], lists, {key: queue for key, queue in known.items() if key[0] == vhost})
    one.note_waiting(BINDINGS, kept.topology, waits=False)
    kept.named_read = begun
    was = kept.topologies[0] if kept.topologies else {}
    topologies = {vhost: topology for vhost, topology in {**was, **found}.items() if vhost in (one.memory.visible_vhosts or was)}
    kept.binding_count = sum(len(topology.bindings) for topology in topologies.values())
    compared = _compared(one, topologies, frozenset())
    compared.read = frozenset(found)
    return compared


def _is_failing(one: Round, part: str) -> bool:
    return one.parts.is_failing(part) or part in one.memory.depths.unread


def _assembled(one: Round, lists: Read) -> ReadTopologies:
    depths, visible = one.memory.depths, one.memory.visible_vhosts
    if visible is None:
        visible = frozenset(vhost for vhost, _ in depths.known)
    topologies, unread = assembled(visible, lists, depths.known), frozenset(part for part, answer in lists.items() if answer is None)
    unread |= {QUEUES} if QUEUES in depths.unread and not depths.known else frozenset()
    return _compared(one, topologies, unread)


def _compared(one: Round, topologies: dict[str, Topology], unread: frozenset[str]) -> ReadTopologies:
    """With whether they are others than were read before."""
    kept = one.kept
    definitions = {vhost: topology.policies for vhost, topology in topologies.items()}
    if not unread & {POLICIES, OPERATOR_POLICIES}:
        if kept.policy_definitions not in (None, definitions):
            kept.policy_changes += 1  # other policies may be in force
        kept.policy_definitions = definitions
    changed = (topologies, unread) != kept.topologies
    kept.topologies = (topologies, unread)
    return ReadTopologies(topologies, unread, changed)


def _lists(one: Round) -> Read:
    """The lists of TOPOLOGY_PARTS."""

    def operator_policies() -> list[tuple[str, PolicyDefinition]]:
        one.kept.operator_policies_refused = False
        try:
            return one.api.operator_policies()
        except BrokerRefused:
            one.kept.operator_policies_refused = True
        except ObjectNotFound:  # older versions have none
            pass
        return []

    bindings = _bindings(one)
    if bindings is None and not one.parts.is_failing(BINDINGS):
        return {BINDINGS: None}  # the others are read with the last slice
    return {
        EXCHANGES: _exchanges(one),
        BINDINGS: bindings,
        POLICIES: one.fetch(POLICIES, one.api.policies),
        OPERATOR_POLICIES: one.fetch(OPERATOR_POLICIES, operator_policies),
    }


def _exchanges(one: Round) -> list[Any] | None:
    """All exchanges; those that the last poll of the depths has read while they are few."""
    exchanges = one.memory.exchanges
    if EXCHANGES in one.memory.depths.unread:
        return None
    if exchanges is not None and one.memory.few_exchanges:
        return exchanges.listed
    listed = one.fetch(EXCHANGES, one.api.exchanges)
    if listed is not None:
        one.kept.exchanges = ReadExchanges(one.now, listed, frozenset(one.memory.depths.vhosts))
    return listed


def _bindings(one: Round) -> list[SeenBinding] | None:
    """All bindings; None if they cannot be read, or not all of them yet."""
    kept, vhosts = one.kept, sorted(one.memory.visible_vhosts or ())
    if (kept.binding_count or 0) <= MANY_BINDINGS or len(vhosts) < 2:
        found = one.fetch(BINDINGS, one.api.bindings)
    else:

        def of_vhost(number: int) -> Page[SeenBinding]:
            try:
                listed = one.api.bindings(vhosts[number - 1])
            except ObjectNotFound:  # deleted meanwhile
                listed = []
            return Page(listed, number == len(vhosts))

        found = one.fetch_pages(BINDINGS, of_vhost, kept.topology, vhosts, one.memory.depths.definitions_sign)
    if found is not None:
        kept.binding_count = len(found)
    return found


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
