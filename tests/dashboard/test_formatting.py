"""Numbers, sizes, durations and moments as people read them; unknown is a dash, never 0."""

import doctest
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.layout import formatting, sparklines
from dashboard.overview import head
from dashboard.overview import page as overview

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("module", [formatting, head, sparklines, overview])
def test_the_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("written", [formatting.number, formatting.rate, formatting.data_size, formatting.duration, formatting.clock])
def test_unknown_is_a_dash(written):
    assert written(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0"), (0.001, "<0.1"), (0.0999, "<0.1"), (0.1, "0.1"), (23.96, "24.0"), (1234.56, "1,234.6")],
)
def test_a_rate_has_one_decimal_and_shows_when_it_is_too_small(value, text):
    assert formatting.rate(value) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (9_996_000, "10.0 MB"), (65_432_100, "65.4 MB"), (999_900_000, "1,000 MB"), (3_200_000_000, "3.20 GB")],
)
def test_a_size_has_three_digits(size_bytes, text):
    assert formatting.data_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0.1 s"),
        (0.2, "0.2 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90061, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert formatting.duration(seconds) == formatting.duration(timedelta(seconds=seconds)) == text


@given(some.floats(min_value=0, max_value=1e9))
def test_a_duration_never_fails_and_never_has_more_than_two_units(seconds):
    assert len(formatting.duration(seconds).split()) in (2, 4)


def test_a_moment_ahead_of_our_clock_is_now():
    assert formatting.age(NOON + timedelta(seconds=3), NOON) == "0 s"


@pytest.mark.parametrize(
    ("moment", "text"),
    [(NOON - timedelta(hours=1), "11:00:00"), (NOON - timedelta(days=1), "23 Nov 12:00:00"), (NOON - timedelta(days=365), "24 Nov 2025 12:00:00")],
)
def test_a_moment_of_another_day_names_the_day(moment, text):
    assert formatting.moment_text(moment, NOON) == text


def test_names_are_listed_as_in_a_sentence():
    assert [formatting.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
