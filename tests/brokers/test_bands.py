"""The steps of a chart: average, extremes and how much was recorded, from polls and rollups alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brokers.bands import Bands, bands, clipped, joined, spans_of_numbers, spans_of_rollups
from brokers.snapshots.rollups import RolledSeries
from brokers.tiers import Part, Reach, plan

NAN = float("nan")


def polls(*known: tuple[float, float], hold: float = 15.0, of: tuple[float, float] = (-1e9, 1e9)):  # type: ignore[no-untyped-def]
    at, numbers = (np.array([one[place] for one in known], np.float64) for place in (0, 1))
    return clipped(spans_of_numbers(at, np.full(len(at), hold), numbers[None, None]), *of)


def minutes(*known: tuple[float, float, float, float, float]):  # type: ignore[no-untyped-def]
    """(beginning, average, minimum, maximum, seconds)."""
    parts = (np.array([[[one[place] for one in known]]], np.float64) for place in (1, 2, 3, 4))
    return spans_of_rollups(np.array([one[0] for one in known], np.float64), 60.0, RolledSeries(*parts))


def read(found: Bands) -> list[tuple[float | None, ...]]:
    return [tuple(None if value != value else round(value, 3) for value in step) for step in zip(*(part[0, 0].tolist() for part in found), strict=True)]


def test_a_step_has_all_minutes_in_it_each_as_much_as_was_recorded_of_it() -> None:
    spans = minutes((0, 10, 5, 20, 60), (60, 40, 30, 50, 30), (120, 1, 1, 1, 60))
    assert read(bands(spans, np.array([120.0, 180.0]), 120.0)) == [(20, 5, 50, 0.75), (14, 1, 50, 0.75)]
    assert read(bands(spans, np.array([60.0, 120.0, 180.0, 240.0]), 60.0))[2:] == [(1, 1, 1, 1), (None, None, None, 0)]


def test_a_step_shorter_than_a_minute_has_what_is_known_of_that_minute() -> None:
    assert read(bands(minutes((60, 40, 30, 50, 60)), np.array([60.0, 65.0, 120.0, 125.0]), 5.0)) == [
        (None, None, None, 0), (40, 30, 50, 1), (40, 30, 50, 1), (None, None, None, 0)
    ]  # fmt: skip


def test_polls_count_until_the_next_one_or_as_long_as_they_hold() -> None:
    spans = polls((0, 10), (5, 20), (10, NAN), (20, 30))
    assert read(bands(spans, np.array([10.0, 20.0, 40.0]), 10.0)) == [(15, 10, 20, 1), (None, None, None, 0), (30, 30, 30, 0.5)]


def test_tiers_that_meet_within_a_step_are_both_in_it() -> None:
    spans = joined([clipped(minutes((0, 10, 0, 20, 60)), 0, 60), polls((55, 100), (65, 30), (75, 30), hold=30, of=(60, 1000))])
    assert read(bands(spans, np.array([80.0]), 80.0)) == [(19.375, 0, 100, 1)]


def test_nothing_recorded_is_nothing() -> None:
    assert read(bands(polls(), np.array([10.0, 20.0]), 10.0)) == [(None, None, None, 0)] * 2


@given(st.lists(st.tuples(st.integers(1, 30), st.none() | st.integers(0, 50)), min_size=1, max_size=20), st.integers(1, 60))
def test_a_band_is_the_same_as_second_by_second(course: list[tuple[int, int | None]], step: int) -> None:
    at, known = 0, []
    for pause, number in course:
        at += pause
        known.append((at, NAN if number is None else float(number)))
    seconds: dict[int, float] = {}
    for (begin, number), end in zip(known, [*[one[0] for one in known[1:]], 10**6], strict=True):
        if number == number:
            seconds |= dict.fromkeys(range(begin, min(end, begin + 15)), number)
    times = np.arange(step, at + 3 * step, step, dtype=np.float64)
    expected: list[tuple[float | None, ...]] = []
    for time in times.astype(int).tolist():
        there = [seconds[second] for second in range(time - step, time) if second in seconds]
        expected.append((round(sum(there) / len(there), 3), min(there), max(there), round(len(there) / step, 3)) if there else (None, None, None, 0))
    found = read(bands(polls(*known), times, float(step)))
    assert [one[1:] for one in found] == [one[1:] for one in expected]
    np.testing.assert_allclose([one[0] or 0 for one in found], [one[0] or 0 for one in expected], atol=0.002)


def test_a_time_that_no_tier_reaches_is_left_out_of_the_plan() -> None:
    reaches = [Reach(5, 1000, float("inf")), Reach(60, 500, 980)]
    assert plan(0, 2000, 5, reaches) == [Part(60, 500, 980), Part(5, 1000, 2000)]
    assert plan(0, 100, 5, reaches) == []


def test_the_coarsest_tier_answers_that_the_step_allows_and_finer_ones_where_it_does_not_reach_yet() -> None:
    reaches = [Reach(5, 1000, float("inf")), Reach(60, 0, 2400), Reach(600, 0, 1800)]
    assert plan(0, 3000, 3600, reaches) == [Part(600, 0, 1800), Part(60, 1800, 2400), Part(5, 2400, 3000)]
    assert plan(600, 3000, 60, reaches) == [Part(60, 600, 2400), Part(5, 2400, 3000)]
    assert plan(600, 3000, 5, reaches) == [Part(60, 600, 1000), Part(5, 1000, 3000)]
