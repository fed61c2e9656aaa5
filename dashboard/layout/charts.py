"""Charts: which lines they have, the points and marks they begin with, and the same as a table.

Pure. `templates/components/_chart.html` prints a Chart, `static/js/charts.js` draws it and appends what arrives. A page makes one with
`chart(...)` from a history of `brokers.queries` and includes the component `with chart=…`; without scripts its table is there. Which stretch
of time it shows is a Stretch of `chart_ranges`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from dashboard.layout import formatting
from dashboard.layout.chart_marks import Mark, folded, within
from dashboard.layout.chart_ranges import Stretch

TABLE_ROWS = 60
BEFORE, LOW, HIGH = "before:", "low:", "high:"
"""Prefixes of metrics that live rows never continue: of an earlier time, and the lowest and highest within each step."""
BANDED: dict[tuple[str, ...], str] = {("ready", "unacknowledged"): "depth"}
"""Sums of metrics that have extremes of their own."""
UNITS: dict[str, Callable[[float | None], str]] = {"bytes": formatting.data_size}


class Line(msgspec.Struct, frozen=True):
    """One line: the sum of `metrics`. `colour` is a token's name (s1 … s5) or "level": that of the element the chart is about."""

    label: str
    metrics: tuple[str, ...]
    colour: str = "s1"
    dash: str = ""  # the second channel: "5 3" dashed, "2 2" dotted
    fill: bool = False

    @property
    def is_before(self) -> bool:
        """Whether it is of an earlier time."""
        return self.metrics[0].startswith(BEFORE)


class History(Protocol):
    """What `brokers.queries.history` answers: None in `values` is a gap."""

    @property
    def times(self) -> Sequence[datetime]: ...
    @property
    def values(self) -> Mapping[str, Sequence[float | None]]: ...
    @property
    def resolution_seconds(self) -> float: ...


class Band(Protocol):
    """What `brokers.queries.history_bands` answers: the extremes within each step, None for a gap."""

    @property
    def minimum(self) -> Mapping[str, Sequence[float | None]]: ...
    @property
    def maximum(self) -> Mapping[str, Sequence[float | None]]: ...


class TableRow(msgspec.Struct, frozen=True):
    """The figures of a moment, or what happened then, in words."""

    at: datetime
    time: str
    figures: tuple[str, ...] = ()
    words: str = ""


class Chart(msgspec.Struct, frozen=True):
    """Everything `_chart.html` prints. `key` is unique on the page."""

    key: str
    title: str
    unit: str
    row: str  # the live row whose numbers continue it: "queue-17", "broker-1"
    broker_id: int
    lines: tuple[Line, ...]
    shown: Stretch
    now: datetime
    times: tuple[datetime, ...]
    values: dict[str, list[float | None]]  # {metric: a number for each time}; an earlier time's by BEFORE and the metric
    columns: tuple[list[float | None], ...]  # the same by line
    marks: tuple[Mark, ...]  # all of the stretch, the oldest first
    table: tuple[TableRow, ...]
    gaps: tuple[str, ...]  # stretches without a record, as text
    recorded_since: str  # "" if the range begins with a record
    decimals: int
    band: tuple[str, ...] = ()  # the metrics of the lowest and the highest of the first line; () without
    interval_seconds: int = 5  # how often numbers are recorded: points further apart than three of these are a gap

    @property
    def data(self) -> dict[str, Any]:
        """What the script begins with; a dash as canvases take it, moments as seconds."""
        lines = [msgspec.to_builtins(line) | {"dash": [int(length) for length in line.dash.split()]} for line in self.lines]
        shown = self.shown
        span = {
            "from": shown.start.timestamp(),
            "to": shown.end.timestamp(),
            "range": shown.range.seconds if shown.range else shown.seconds,
            "follows": shown.follows,
            "step": shown.step_seconds,
        }
        points = {"times": [round(at.timestamp(), 1) for at in self.times], "values": {name: _short(column) for name, column in self.values.items()}}
        marks = [{"at": mark.at.timestamp(), "text": mark.text, "colour": mark.colour} for mark in folded(self.marks, shown)]
        return {
            "lines": lines, **points, "marks": marks, **span, "interval": self.interval_seconds, "rendered": self.now.timestamp(), "decimals": self.decimals,
            "unit": self.unit, "band": self.band or None,
        }  # fmt: skip

    @property
    def compared_note(self) -> str:
        """Why there is no second line, where one was chosen."""
        compared = self.shown.compared
        if compared is None or not self.lines or any(value is not None for _, column in self._before for value in column):
            return ""
        return f"Nothing was recorded at the same time {compared.words}." if self._before else ""

    @property
    def _before(self) -> list[tuple[Line, list[float | None]]]:
        return [(line, column) for line, column in zip(self.lines, self.columns, strict=True) if line.is_before]


