"""The map as text for other programs: Graphviz DOT and Mermaid. Pure.

Names may hold anything: nodes are known by short ids of their own, and names stand in quoted labels alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
        yield f"  {ids[edge.source]} -> {ids[edge.target]} [label={_quoted(edge.label)}{style}];"
    yield "}"


def mermaid(found: Map) -> str:
    """For Markdown: a flowchart."""
    return "\n".join([*_mermaid(found), ""])


def _mermaid(found: Map) -> Iterator[str]:
    ids = _short(found.nodes)
    yield "flowchart LR"
    for node in found.nodes:
        begin, end = MERMAID.get(node.kind, OTHER_BRACKETS)
        yield f"  {ids[node.id]}{begin}{_entities(_label(node))}{end}"
    for edge in found.edges:
        line = "-.->" if edge.kind in DASHED else "-->"
        label = f"|{_entities(edge.label)}|" if edge.label else ""
        yield f"  {ids[edge.source]} {line}{label} {ids[edge.target]}"


def _short(nodes: Iterable[MapNode]) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(nodes, 1)}


def _label(node: MapNode) -> str:
    name = shown_name(node)
    return f"{name}\n{', '.join(node.lines)}" if node.lines else name


def _quoted(text: str) -> str:
    r"""A string of DOT (graphviz.org, "The DOT Language"): in it only quotes are escaped, a backslash begins an escape of labels.

    >>> _quoted('a"b\\n\nc')
    '"a\\"b\\\\n\\nc"'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(text: str) -> str:
    r"""A quoted label of Mermaid, in which everything but letters, digits and a few marks is an entity code (mermaid.js.org, "Flowcharts").

    >>> _entities('a"b\nc')
    '"a#34;b<br/>c"'
    """
    plain = "".join(one if one.isalnum() or one in " .,-_*:/" else "<br/>" if one == "\n" else f"#{ord(one)};" for one in text)
    return f'"{plain}"'
