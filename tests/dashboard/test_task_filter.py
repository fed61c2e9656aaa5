"""What people type into the filter of tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.moments import moment_of
from dashboard.tasks.filter import parse, query_filter
from workers.task_filter import TaskFilter, name_fits

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def query(text: str) -> TaskFilter:
    return query_filter(parse(text), None, None, NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TaskFilter()),
        ("state:failure", TaskFilter(states=("FAILURE",))),
        ("state:Failure,retry", TaskFilter(states=("FAILURE", "RETRY"))),
        ("state:failure state:retry", TaskFilter(states=("FAILURE", "RETRY"))),
        ("name:orders.*", TaskFilter(name="orders.*")),
        ("worker:worker-a@web-1 queue:mail", TaskFilter(worker="worker-a@web-1", queue="mail")),
        ("after:-2h", TaskFilter(start=NOON - timedelta(hours=2))),
        ("before:2026-11-24T10:00", TaskFilter(end=NOON - timedelta(hours=2))),
        ("after:-2h after:-1h", TaskFilter(start=NOON - timedelta(hours=1))),
        ("88412 EUR", TaskFilter(text="88412 EUR")),
        ('"state:failure"', TaskFilter(text="state:failure")),
        ("state:nonsense", TaskFilter()),
        ("after:soon", TaskFilter()),
        ("name:a name:b", TaskFilter(name="a")),
        ("name!=a", TaskFilter()),
    ],
)
def test_a_text_becomes_a_query(text: str, expected: TaskFilter) -> None:
    assert query(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("after:soon", "after needs a moment, for example -2h"),
        ("name:a name:b", "name occurs twice"),
        ("state:broken", "state must be pending"),
        ("state:failed", "not failed. Did you mean failure?"),
        ("customer=17", 'To search for it as text, quote it: "customer=17".'),
        ("stat:failure", "did you mean state?"),
    ],
)
def test_what_does_not_apply_has_a_reason(text: str, words: str) -> None:
    assert words in parse(text).problems[0].problem


@given(st.text(max_size=80))
def test_any_text_is_understood_or_explained(text: str) -> None:
    query(text).check()
    assert all(term.problem for term in parse(text).problems)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    found = moment_of(text, NOON)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize("text", ["-999999999w", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "25:00", "12:60"])
def test_what_is_beyond_all_times_is_no_moment(text: str) -> None:
    assert moment_of(text, NOON) is None


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=10))
def test_a_star_in_a_name_stands_for_any_text(pattern: str, name: str) -> None:
    assert name_fits(pattern, name) == fnmatchcase(name, pattern)


def test_no_pattern_of_a_name_is_slow_whatever_the_name() -> None:
    assert not name_fits("*a" * 30 + "*b", "a" * 255)