def chart(
    key: str,
    title: str,
    unit: str,
    *,
    history: History,
    lines: Sequence[Line],
    row: str,
    broker_id: int,
    shown: Stretch,
    now: datetime,
    before: History | None = None,
    band: Band | None = None,
    marks: Sequence[Mark] = (),
    decimals: int = 1,
) -> Chart:
    """The chart of `lines` over the history, with its last points as a table, the newest first. `before`: the history of the same stretch at an
    earlier time, with as many points, of which the first line is drawn too. `band`: around that line, where each point stands for many records."""
    times = tuple(history.times)
    own = [metric for line in lines for metric in line.metrics]
    values = {metric: _as_long(history.values.get(metric, ()), len(times)) for metric in sorted(set(own))}
    drawn = list(lines)
    if before is not None and shown.compared is not None and lines:
        first = lines[0]
        drawn.append(Line(f"{first.label}, {shown.compared.words}", tuple(f"{BEFORE}{metric}" for metric in first.metrics), "s5", "5 3"))
        values |= {f"{BEFORE}{metric}": _as_long(before.values.get(metric, ()), len(times)) for metric in first.metrics}
    of_first = BANDED.get(lines[0].metrics, lines[0].metrics[0]) if lines and band is not None else ""
    has_band = band is not None and of_first in band.maximum and of_first in band.minimum
    if band is not None and has_band:
        values |= {f"{LOW}{of_first}": _as_long(band.minimum[of_first], len(times)), f"{HIGH}{of_first}": _as_long(band.maximum[of_first], len(times))}
    columns = [summed([values[metric] for metric in line.metrics]) for line in drawn]
    kept = within(marks, shown)
    return Chart(
        key=key,
        title=title,
        unit=unit,
        row=row,
        broker_id=broker_id,
        lines=tuple(drawn),
        shown=shown,
        now=now,
        times=times,
        values=values,
        columns=tuple(columns),
        marks=kept,
        table=_table(times, columns, kept, now, UNITS.get(unit) or (formatting.number if decimals == 0 else formatting.rate)),
        gaps=_gap_texts(history, columns[: len(lines)], shown),
        recorded_since=_recorded_since(history, columns[: len(lines)], shown),
        decimals=decimals,
        band=(f"{LOW}{of_first}", f"{HIGH}{of_first}") if has_band else (),
        interval_seconds=max(1, round(history.resolution_seconds)),
    )


def _as_long(values: Sequence[float | None], length: int) -> list[float | None]:
    """So many values, those that are missing unknown."""
    return [*values[:length], *[None] * (length - len(values))]


def _table(
    times: Sequence[datetime], columns: Sequence[Sequence[float | None]], marks: Sequence[Mark], now: datetime, written: Callable[[float | None], str]
) -> tuple[TableRow, ...]:
    """The last points, and what happened since the first of them, the newest first."""
    shown = newest(columns, TABLE_ROWS)
    rows = [TableRow(times[index], formatting.moment_text(times[index], now), tuple(written(column[index]) for column in columns)) for index in shown]
    since = rows[-1].at if len(rows) == TABLE_ROWS else None
    rows += [TableRow(mark.at, formatting.moment_text(mark.at, now), words=mark.text) for mark in marks if since is None or mark.at >= since]
    return tuple(sorted(rows, key=lambda row: row.at, reverse=True))


def _gap_texts(history: History, columns: Sequence[Sequence[float | None]], shown: Stretch) -> tuple[str, ...]:
    """The gaps as text, including that from the last record to the end if three records are missing there, as the script hatches it."""
    end = shown.end
    found = [f"{formatting.moment_text(start, end)} to {formatting.moment_text(until, end)}" for start, until in gaps(history.times, columns)]
    last = next((history.times[index] for index in newest(columns, 1)), None)
    if last is not None and end - last > _longest(history, shown):
        found.append(f"{formatting.moment_text(last, end)} to {'now' if shown.follows else formatting.moment_text(end, end)}")
    return tuple(found)


def _recorded_since(history: History, columns: Sequence[Sequence[float | None]], shown: Stretch) -> str:
    """When the first record within the range was made, where the range begins before it: the chart begins there."""
    first = next((at for index, at in enumerate(history.times) if any(column[index] is not None for column in columns)), None)
    return formatting.moment_text(first, shown.end) if first is not None and (shown.is_cut or first - shown.start > _longest(history, shown)) else ""


def _longest(history: History, shown: Stretch) -> timedelta:
    """How far apart two records are at most."""
    return timedelta(seconds=3 * max(shown.step_seconds, history.resolution_seconds))


def _short(values: Sequence[float | None]) -> list[float | None]:
    """Three decimals are more than a chart can show."""
    return [None if value is None else round(value, 3) for value in values]


def newest(columns: Sequence[Sequence[float | None]], limit: int) -> list[int]:
    """The positions of the last points that any column knows, the newest first.

    >>> newest([[1, None, None], [None, None, 2]], 9)
    [2, 0]
    """
    count = len(columns[0]) if columns else 0
    known = [index for index in range(count - 1, -1, -1) if any(column[index] is not None for column in columns)]
    return known[:limit]


def summed(columns: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The sum of several metrics point by point: None where one of them is unknown.

    >>> summed([[1, 2, None], [10, None, 5]])
    [11, None, None]
    """
    return [None if any(value is None for value in point) else sum(value for value in point if value is not None) for point in zip(*columns, strict=True)]


def gaps(times: Sequence[datetime], columns: Sequence[Sequence[float | None]]) -> list[tuple[datetime, datetime]]:
    """The stretches between two records in which no line has a value; what lies before the first or after the last is not one.

    >>> noon = datetime(2026, 11, 24, 12)
    >>> [(b - a).seconds for a, b in gaps([noon + timedelta(seconds=5 * n) for n in range(4)], [[1, None, None, 2]])]
    [15]
    >>> [(b - a).seconds for a, b in gaps([noon + timedelta(seconds=5 * n) for n in range(5)], [[1, None, 2, None, 3]])]
    [20]
    """
    known = [any(column[index] is not None for column in columns) for index, _ in enumerate(times)]
    found: list[tuple[datetime, datetime]] = []
    last = None
    for index, is_known in enumerate(known):
        if is_known:
            if last is not None and index - last > 1:
                start = found.pop()[0] if found and found[-1][1] == times[last] else times[last]  # a single record between two gaps
                found.append((start, times[index]))
            last = index
    return found
