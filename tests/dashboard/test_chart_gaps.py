"""The note below a chart, which stretches were not recorded; and what draws charts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from dashboard.layout.chart_ranges import stretch_of
from dashboard.layout.charts import Chart, Line, chart
from tests.brokers.facts import NOON

ROOT = Path(__file__).parents[2]


class Recorded(msgspec.Struct):
    times: list[datetime]
    values: dict[str, list[float | None]]
    resolution_seconds: float = 5.0


def shown_as(recorded: Recorded, span: str, now: datetime = NOON) -> Chart:
    lines = [Line("depth", ("depth",))]
    return chart("d", "Depth", "", history=recorded, lines=lines, row="queue-1", broker_id=1, shown=stretch_of({"range": span}, now), now=now)


@pytest.mark.parametrize(
    ("now", "values", "gaps"),
    [
        (NOON, [1, 1, 1, 1, 1, 1], ()),
        (NOON, [1, None, None, 1, 1, 1], ("11:50:00 to 11:56:00",)),
        (NOON, [None, None, 1, 1, 1, 1], ()),  # before the first record
        (NOON, [1, 1, 1, None, None, None], ("11:54:00 to now",)),
        (NOON, [1, None, 1, None, None, None], ("11:50:00 to 11:54:00", "11:54:00 to now")),
        (NOON, [None] * 6, ()),  # the table shows it
        (NOON - timedelta(hours=11, minutes=55), [1, None, None, 1, None, None], ("3 May 23:55:00 to 00:01:00", "00:01:00 to now")),
    ],
)
def test_gaps_are_listed_with_the_date_if_not_today_and_up_to_now(now: datetime, values: list[float | None], gaps: tuple[str, ...]) -> None:
    times = [now - timedelta(minutes=2 * before) for before in range(5, -1, -1)]
    recorded = Recorded(times, {"depth": values})
    assert shown_as(recorded, "1h", now).gaps == gaps


@pytest.mark.parametrize(
    ("values", "since"),
    [
        ([None, None, 1, 1, 1, 1], "11:54:00"),
        ([1, None, None, 1, 1, 1], "11:50:00"),  # the hour begins at 11:00
        ([None] * 6, ""),
    ],
)
def test_a_chart_that_begins_with_its_first_record_shows_when_that_was(values: list[float | None], since: str) -> None:
    recorded = Recorded([NOON - timedelta(minutes=2 * before) for before in range(5, -1, -1)], {"depth": values})
    assert shown_as(recorded, "1h").recorded_since == since
    assert shown_as(Recorded([NOON - timedelta(seconds=300), NOON], {"depth": [1, 2]}), "5m").recorded_since == ""


def test_each_page_with_charts_has_the_script_that_draws_them() -> None:
    templates = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")]
    drawn = [text for text in templates if "js/charts.js" in text]
    assert drawn and all("vendor/uPlot.iife.min.js" in text for text in drawn)
