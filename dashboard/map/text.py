"""Sentences and labels of the map: what is written on edges, and what is counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dashboard.exchanges.row import DEFAULT_NAME
from dashboard.layout import formatting
from dashboard.layout.map_links import CONSUMERS, EXCHANGE, PUBLISHER, QUEUE, WORKER
from dashboard.map.format import MapNode
from dashboard.map.graph import ALTERNATE, BINDING, CONSUME, DEAD_LETTER, EXCHANGE_BINDING, FEDERATION, PUBLISH, SHOVEL, Edge, Key, Node

NOUNS: Mapping[str, tuple[str, str]] = {
    EXCHANGE: ("exchange", "exchanges"),
    QUEUE: ("queue", "queues"),
    WORKER: ("worker node", "worker nodes"),
    CONSUMERS: ("other consumer", "other consumers"),
    PUBLISHER: ("publisher", "publishers"),
    "fold": ("group", "groups"),
    "application": ("application", "applications"),
    "vhost": ("virtual host", "virtual hosts"),
}
EDGE_NAMES: Mapping[str, str] = {
    PUBLISH: "publishes to",
    BINDING: "binding",
    EXCHANGE_BINDING: "binding to an exchange",
    ALTERNATE: "alternate exchange",
    DEAD_LETTER: "dead-letters to",
    CONSUME: "consumed by",
    FEDERATION: "federation",
    SHOVEL: "shovel",
}
KEYS_SHOWN, LONGEST_LABEL, MOST_SORTED = 2, 60, 200
EVERY_MESSAGE = "every message"


def shown_name(node: Node | MapNode) -> str:
    return node.name or (DEFAULT_NAME if node.kind == EXCHANGE else "unnamed")


def label(edge: Edge, source: Node) -> str:
    """What is written on an edge: routing keys, or the arguments of a headers exchange.

    >>> exchange = Node("exchange-1", "exchange", "orders", "/", 1, "topic")
    >>> label(Edge("exchange-1", "queue-1", "binding", [Key("order.*"), Key("order.#.eu"), Key("x")]), exchange)
    'order.#.eu, order.* +1'
    """
    if edge.kind in (BINDING, EXCHANGE_BINDING):
        if source.type == "fanout":
            return EVERY_MESSAGE
        if source.kind != EXCHANGE and len(edge.keys) > KEYS_SHOWN:
            return formatting.count(len(edge.keys), "binding")
        return _keys(edge.keys, source.type == "headers")
    if edge.kind == DEAD_LETTER:
        return f"dead letters, key {_cut(edge.keys[0].routing_key)}" if len(edge.keys) == 1 else "dead letters"
    if edge.kind == ALTERNATE:
        return "alternate exchange: what matched nothing"
    return edge.note if edge.kind in (CONSUME, FEDERATION, SHOVEL) else ""


def _keys(keys: list[Key], by_headers: bool) -> str:
    few = keys if len(keys) <= MOST_SORTED else keys[:MOST_SORTED]
    texts = sorted({key_text(key, by_headers) for key in few})
    left = len(texts) + len(keys) - len(few) - KEYS_SHOWN
    more = f" +{left:,}" if left > 0 else ""
    return f"{', '.join(_cut(text) for text in texts[:KEYS_SHOWN])}{more}"


def key_text(key: Key, by_headers: bool = False) -> str:
    """A binding's key as people read it, with its arguments; of a headers exchange these alone, as it ignores keys.

    >>> key_text(Key("", {"region": "eu", "x-match": "all"}), True), key_text(Key("")), key_text(Key("a", {"n": 1}))
    ('all of region=eu', '(empty key)', 'a, n=1')
    """
    arguments = dict(key.arguments or {})
    if by_headers:
        match = str(arguments.pop("x-match", "all")).removesuffix("-with-x")
        listed = ", ".join(f"{name}={formatting.shown(value)}" for name, value in sorted(arguments.items()))
        return f"{match} of {listed}" if listed else "every message" if match == "all" else "no header"
    listed = "".join(f", {name}={formatting.shown(value)}" for name, value in sorted(arguments.items()))
    return f"{key.routing_key or '(empty key)'}{listed}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[:LONGEST_LABEL]}…"


def sentence(edge: Edge, source: Node, target: Node) -> str:
    """The edge in words.

    >>> one, other = Node("a", "exchange", "orders", "/", 1, "direct"), Node("b", "queue", "mail", "/", 1)
    >>> sentence(Edge("a", "b", "binding", [Key("order")]), one, other)
    'orders sends to mail what matches order'
    """
    here, there, on = shown_name(source), shown_name(target), label(edge, source)
    match edge.kind:
        case "binding" | "exchange":
            return f"{here} sends {EVERY_MESSAGE} to {there}" if on == EVERY_MESSAGE else f"{here} sends to {there} what matches {on}"
        case "alternate":
            return f"{here} sends to {there} what matches none of its bindings"
        case "dead_letter":
            return f"{here} sends its dead letters to {there}" + (f" with the key {edge.keys[0].routing_key}" if len(edge.keys) == 1 else "")
        case "publish":
            return f"{here} publishes to {there}"
        case "consume":
            return f"{there} consumes {here}" + (f" ({edge.note})" if edge.note else "")
        case _:
            return f"{edge.note}: from {here} to {there}"


def counts_text(kinds: Iterable[str], more: bool = False) -> str:
    """How many nodes there are of each kind; `more`: of those that there is no room for.

    >>> counts_text(["queue", "queue", "exchange"]), counts_text(["queue"] * 1200, more=True), counts_text([])
    ('1 exchange, 2 queues', '+1,200 more queues', '')
    """
    found = Counter(kinds)
    before, word = ("+", "more ") if more else ("", "")
    return ", ".join(f"{before}{formatting.count(found[kind], word + one, word + many)}" for kind, (one, many) in NOUNS.items() if kind in found)
