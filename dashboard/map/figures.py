"""What a page whose drawing is there fetches at a poll: figures alone, as long as nothing else of the map has changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from brokers.characters import visible

OF_NODES = ("level", "lines", "messages", "capacity", "consumers", "in", "out", "slots")
OF_MAPS = ("at", "age", "stale")


def form_of(found: Mapping[str, Any], keys: Collection[str]) -> str:
    """Another text whenever anything but figures is another: `found` is the map as it is sent, `keys` is what else the page follows.

    >>> graph = {"nodes": [], "edges": [], "focus": "", "more": {}, "structure": "", "at": None, "age": None, "stale": False}
    >>> form_of(graph, []) == form_of({**graph, "stale": True}, []), form_of(graph, []) == form_of(graph, ["exchange-1"])
    (True, False)
    """
    nodes = [[value for name, value in node.items() if name not in OF_NODES] for node in found["nodes"]]
    edges = [(edge["id"], edge["label"], edge["level"], edge["change"], edge["text"]) for edge in found["edges"]]
    rest = [found[name] for name in found if name not in (*OF_MAPS, "nodes", "edges")]
    return blake2b(msgspec.json.encode((nodes, edges, rest, list(keys))), digest_size=8).hexdigest()


def figures_of(found: Mapping[str, Any], form: str) -> bytes:
    """The figures as JSON, of nodes and edges in the order of the map."""
    nodes = [{name: node[name] for name in OF_NODES} for node in found["nodes"]]
    rates = [edge["rate"] for edge in found["edges"]]
    return msgspec.json.encode({"form": form, "nodes": nodes, "rates": rates, **{name: found[name] for name in OF_MAPS}})


def seen(value: Any) -> Any:
    """The same with all texts visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [seen(one) for one in value]
    return {name: seen(one) for name, one in value.items()} if isinstance(value, dict) else value
