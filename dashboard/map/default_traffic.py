"""Which queues get messages by the default exchange although other exchanges lead to them too: found by figures, since the broker reports no such rate. Pure,
but for what is remembered of a while ago, so that edges do not come and go with every message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache

from brokers.queries import VhostFigures, kept
from dashboard.layout.map_links import EXCHANGE, QUEUE, node_id
from dashboard.map.graph import BINDING, Edge, Graph, Key

ACCOUNTED = 0.8
"""Rates of exchanges and queues are measured at different moments."""
REMEMBERED = timedelta(hours=1)
MOST_VHOSTS = 200
_seen: OrderedDict[tuple[int, str], dict[str, datetime]] = OrderedDict()
"""When each queue was last seen to get some. Each web process remembers what it saw itself."""


def by_default(figures: VhostFigures, sources: Iterable[tuple[str, list[str]]]) -> dict[str, float | None]:
    """{queue: messages a second by the default exchange, None where others route to it too} of the queues that receive more than their exchanges route, while
    the default exchange routes as much. `sources`: of each queue the other exchanges that lead to it, over others too. An exchange without counters has routed
    nothing as long as the broker has counters of the default one."""
    default = figures.exchanges.get("")
    routed = default.publish_out_per_second if default else None
    found: dict[str, float | None] = {}
    for queue, exchanges in sources if routed else ():
        known = figures.queues.get(queue)
        received = (known.publish_per_second if known else None) or 0.0
        others = sum(one.publish_out_per_second or 0.0 for name in exchanges if (one := figures.exchanges.get(name)))
        if received and others < ACCOUNTED * received and (routed or 0.0) >= ACCOUNTED * (received - others):
            found[queue] = None if others else received
    return found


def default_edges(broker_id: int, vhost: str, graph: Graph, figures: VhostFigures, now: datetime) -> list[Edge]:
    """An edge from the default exchange to each of these queues, for an hour after it was last seen; of unknown rate unless it is seen now."""
    default = node_id(EXCHANGE, broker_id, vhost, "")
    if default not in graph.nodes:
        return []
    rates = by_default(figures, _sources(graph))
    seen = _seen.setdefault((broker_id, vhost), {})
    kept.drop_oldest(_seen, MOST_VHOSTS, lambda _: 1)
    seen.update(dict.fromkeys(rates, now))
    for queue in [queue for queue, at in list(seen.items()) if not now - REMEMBERED <= at <= now]:
        seen.pop(queue, None)
    return [Edge(default, node_id(QUEUE, broker_id, vhost, queue), BINDING, [Key(queue)], note="default", rate=rates.get(queue)) for queue in list(seen)]


def _sources(graph: Graph) -> Iterator[tuple[str, list[str]]]:
    above = cache(graph.above)
    for node in graph.nodes.values():
        if node.kind == QUEUE and not node.own:
            leading = [edge.source for edge in graph.of(node.id) if edge.kind == BINDING and edge.target == node.id]
            if any(map(above, leading)):
                leading = list({*leading}.union(*map(above, leading)))
            exchanges = [graph.nodes[one].name for one in leading]
            if exchanges and "" not in exchanges:
                yield node.name, exchanges
