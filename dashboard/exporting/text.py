"""Prometheus' text format for families of many series. Pure.

prometheus_client writes the small families. For these it takes fifteen times the processor time: it makes an object and sorts the labels for each sample,
while here the text of an object's labels is made once for all its families.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from prometheus_client.utils import floatToGoString

from dashboard.exporting.names import LEFT_OUT, Figure, Wanted

Row = tuple[str, Sequence[float | None]]
"""The text of an object's labels, and a value for each figure; None: unknown."""


class Table(msgspec.Struct, frozen=True):
    """Objects of one kind and their figures. `which` says of more than fit which are there, and `left_out` how many are not; "": all of them always are."""

    figures: Sequence[Figure]
    rows: Sequence[Row]
    which: str = ""
    left_out: int = 0


def labels(names: Sequence[str], values: Iterable[str]) -> str:
    r"""The labels as text, those without a value left out: they are the same as none.

    >>> labels(("queue", "vhost"), ('a"b\\', ""))
    '{queue="a\\"b\\\\"}'
    """
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True) if value)
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def pieces(table: Table, wanted: Wanted) -> Iterator[str]:
    """A piece for each family that is wanted and has a sample."""
    for place, figure in enumerate(table.figures):
        if not wanted.takes(figure.name):
            continue
        name = figure.name
        lines = [f"{name}{of} {floatToGoString(value)}\n" for of, values in table.rows if (value := values[place]) is not None]
        if lines:
            yield head(name, figure.type, f"{figure.text}{_bounded(table.which)}") + "".join(lines)


def _bounded(which: str) -> str:
    return f" ({which}; {LEFT_OUT} counts the others)" if which else ""


def left_out(tables: Iterable[Table], wanted: Wanted) -> str:
    """How many objects have no series, by family; "" where nothing is bounded."""
    counted = [(figure.name, table.left_out) for table in tables if table.which for figure in table.figures if wanted.takes(figure.name)]
    if not counted or not wanted.takes(LEFT_OUT):
        return ""
    lines = [f"{LEFT_OUT}{labels(('family',), [name])} {floatToGoString(count)}\n" for name, count in counted]
    return head(LEFT_OUT, "gauge", "Objects without a series of their own in the family, which HARELINE_METRICS_SERIES bounds") + "".join(lines)


def head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
