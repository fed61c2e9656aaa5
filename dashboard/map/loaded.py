"""Reads virtual hosts for the map: their graph, the figures of what is in it, and what is open about them."""

from __future__ import annotations

import weakref
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from brokers import queries
from brokers.models import Broker, Exchange, Queue, VirtualHost
from brokers.queries import ExchangeFigures, QueueFigures, VhostFigures, kept
from brokers.scope import Scope
from brokers.topology import Topology
from dashboard.exchanges.row import known_publishers
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.virtual_hosts import virtual_hosts
from dashboard.map.clients import Clients
from dashboard.map.default_traffic import default_edges
from dashboard.map.graph import Graph
from dashboard.map.since import compared
from dashboard.map.structure import Settings, structure
from dashboard.map.transfers import transfer_parts
from workers import queries as worker_queries
from workers.celery_names import CeleryNames
from workers.models import Worker
from workers.presence import has_left

MOST_KEPT = 500_000
"""Nodes and edges of all graphs of definitions that are kept."""
MOST_VHOSTS = 20
_POLICY_KEYS = ("dead-letter-exchange", "alternate-exchange", "federation-upstream", "federation-upstream-set", "federation-upstream-pattern")
_kept: OrderedDict[tuple[int, str, Scope], tuple[weakref.ref[Topology], Any, tuple[Graph, Mapping[str, int]]]] = OrderedDict()


