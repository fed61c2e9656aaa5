"""The map as text for other programs: Graphviz DOT and Mermaid. Pure.

Names may hold anything: nodes are known by short ids of their own, and names stand in quoted labels alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from brokers.characters import visible
from dashboard.map.format import Map, MapNode
from dashboard.map.text import shown_name

SHAPES: Mapping[str, str] = {"exchange": "box", "queue": "cylinder", "worker": "component", "consumers": "component", "publisher": "ellipse"}
MERMAID: Mapping[str, tuple[str, str]] = {
    "exchange": ("[", "]"),
    "queue": ("[(", ")]"),
    "worker": ("[[", "]]"),
    "consumers": ("[[", "]]"),
    "publisher": ("([", "])"),
}
OTHER_SHAPE, OTHER_BRACKETS = "folder", ("{{", "}}")
DASHED = frozenset({"alternate", "dead_letter"})
MOST_TEXT, MOST_EDGES = 50_000, 500
"""What Mermaid draws unless its page is set up otherwise (`maxTextSize`, `maxEdges`)."""
LENGTHS = (300, 80, 40, 20, 8)
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")
COLOURS: Mapping[str, str] = {"bad": "#b3261e", "warn": "#9a5b00", "info": "#1f6feb", "unknown": "#6f6b63"}


def dot(found: Map) -> str:
    """For `dot -Tsvg`."""
    return "\n".join([*_dot(found), ""])


def _dot(found: Map) -> Iterator[str]:
    ids = _short(found.nodes)
    yield "digraph map {"
    yield "  rankdir=LR;"
    yield '  node [fontname="sans-serif", fontsize=11]; edge [fontname="sans-serif", fontsize=9];'
    for node in found.nodes:
        colour = f", color={_quoted(COLOURS[node.level])}" if node.level in COLOURS else ""
        yield f"  {ids[node.id]} [shape={SHAPES.get(node.kind, OTHER_SHAPE)}, label={_quoted(_label(node))}{colour}];"
    for edge in found.edges:
        style = ", style=dashed" if edge.kind in DASHED else ""
        yield f"  {ids[edge.source]} -> {ids[edge.target]} [label={_quoted(_seen(edge.label))}{style}];"
    yield "}"


def mermaid(found: Map) -> str:
    """For Markdown: a flowchart, with labels as long as Mermaid takes them, and no more edges than it draws."""
    return next((text for length in LENGTHS[:-1] if len(text := _flowchart(found, length)) <= MOST_TEXT), None) or _flowchart(found, LENGTHS[-1])


def _flowchart(found: Map, length: int) -> str:
    return "\n".join([*_mermaid(found, length), ""])


def _mermaid(found: Map, length: int) -> Iterator[str]:
    ids = _short(found.nodes)
    yield "flowchart LR"
    for node in found.nodes:
        begin, end = MERMAID.get(node.kind, OTHER_BRACKETS)
        yield f"  {ids[node.id]}{begin}{_entities(_cut(_label(node), length))}{end}"
    for edge in islice(found.edges, MOST_EDGES):
        line = "-.->" if edge.kind in DASHED else "-->"
        label = f"|{_entities(_cut(_seen(edge.label), length))}|" if edge.label else ""
        yield f"  {ids[edge.source]} {line}{label} {ids[edge.target]}"
    if len(found.edges) > MOST_EDGES:
        yield f"  %% {len(found.edges) - MOST_EDGES} more edges: Mermaid draws {MOST_EDGES}"


def _short(nodes: Iterable[MapNode]) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(nodes, 1)}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _seen(text: str) -> str:
    """With what can't be seen as pictures, as on the pages: a file of SVG can't hold most of it."""
    return _NO_CHARACTERS.sub("�", visible(text))


def _label(node: MapNode) -> str:
    name = _seen(shown_name(node))
    return f"{name}\n{_seen(', '.join(node.lines))}" if node.lines else name


def _quoted(text: str) -> str:
    r"""A string of DOT (graphviz.org, "The DOT Language"): in it only quotes are escaped; a backslash begins an escape of labels, and & an entity.

    >>> _quoted('a"b\\n\nc&lt;')
    '"a\\"b\\\\n\\nc&amp;lt;"'
    """
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(text: str) -> str:
    r"""A quoted label of Mermaid, in which signs of ASCII but a few are entity codes (mermaid.js.org, "Flowcharts").

    >>> _entities('a"b\nc😀')
    '"a#34;b<br/>c😀"'
    """
    plain = "".join(one if not one.isascii() or one.isalnum() or one in " .,-_*:/" else "<br/>" if one == "\n" else f"#{ord(one)};" for one in text)
    return f'"{plain}"'
