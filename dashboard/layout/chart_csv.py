"""A chart's figures as CSV, line by line. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

from dashboard.layout.charts import Chart
from dashboard.layout.csv_cells import csv_cell


def csv_lines(chart: Chart) -> Iterator[str]:
    """The points of the chart, the oldest first, at ISO 8601 times in UTC; an unknown figure is empty. What happened has a line of its own at its moment."""
    extremes = [
        (f"{chart.lines[0].label}, {word} ({chart.unit})", chart.values[metric]) for word, metric in zip(("lowest", "highest"), chart.band, strict=False)
    ]
    columns = [(f"{line.label} ({chart.unit})", column) for line, column in zip(chart.lines, chart.columns, strict=True)] + extremes
    yield _line(["time", *(name for name, _ in columns), "what happened"])
    marks = list(chart.marks)
    nothing = [None] * len(columns)
    for index, at in enumerate(chart.times):
        while marks and marks[0].at < at:
            mark = marks.pop(0)
            yield _line([_written(mark.at), *nothing, mark.text])
        yield _line([_written(at), *(_short(column[index]) for _, column in columns), None])
    for mark in marks:
        yield _line([_written(mark.at), *nothing, mark.text])


def _line(cells: list[object]) -> str:
    text = StringIO()
    csv.writer(text).writerow([csv_cell(cell) for cell in cells])
    return text.getvalue()


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(value: float | None) -> float | None:
    """As the chart draws it."""
    return None if value is None else round(value, 3)
