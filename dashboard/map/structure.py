"""The graph of a virtual host's definitions: exchanges, queues, bindings, alternate exchanges, dead-letter arrows. Pure.

Every binding is in it once, but those that RabbitMQ makes by itself from the default exchange: of these only to queues to which nothing else leads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from brokers.routing.past import is_delay_level
from brokers.routing.predeclared import PREDECLARED
from brokers.topology import Topology
from dashboard.layout.map_links import EXCHANGE, QUEUE, node_id
from dashboard.map.graph import (
    ALTERNATE,
    BINDING,
    CONTROL,
    DEAD_LETTER,
    DELAYED,
    EVENTS,
    EXCHANGE_BINDING,
    HARELINE,
    UNUSED,
    Edge,
    EdgeKey,
    Graph,
    Key,
    Node,
)
from workers.celery_names import PIDBOX, REPLIES, CeleryNames

Settings = Mapping[tuple[str, str], Mapping[str, Any]]
"""The definition of the policy in force by ("queue" or "exchange", name); what has none may be missing."""
_DELAYED_DELIVERY = "celery_delayed"


def structure(broker_id: int, topology: Topology, settings: Settings, names: CeleryNames) -> Graph:
    """The graph of these definitions.

    >>> found = structure(1, Topology("/"), {}, CeleryNames())
    >>> found.nodes, found.edges
    ({}, {})
    """
    made = _Making(broker_id, topology, settings, names)
    made.nodes()
    made.bindings()
    made.settings_arrows()
    made.default_exchange()
    return made.graph()


class _Making:
    def __init__(self, broker_id: int, topology: Topology, settings: Settings, names: CeleryNames) -> None:
        self.broker_id, self.topology, self.settings, self.names = broker_id, topology, settings, names
        self.found: dict[str, Node] = {}
        self.edges: dict[EdgeKey, Edge] = {}
        self.exchanges: dict[str, str] = {}
        self.queues: dict[str, str] = {}
        gossip = {one.destination for one in topology.bindings if one.destination_type == QUEUE and one.source in names.event_exchanges}
        self.event_queues: Collection[str] = {name for name in gossip if names.is_event_queue(name)}

    def nodes(self) -> None:
        vhost = self.topology.vhost
        for exchange in self.topology.exchanges:
            found = self.exchanges[exchange.name] = node_id(EXCHANGE, self.broker_id, vhost, exchange.name)
            self.found[found] = Node(found, EXCHANGE, exchange.name, vhost, self.broker_id, exchange.type, self.own_of_exchange(exchange.name))
        for queue in self.topology.queues:
            found = self.queues[queue.name] = node_id(QUEUE, self.broker_id, vhost, queue.name)
            self.found[found] = Node(found, QUEUE, queue.name, vhost, self.broker_id, queue.type or None, self.own_of_queue(queue.name))

    def own_of_exchange(self, name: str) -> str:
        if name.startswith("hareline."):
            return HARELINE
        if name in self.names.pidboxes or name in {REPLIES + one for one in self.names.pidboxes}:
            return CONTROL
        if name in self.names.event_exchanges:
            return EVENTS
        return DELAYED if is_delay_level(name) or name.startswith(_DELAYED_DELIVERY) else ""

    def own_of_queue(self, name: str) -> str:
        if name.startswith("hareline."):
            return HARELINE
        if name.endswith(PIDBOX) and (self.names.hostname_of(name) is not None or name.endswith(tuple(f".{REPLIES}{one}" for one in self.names.pidboxes))):
            return CONTROL
        if name in self.event_queues or self.names.is_event_queue(name):
            return EVENTS
        return DELAYED if is_delay_level(name) or name.startswith(_DELAYED_DELIVERY) else ""

    def bindings(self) -> None:
        edges, exchanges, queues = self.edges, self.exchanges, self.queues
        for one in self.topology.bindings:
            if not one.source:
                continue
            kind, targets = (BINDING, queues) if one.destination_type == QUEUE else (EXCHANGE_BINDING, exchanges)
            source, target = exchanges.get(one.source), targets.get(one.destination)
            if source is None or target is None:
                continue
            found = edges.get((source, target, kind))
            if found is None:
                found = edges[source, target, kind] = Edge(source, target, kind, [])
            found.keys.append(Key(one.routing_key, one.arguments or None))

    def connect(self, edge: Edge) -> None:
        self.edges.setdefault(edge.key, edge)

    def settings_arrows(self) -> None:
        for exchange in self.topology.exchanges:
            name = self._setting(EXCHANGE, exchange.name, exchange.arguments, "alternate-exchange")
            if isinstance(name, str) and name in self.exchanges:
                self.connect(Edge(self.exchanges[exchange.name], self.exchanges[name], ALTERNATE, []))
        for queue in self.topology.queues:
            name = self._setting(QUEUE, queue.name, queue.arguments, "dead-letter-exchange")
            key = self._setting(QUEUE, queue.name, queue.arguments, "dead-letter-routing-key")
            target = self._dead_letter_target(name, key) if isinstance(name, str) else None
            if target is not None:
                self.connect(Edge(self.queues[queue.name], target, DEAD_LETTER, [Key(str(key))] if key is not None else []))

    def _dead_letter_target(self, name: str, key: Any) -> str | None:
        """The default exchange leads straight to the queue that the key names."""
        return self.queues.get(str(key)) if not name and key is not None else self.exchanges.get(name)

    def _setting(self, kind: str, name: str, arguments: Mapping[str, Any], setting: str) -> Any:
        own = arguments.get(setting if kind == EXCHANGE else f"x-{setting}") if arguments else None
        return own if own is not None or not self.settings else self.settings.get((kind, name), {}).get(setting)

    def default_exchange(self) -> None:
        """Its bindings to queues that nothing else leads to."""
        default = self.exchanges.get("")
        if default is None:
            return
        reached = {target for _, target, _ in self.edges}
        for name, queue in self.queues.items():
            if queue not in reached:
                self.connect(Edge(default, queue, BINDING, [Key(name)], note="default"))

    def graph(self) -> Graph:
        """Exchanges that RabbitMQ declares in every virtual host, where no definition uses them, are machinery too."""
        found = Graph.of_edges(self.found, self.edges)
        for name in ("", *PREDECLARED):
            one = self.exchanges.get(name)
            if one is not None and not found.of(one):
                node = found.nodes[one]
                found.nodes[one] = Node(node.id, node.kind, node.name, node.vhost, node.broker_id, node.type, UNUSED)
        return found