class Place:
    """A virtual host as the map shows it. `topology` holds what is visible of it. `since`: a past moment is compared with this later one."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str, now: datetime, at: datetime | None = None, since: datetime | None = None) -> None:
        self.scope, self.broker, self.vhost, self.now, self.at, self.since = scope, broker, vhost, now, at, since
        self.whole = scope.covers(broker.name, vhost)
        self.state = None if at else kept.state_of([broker])

    @cached_property
    def topology(self) -> Topology:
        if self.at is not None:
            return queries.topology_as_it_was(self.scope, self.broker, self.vhost, self.at)
        return queries.visible_topology(self.scope, self.broker, self.vhost, self.state)

    @cached_property
    def bindings_out(self) -> Mapping[str, int]:
        """How many there are, by exchange."""
        return self._structure()[1]

    @cached_property
    def names(self) -> CeleryNames:
        return worker_queries.names_of(self.broker.pk, self.vhost)

    @cached_property
    def figures(self) -> VhostFigures:
        """By name, also of what is not visible."""
        if self.at is None:
            return kept.shared(self.state, queries.figures, self.broker.pk, self.vhost)
        exchanges = {name: ExchangeFigures(one.pk, one.publish_in_per_second, one.publish_out_per_second) for name, one in self._past_exchanges.items()}
        rows = self.past_queues.values()
        found = {one.name: QueueFigures(one.pk, one.depth, one.consumers, one.publish_per_second, one.deliver_per_second, one.ack_per_second) for one in rows}
        return VhostFigures(found, exchanges)

    @cached_property
    def past_queues(self) -> dict[str, Queue]:
        read = partial(queries.queues, self.scope, broker=self.broker.pk, vhost=self.vhost, sort="name", at=self.at, brokers=[self.broker])
        return {one.name: one for one in _all(read)}

    @cached_property
    def _past_exchanges(self) -> dict[str, Exchange]:
        return {one.name: one for one in _all(partial(queries.exchanges, self.scope, broker=self.broker.pk, vhost=self.vhost, at=self.at))}

    @cached_property
    def workers(self) -> dict[str, Worker]:
        """Those that did not leave, by host name."""
        if self.at is not None:
            read = partial(worker_queries.workers, self.scope, broker=self.broker.pk, vhost=self.vhost, at=self.at)
            online = [one for one in _all(read) if one.state == Worker.ONLINE]
            for one in online:
                one.queues = self._reported_then.get(one.pk)
            return {one.hostname: one for one in online}
        gone_for = worker_queries.gone_for()
        found = worker_queries.workers_for_list(self.scope, self.broker, self.vhost)
        return {one.hostname: one for one in found if not has_left(one, self.now, gone_for)}

    @cached_property
    def _reported_then(self) -> dict[int, list[dict[str, Any]]]:
        """The visible queues that each worker node had reported last at the past moment, by its key; of those that are missing nothing is recorded."""
        seen = {one.name for one in self.topology.queues}
        reports = worker_queries.applications_at(self.scope, self.broker.pk, self.vhost, self.at or self.now)
        return {one.id: [queue for queue in one.queues if queue.get("name") in seen] for one in reports if one.queues is not None}

    @cached_property
    def rows_of_workers(self) -> dict[int, Worker]:
        return {one.pk: one for one in self.workers.values()}

    @cached_property
    def consuming(self) -> Mapping[str, Sequence[Consuming]]:
        """Who consumes each visible queue now; {} at a past moment."""
        if self.at is not None:
            return {}
        seen = {one.name for one in self.topology.queues}
        return {name: found for (_, name), found in consumers_by_queue(self.broker.pk, self.vhost, self.broker).items() if name in seen}

    @cached_property
    def graph(self) -> Graph:
        """All that is visible. Clients have no history: at a past moment there are the worker nodes alone, with the queues that they reported last."""
        base, _ = self._structure()
        if self.at is not None:
            then = base.extended(*Clients(self.broker.pk, self.vhost, list(self.workers.values())).parts())
            return then if self.since is None else self._compared(then)
        connections = queries.connections(self.scope, self.broker.pk, self.vhost)
        clients = Clients(self.broker.pk, self.vhost, list(self.workers.values()), self.consuming, connections, self._publishers())
        moved = transfer_parts(self.broker, self.topology, self.settings, queries.transfers(self.scope, self.broker.pk), base)
        (nodes, edges), (others, arrows) = clients.parts(), moved
        defaults = default_edges(self.broker.pk, self.vhost, base, self.figures, self.now) if self.whole else []
        return base.extended([*nodes, *others], [*edges, *arrows, *defaults])

    def _compared(self, then: Graph) -> Graph:
        """With marks on what changed between both moments. Of worker nodes that were known, but not of whether they were online then, nothing is said, and
        nothing of the queues of those whose report at that time is not recorded."""
        later = queries.topology_as_it_was(self.scope, self.broker, self.vhost, self.since or self.now)
        found = worker_queries.workers_for_list(self.scope, self.broker, self.vhost)
        present = [one for one in found if one.hostname in self.workers or (one.state == Worker.ONLINE and one.first_seen_at > self.now)]
        for one in present:
            if one.hostname in self.workers and one.pk not in self._reported_then:
                one.queues = None
        clients = Clients(self.broker.pk, self.vhost, [one for one in present if one.state != Worker.GONE])
        return compared(then, structure(self.broker.pk, later, {}, self.names).extended(*clients.parts()), self.topology, later)

    @cached_property
    def settings(self) -> Settings:
        """The policies in force that decide where something goes, by what they apply to."""
        policies = {one.name: one.definition for one in self.topology.policies if not one.operator and any(key in one.definition for key in _POLICY_KEYS)}
        if not policies or self.at is not None:
            return {}
        facts = queries.visible_queue_facts(self.scope, self.broker, self.vhost, self.state)
        return {key: policies[name] for key, (name, _) in facts.policies.items() if name in policies}

    def _structure(self) -> tuple[Graph, Mapping[str, int]]:
        """(the graph of the definitions, how many bindings each exchange has)."""
        key = (self.broker.pk, self.vhost, self.scope.of_objects)
        known, used = _kept.get(key), (self.settings, self.names)
        if known is not None and known[0]() is self.topology and known[1] == used:
            return known[2]
        found = structure(self.broker.pk, self.topology, self.settings, self.names), Counter(one.source for one in self.topology.bindings)
        if self.at is None:
            _kept.pop(key, None)
            _kept[key] = (weakref.ref(self.topology), used, found)
            kept.drop_oldest(_kept, MOST_KEPT, lambda one: len(one[2][0].nodes) + len(one[2][0].edges))
        return found

    def _publishers(self) -> dict[str, list[Mapping[str, Any]]]:
        """By exchange, of those of which they were read lately: the poller reads them while somebody looks."""
        read = [one.id for one in self.figures.exchanges.values() if one.publishers_at is not None]
        found: dict[str, list[Mapping[str, Any]]] = {}
        for exchange in queries.exchanges_by_ids(self.scope, read):
            exchange.broker = self.broker
            sample, _ = known_publishers(exchange, self.now)
            if sample is not None:
                found[exchange.name] = list(sample)
        return found

    def queue_rows(self, names: Sequence[str]) -> dict[str, Queue]:
        """The queues of these names with all that is known of them."""
        if self.at is not None:
            return {name: self.past_queues[name] for name in names if name in self.past_queues}
        ids = [found.id for name in names if (found := self.figures.queues.get(name)) is not None]
        rows = queries.queues_by_ids(self.scope, ids)
        for row in rows:
            row.broker = self.broker
        return {row.name: row for row in rows}


def places(
    scope: Scope, brokers: Sequence[Broker], vhost: str | None, now: datetime, at: datetime | None = None, since: datetime | None = None
) -> tuple[list[Place], int]:
    """(the virtual hosts in which something is visible, how many more there are): of more than MOST_VHOSTS those in which most moves and waits; by broker and
    name."""
    found = [
        (broker, one)
        for broker in brokers
        if not broker.same_as and broker.state != Broker.NOT_RECORDED
        for one in _vhosts(scope, broker, since)
        if one.visible is not False and vhost in (None, one.name) and scope.touches(broker.name, one.name)
    ]
    busiest = sorted(found, key=lambda pair: (-(pair[1].publish_per_second or 0), -(pair[1].ready or 0)))[:MOST_VHOSTS]
    return [Place(scope, broker, one.name, now, at, since) for broker, one in found if (broker, one) in busiest], len(found) - len(busiest)


def _vhosts(scope: Scope, broker: Broker, since: datetime | None) -> list[VirtualHost]:
    """Those that exist, or existed at its moment; with `since` those that came later too."""
    found = {one.name: one for one in (queries.virtual_hosts(scope, broker.pk, since) if since else ())}
    found |= {one.name: one for one in virtual_hosts(scope, broker)}
    return [found[name] for name in sorted(found)]


def _all(read: Any) -> list[Any]:
    found: list[Any] = []
    number = 1
    while True:
        page = read(page=number, page_size=queries.LARGEST_PAGE)
        found += page.items
        if number >= page.pages:
            return found
        number += 1
