"""Which stretch charts show, the line of an earlier time, marks, and the same figures as table and CSV."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.chart_csv import csv_lines
from dashboard.layout.chart_marks import MOST_DRAWN, MOST_MARKS, Mark, folded, within
from dashboard.layout.chart_ranges import COMPARED, LONGEST, POINTS_AT_MOST, RANGES, Stretch, links_of, stretch_of, up_to, written
from dashboard.layout.charts import Chart, Line, chart
from tests.brokers.facts import NOON, after
from tests.dashboard.test_chart_gaps import Recorded

HOUR = timedelta(hours=1)


def test_a_young_history_begins_with_its_first_record() -> None:
    shown = stretch_of({"range": "90d"}, NOON, since=NOON - timedelta(hours=3))
    assert (shown.seconds, shown.step_seconds, shown.is_cut, shown.words) == (3 * 3600, 40, True, "last 90 d")
    assert stretch_of({"range": "90d"}, NOON, since=NOON - timedelta(seconds=5)).seconds == 60
    assert stretch_of({}, NOON, since=NOON - timedelta(seconds=150)).seconds == 180
    assert not stretch_of({"range": "5m"}, NOON, since=NOON - timedelta(hours=3)).is_cut


@pytest.mark.parametrize(
    ("query", "start", "end", "mistake"),
    [
        ({"from": "11:20", "to": "11:50"}, NOON - timedelta(minutes=40), NOON - timedelta(minutes=10), ""),
        ({"from": "-2h"}, NOON - 2 * HOUR, NOON, ""),
        ({"from": "2026-05-04T11:59:50Z", "to": "2026-05-04T11:59:55Z"}, after(-65), after(-5), ""),  # a minute at least
        ({"from": "2020-01-01", "to": "2026-05-04"}, NOON - 12 * HOUR - LONGEST, NOON - 12 * HOUR, ""),
        ({"from": "-1h", "to": "2026-05-04T13:00Z"}, NOON - HOUR, NOON, ""),  # no later than now
        ({"from": "soon"}, NOON - HOUR, NOON, "not a moment"),
        ({"to": "11:50"}, NOON - HOUR, NOON, "not a moment"),
        ({"from": "11:50", "to": "11:20"}, NOON - HOUR, NOON, "ends before it begins"),
        ({"from": "2026-05-05", "to": "2026-05-06"}, NOON - HOUR, NOON, "later than what is recorded"),
        ({"range": "forever", "compare": "never"}, NOON - HOUR, NOON, ""),
    ],
)
def test_an_address_names_a_stretch_of_bounded_length_or_a_mistake(query: dict[str, str], start: datetime, end: datetime, mistake: str) -> None:
    shown = stretch_of(query, NOON)
    assert (shown.start, shown.end) == (start, end)
    assert mistake in shown.mistake if mistake else not shown.mistake


def test_charts_of_a_moment_end_there_and_do_not_go_on() -> None:
    shown = stretch_of({"range": "6h"}, NOON, end=NOON - HOUR)
    assert (shown.start, shown.end, shown.follows) == (NOON - 7 * HOUR, NOON - HOUR, False)


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_no_stretch_has_more_points_than_a_chart_can_show(before: int, seconds: int) -> None:
    start = NOON - timedelta(seconds=before)
    query = {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{start + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"}
    shown = stretch_of(query, NOON)
    assert shown.end <= NOON and 60 <= shown.seconds <= LONGEST.total_seconds()
    assert shown.seconds / shown.step_seconds <= POINTS_AT_MOST


def test_links_keep_the_rest_of_the_address_and_lead_back_from_a_zoom() -> None:
    query = {"broker": "prod", "range": "6h", "from": "11:20", "to": "11:50", "compare": "week", "part": "charts"}
    links = links_of("/q/", query, stretch_of(query, NOON))
    assert links.whole == "/q/?broker=prod&range=6h&compare=week"
    assert links.ranges[0].url == "/q/?broker=prod&range=5m&compare=week" and not any(link.current for link in links.ranges)
    assert [(link.words, link.current) for link in links.compared] == [("nothing", False), ("yesterday", False), ("last week", True)]
    zoomed = "from=2026-05-04T11%3A20%3A00Z&to=2026-05-04T11%3A50%3A00Z"
    assert links.csv == f"/q/?broker=prod&{zoomed}&range=6h&compare=week&part=charts&csv="
    assert dict(links.fields) == {"broker": "prod", "compare": "week", "range": "6h"} and links.since == "2026-05-04T11:20:00Z"


def drawn(values: list[float | None], shown: Stretch | None = None, **more: Any) -> Chart:
    shown = shown or Stretch(NOON, after(5 * (len(values) - 1)))
    history = Recorded([shown.start + timedelta(seconds=5 * place) for place in range(len(values))], {"ready": values, "unacknowledged": [1] * len(values)})
    lines = [Line("depth", ("ready", "unacknowledged")), Line("ready", ("ready",), "s2")]
    return chart("depth", "Depth", "messages", history=history, lines=lines, row="", broker_id=1, shown=shown, now=shown.end, decimals=0, **more)


def test_the_first_line_is_compared_with_the_same_time_earlier() -> None:
    shown = Stretch(NOON, after(10), compared=COMPARED[0])
    before = Recorded([], {"ready": [5, 6], "unacknowledged": [1, None, 3]})  # one point is missing
    found = drawn([1, 2, None], shown, before=before)
    assert [line.label for line in found.lines] == ["depth", "ready", "depth, yesterday"]
    assert found.columns[2] == [6, None, None]
    assert found.lines[2].dash and found.lines[2].is_before and not found.lines[0].is_before
    assert found.table[-1].figures == ("2", "1", "6")
    assert found.compared_note == "" and found.gaps == drawn([1, 2, None]).gaps  # an earlier time fills no gap
    nothing = drawn([1], Stretch(NOON, NOON, compared=COMPARED[1]), before=Recorded([], {}))
    assert nothing.compared_note == "Nothing was recorded at the same time last week."


def test_many_marks_are_folded_where_they_are_drawn_and_all_in_the_table() -> None:
    shown = Stretch(NOON, NOON + HOUR)
    marks = [Mark(NOON + timedelta(seconds=12 * place), f"binding {place} added") for place in range(301)]
    kept = within([*marks, marks[3], Mark(NOON - HOUR, "earlier")], shown)
    assert len(kept) == MOST_MARKS and kept[-1].text == "binding 300 added"
    together = folded(kept, shown)
    assert len(together) <= MOST_DRAWN + 1 and all(len(mark.text) < 100 for mark in together)
    assert together[0].text.startswith("13 changes: binding 101 added; binding 102 added")
    rows = drawn([1, 2, 3], marks=[Mark(after(7), "policy keep added")]).table
    assert [(row.time, row.words or row.figures) for row in rows] == [
        ("12:00:10", ("4", "3")), ("12:00:07", "policy keep added"), ("12:00:05", ("3", "2")), ("12:00:00", ("2", "1")),
    ]  # fmt: skip


def test_a_csv_has_the_chart_s_figures_at_times_in_utc() -> None:
    found = drawn([1, None, 3.14159], marks=[Mark(after(7), "=evil()"), Mark(after(9), "node, down")])
    rows = list(csv.reader(StringIO("".join(csv_lines(found)))))
    assert rows == [
        ["time", "depth (messages)", "ready (messages)", "what happened"],
        ["2026-05-04T12:00:00.000Z", "2", "1", ""],
        ["2026-05-04T12:00:05.000Z", "", "", ""],
        ["2026-05-04T12:00:07.000Z", "", "", "'=evil()"],
        ["2026-05-04T12:00:09.000Z", "", "", "node, down"],
        ["2026-05-04T12:00:10.000Z", "4.142", "3.142", ""],
    ]
    assert [row[1] for row in rows[1:] if row[1]] == [f"{round(value, 3):g}" for value in found.columns[0] if value is not None]


def test_every_range_is_offered_and_its_points_are_few() -> None:
    assert [one.words for one in RANGES] == ["5 min", "1 h", "6 h", "24 h", "7 d", "30 d", "90 d"]
    assert all(up_to(NOON, one).seconds / up_to(NOON, one).step_seconds <= POINTS_AT_MOST for one in RANGES)
    assert written(NOON) == "2026-05-04T12:00:00Z"
