"""The map as JSON: what the drawing in the browser reads, and what `GET /api/v1/map` answers. Pure."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

LEVELS = {"ok": "ok", "notice": "info", "warning": "warn", "critical": "bad", "unknown": "unknown"}
"""By the words of `dashboard.layout.levels`."""


class Mark(msgspec.Struct, frozen=True):
    """An open finding."""

    level: str
    text: str
    href: str


class Slots(msgspec.Struct, frozen=True):
    used: int | None
    of: int | None


class MapNode(msgspec.Struct, frozen=True, rename={"into": "in"}):
    """`lines` stand under the name. `into` and `out` are messages a second; `host` is the machine of a client, and
    `pattern` how messages are passed on, as in "M:1, round-robin among 3 nodes, fair"; "" where there is none or it is unknown.
    `change` since a past moment is came, gone or changed; "" of what is the same, and of a map that does not compare."""

    id: str
    kind: str
    name: str
    vhost: str
    broker: str
    type: str | None
    href: str
    level: str
    marks: list[Mark]
    lines: list[str]
    messages: int | None = None
    capacity: int | None = None
    consumers: int | None = None
    into: float | None = None
    out: float | None = None
    slots: Slots | None = None
    folded: int | None = None
    host: str = ""
    pattern: str = ""
    change: str = ""


class MapEdge(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """`text` is a sentence about it, without its rate."""

    id: str
    source: str
    target: str
    kind: str
    label: str
    rate: float | None
    level: str
    text: str
    change: str = ""


class More(msgspec.Struct, frozen=True):
    """How many nodes there is no room for, and which in a few words."""

    nodes: int = 0
    text: str = ""


class Map(msgspec.Struct, frozen=True):
    """`at`: when the broker last responded; `age` seconds ago. `structure` is another text when nodes or edges come or go."""

    at: str | None
    age: float | None
    stale: bool
    focus: str
    nodes: list[MapNode]
    edges: list[MapEdge]
    more: More
    structure: str


def structure_of(nodes: list[MapNode], edges: list[MapEdge]) -> str:
    """
    >>> structure_of([], [])
    '786a02f742015903'
    """
    return blake2b("\n".join(sorted([*(one.id for one in nodes), *(one.id for one in edges)])).encode()).hexdigest()[:16]
