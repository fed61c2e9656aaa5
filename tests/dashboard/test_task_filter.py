"""What people type into the filter of tasks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout.completion import options
from dashboard.layout.moments import moment_of
from dashboard.tasks import states as task_states
from dashboard.tasks.filter import NO_ARGUMENTS, QUALIFIERS, parse, query_filter
from workers.task_filter import ALL_STATES, Bound, TaskFilter, name_fits

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PIECES = (*QUALIFIERS, " ", " ", "-", ":", ">", "!=", '"', "2", "m", "success", "failed", "a", ",", "*")


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
        ("name!=a", TaskFilter(without=(("name", "a"),))),
        ("-name:a -name:b name:c", TaskFilter(name="c", without=(("name", "a"), ("name", "b")))),
        ("state:failed", TaskFilter(states=("FAILURE",))),
        ("state:Running,waiting", TaskFilter(states=("STARTED", "PENDING", "RECEIVED"))),
        ("-state:success", TaskFilter(states=tuple(state for state in ALL_STATES if state != "SUCCESS"))),
        ("state:ended state!=succeeded,failed", TaskFilter(states=("REVOKED", "REJECTED"))),
        ("state:failed -state:failed", TaskFilter(states=("FAILURE",))),
        ("runtime>2s", TaskFilter(bounds=(Bound("runtime", ">", 2),), now=NOON)),
        ("eta>0s", TaskFilter(bounds=(Bound("eta", ">", 0),), now=NOON)),
        ("runtime:>2 wait<=1.5m", TaskFilter(bounds=(Bound("runtime", ">", 2), Bound("wait", "<=", 90)), now=NOON)),
        ("runtime<250ms runtime>=1h", TaskFilter(bounds=(Bound("runtime", "<", 0.25), Bound("runtime", ">=", 3600)), now=NOON)),
        ("retries>2 retries:3", TaskFilter(bounds=(Bound("retries", ">", 2), Bound("retries", "=", 3)))),
        ('args:"sku-17 eur" exception:ValueError', TaskFilter(args=("sku-17 eur",), exception=("ValueError",))),
        ("root:a parent:b", TaskFilter(root="a", parent="b")),
        ("name:orders*", TaskFilter(name="orders*")),
        ("-5", TaskFilter(text="-5")),
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
        ("state:failled", "not failled. Did you mean failed?"),
        ("state:failed -state:failed", "No state is left."),
        ("runtime>soon", "runtime needs a time in ms, s, m or h, for example runtime>2s, not soon."),
        ("runtime>", "runtime needs a value"),
        ("-runtime>2s", "A minus goes with a colon"),
        ("-args:a", "args needs a colon"),
        ("args:--", "args has no letter or digit"),
        ("root:a root:b", "root occurs twice"),
        ("-unknown:a", "Nothing here is called unknown"),
        ("retries:many", "retries needs a number"),
        ("customer=17", 'To search for it as text, quote it: "customer=17".'),
        ("stat:failure", "did you mean state?"),
    ],
)
def test_what_does_not_apply_has_a_reason(text: str, words: str) -> None:
    assert words in parse(text).problems[0].problem


def test_arguments_are_not_searched_by_who_may_not_see_them() -> None:
    assert [term.problem for term in parse("args:a exception:b", arguments=False).terms] == [NO_ARGUMENTS, ""]
    assert query_filter(parse("args:a", arguments=False), None, None, NOON) == TaskFilter()


@given(st.text(max_size=80) | st.lists(st.sampled_from(PIECES)).map("".join))
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


def test_every_term_is_documented() -> None:
    documented = Path("docs/filters.md").read_text(encoding="utf-8")
    assert [name for name in (*QUALIFIERS, *task_states.WORDS, *task_states.CHOICES) if f"`{name}" not in documented] == []
    assert [one.example for one in QUALIFIERS.values() if parse(one.example).problems] == []


def test_terms_are_completed_and_negated_ones_too() -> None:
    assert [one.text for one in options("r", QUALIFIERS, {})] == ["runtime>", "retries>", "root:"]
    assert [one.text for one in options("-n", QUALIFIERS, {})] == ["-name:"]
    assert [one.text for one in options("-state:suc", QUALIFIERS, {})] == ["-state:success"]
    assert options("-runtime", QUALIFIERS, {}) == []


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59Z", "9999-12-31"])
def test_a_moment_at_the_end_of_the_calendar_is_refused_since_nothing_can_be_added_to_it(text: str) -> None:
    assert moment_of(text, NOON) is None
    assert parse(f"after:{text}").problems and parse(f"before:{text}").problems


def test_an_empty_list_is_counted_without_a_few_terms_however_many_there_are() -> None:
    found = parse(" ".join(f"exception:z{number}" for number in range(90)))
    assert (len(found.terms), len(found.tried)) == (90, 15)


def test_a_start_long_ago_that_moves_with_the_clock_stays_for_ten_seconds() -> None:
    def start(text: str, second: int) -> datetime | None:
        return query_filter(parse(text), None, None, datetime(2026, 11, 24, 12, 0, second, 7, tzinfo=UTC)).start

    assert start("after:-2h", 20) == start("after:-2h", 29) == datetime(2026, 11, 24, 10, 0, 20, tzinfo=UTC) != start("after:-2h", 30)
    assert start("after:-9min", 21) == datetime(2026, 11, 24, 11, 51, 21, 7, tzinfo=UTC)
    assert start("after:10:00:07", 21) == datetime(2026, 11, 24, 10, 0, 7, tzinfo=UTC)
