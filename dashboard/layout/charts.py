"""Charts: which range and step they have, which lines, the points they begin with, and their last points as a table.

Pure. `templates/components/_chart.html` prints a Chart, `static/js/charts.js` draws it and appends what arrives. A page makes one with
`chart(...)` from a history of `brokers.queries` and includes the component `with chart=…`; without scripts its table is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from dashboard.layout import formatting

POINTS_AT_MOST = 288  # a day in steps of 300 s, which the history answers from its keyframes alone
SHORTEST_STEP_SECONDS = 5
TABLE_ROWS = 60


class Range(msgspec.Struct, frozen=True):
    """A stretch of time up to now that a page's charts share: `key` is what `?range=` holds."""

    key: str
    seconds: int
    words: str

    @property
    def step_seconds(self) -> int:
        """The distance of points: at most 288 on a chart, never closer than the shortest step that is stored."""
        return max(SHORTEST_STEP_SECONDS, -(-self.seconds // POINTS_AT_MOST // SHORTEST_STEP_SECONDS) * SHORTEST_STEP_SECONDS)


RANGES = (Range("15m", 900, "15 min"), Range("1h", 3600, "1 h"), Range("6h", 21600, "6 h"), Range("24h", 86400, "24 h"))
DEFAULT_RANGE = RANGES[1]


def chosen_range(text: str | None) -> Range:
    """The range that `?range=` names; an unknown one is the last hour.

    >>> chosen_range("6h").step_seconds, chosen_range(None).key
    (75, '1h')
    """
    return next((one for one in RANGES if one.key == text), DEFAULT_RANGE)


class Line(msgspec.Struct, frozen=True):
    """One line: the sum of `metrics`. `colour` is a token's name (s1 … s5) or "level": that of the element the chart is about."""

    label: str
    metrics: tuple[str, ...]
    colour: str = "s1"
    dash: str = ""  # the second channel: "5 3" dashed, "2 2" dotted
    fill: bool = False


class Mark(msgspec.Struct, frozen=True):
    """Something that happened, drawn as a dashed vertical with words."""

    at: datetime
    text: str
    colour: str = "axis"


class History(Protocol):
    """What `brokers.queries.history` answers: None in `values` is a gap."""

    @property
    def times(self) -> Sequence[datetime]: ...
    @property
    def values(self) -> Mapping[str, Sequence[float | None]]: ...
    @property
    def resolution_seconds(self) -> float: ...


class TableRow(msgspec.Struct, frozen=True):
    at: datetime
    figures: tuple[str, ...]


class Chart(msgspec.Struct, frozen=True):
    """Everything `_chart.html` prints. `key` is unique on the page."""

    key: str
    title: str
    unit: str
    row: str  # the live row whose numbers continue it: "queue-17", "broker-1"
    broker_id: int
    lines: tuple[Line, ...]
    range: Range
    now: datetime
    points: dict[str, Any]  # {"times": [epoch seconds], "values": {metric: [number or None]}}
    marks: tuple[dict[str, Any], ...]
    table: tuple[TableRow, ...]
    gaps: tuple[str, ...]  # stretches without a record, as text
    recorded_since: str  # "" if the range begins with a record
    decimals: int
    interval_seconds: int = 5  # how often numbers are recorded: points further apart than three of these are a gap

    @property
    def data(self) -> dict[str, Any]:
        """What the script begins with; a dash as canvases take it, moments as seconds."""
        lines = [msgspec.to_builtins(line) | {"dash": [int(length) for length in line.dash.split()]} for line in self.lines]
        span = {"range": self.range.seconds, "step": self.range.step_seconds, "interval": self.interval_seconds, "rendered": self.now.timestamp()}
        return {"lines": lines, **self.points, "marks": self.marks, **span, "decimals": self.decimals}


def chart(
    key: str,
    title: str,
    unit: str,
    *,
    history: History,
    lines: Sequence[Line],
    row: str,
    broker_id: int,
    range: Range,
    now: datetime,
    marks: Sequence[Mark] = (),
    decimals: int = 1,
) -> Chart:
    """The chart of `lines` over the history, with its last points as a table, the newest first."""
    metrics = {metric for line in lines for metric in line.metrics}
    values = {metric: list(history.values.get(metric, ())) or [None] * len(history.times) for metric in sorted(metrics)}
    columns = [summed([values[metric] for metric in line.metrics]) for line in lines]
    written = formatting.number if decimals == 0 else formatting.rate
    return Chart(
        key=key,
        title=title,
        unit=unit,
        row=row,
        broker_id=broker_id,
        lines=tuple(lines),
        range=range,
        now=now,
        points={"times": [round(at.timestamp(), 1) for at in history.times], "values": {name: _short(column) for name, column in values.items()}},
        marks=_within(marks, range, now),
        table=tuple(TableRow(history.times[index], tuple(written(column[index]) for column in columns)) for index in newest(columns, TABLE_ROWS)),
        gaps=_gap_texts(history, columns, range, now),
        recorded_since=_recorded_since(history, columns, range, now),
        decimals=decimals,
        interval_seconds=max(1, round(history.resolution_seconds)),
    )


def _gap_texts(history: History, columns: Sequence[Sequence[float | None]], shown: Range, now: datetime) -> tuple[str, ...]:
    """The gaps as text, including that from the last record to now if three records are missing there, as the script hatches it."""
    found = [f"{formatting.moment_text(start, now)} to {formatting.moment_text(end, now)}" for start, end in gaps(history.times, columns)]
    longest = timedelta(seconds=3 * max(shown.step_seconds, history.resolution_seconds))
    last = next((history.times[index] for index in newest(columns, 1)), None)
    if last is not None and now - last > longest:
        found.append(f"{formatting.moment_text(last, now)} to now")
    return tuple(found)


def _recorded_since(history: History, columns: Sequence[Sequence[float | None]], shown: Range, now: datetime) -> str:
    """When the first record within the range was made, where the range begins before it: the chart begins there."""
    first = next((at for index, at in enumerate(history.times) if any(column[index] is not None for column in columns)), None)
    longest = timedelta(seconds=3 * max(shown.step_seconds, history.resolution_seconds))
    begin = now - timedelta(seconds=shown.seconds)
    return formatting.moment_text(first, now) if first is not None and first - begin > longest else ""


def _within(marks: Sequence[Mark], shown: Range, now: datetime) -> tuple[dict[str, Any], ...]:
    """The marks inside the range as the script reads them."""
    first = now - timedelta(seconds=shown.seconds)
    return tuple({"at": mark.at.timestamp(), "text": mark.text, "colour": mark.colour} for mark in marks if mark.at >= first)


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
