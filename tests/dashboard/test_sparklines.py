"""Sparklines: gaps stay gaps, the dot is the last known number."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.layout import sparklines


@pytest.mark.parametrize("values", [[], [None], [None, None]])
def test_nothing_known_draws_nothing(values):
    assert sparklines.drawn(values) == sparklines.Sparkline()


def test_a_gap_begins_a_new_line():
    assert sparklines.drawn([1, 2, None, 2, 1]).line.count("M") == 2


def test_the_dot_sits_on_the_last_known_number():
    spark = sparklines.drawn([1, 2, None], 13, 14)
    assert (spark.end_x, spark.end_y) == (6.5, 3.0)


def test_zero_is_at_the_bottom():
    assert sparklines.drawn([0, 0], 13, 14).line == "M3.0 13.0L10.0 13.0"


@given(some.lists(some.none() | some.floats(min_value=-10, max_value=1e12), max_size=60))
def test_everything_stays_inside(values):
    spark = sparklines.drawn(values, 96, 24)
    if any(value is not None for value in values):
        assert 0 <= spark.end_x <= 96
        assert 0 <= spark.end_y <= 24
