"""How long a queue lasts, and how many more processes would empty it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.capacity.drain import Drain, drain, more_processes, per_slot_second

rates = st.floats(0, 1000, allow_nan=False)
courses = st.lists(st.one_of(st.none(), rates), max_size=40)
depths = st.integers(0, 10**7)


def steady(depth: int | None, publish: float | None, ack: float | None) -> Drain:
    return drain(depth, [publish] * 20, [ack] * 20)


@pytest.mark.parametrize(
    ("found", "outcome", "seconds"),
    [
        (steady(100, 1, 2), "drains", 100),
        (steady(100, 2, 2), "never", None),
        (steady(100, 3, 2), "never", None),
        (steady(0, 3, 2), "empty", 0),
        (steady(10, 2, 2), "keeps_up", None),  # what is run at the moment
        (steady(10, 2.2, 2), "keeps_up", None),
        (steady(10, 2.5, 2), "never", None),
        (steady(21, 2, 2), "never", None),
        (steady(1, 0, 0), "never", None),
        (steady(None, 1, 2), "unknown", None),
        (steady(100, None, 2), "unknown", None),
        (steady(100, 1, None), "unknown", None),
        (drain(100, [], []), "unknown", None),
        (drain(100, [1, None, None, None], [2, None, None, None]), "unknown", None),  # too little is known
        (steady(10**9, 0, 0.001), "never", None),  # thirty thousand years
    ],
)
def test_the_time_is_depth_by_the_difference_of_the_rates(found: Drain, outcome: str, seconds: float | None) -> None:
    assert (found.outcome, found.seconds) == (outcome, seconds)


def test_the_range_is_that_of_the_parts_of_the_window() -> None:
    found = drain(100, [0.0] * 10, [1.0, 1.0, *[2.0] * 6, 4.0, 4.0])
    assert found.soonest == pytest.approx(25) and found.seconds == pytest.approx(100 / 2.2) and found.latest == pytest.approx(100)
    found = drain(100, [2.0] * 10, [1.0, 1.0, *[3.0] * 8])
    assert (found.outcome, found.latest) == ("drains", None)  # never, at the slowest rate


@given(depths, courses, courses)
def test_no_time_is_negative_and_the_range_holds_it(depth: int, publish: list[float | None], ack: list[float | None]) -> None:
    found = drain(depth, publish, ack)
    for seconds in (found.seconds, found.soonest, found.latest):
        assert seconds is None or seconds >= 0
    if found.seconds is not None and found.soonest is not None:
        assert found.soonest <= found.seconds <= (float("inf") if found.latest is None else found.latest)


@given(depths, st.integers(0, 1000), courses, courses)
def test_more_messages_never_take_less_time(depth: int, more: int, publish: list[float | None], ack: list[float | None]) -> None:
    less, later = drain(depth, publish, ack), drain(depth + more, publish, ack)
    if less.seconds is None:
        assert later.seconds is None
    elif later.seconds is not None:
        assert less.seconds <= later.seconds


@given(st.one_of(st.none(), depths), courses)
def test_unknown_in_is_unknown_out(depth: int | None, known: list[float | None]) -> None:
    nothing: list[float | None] = [None] * len(known)
    for found in (drain(depth, known, nothing), drain(depth, nothing, known)):
        assert (found.outcome, found.seconds, more_processes(found, depth, 1.0, 60)) == ("unknown", None, None)
    assert drain(None, known, known).outcome == "unknown"


@given(depths, rates, rates, st.floats(0.01, 100), st.integers(60, 86400))
def test_enough_processes_are_enough_and_one_less_is_not(depth: int, publish: float, ack: float, per_slot: float, within: int) -> None:
    found = steady(depth, publish, ack)
    count = more_processes(found, depth, per_slot, within)
    assert count is not None and count >= 0
    if depth and count:
        assert (ack + count * per_slot - publish) * within >= depth * (1 - 1e-4) - 1e-3
        assert (ack + (count - 1) * per_slot - publish) * within < depth * (1 + 1e-4) + 1e-3


@pytest.mark.parametrize(
    ("ended", "active", "found"),
    [
        ([], [], None),
        ([[1.0]], [[None]], None),
        ([[0.0]], [[2]], None),  # long tasks: none has ended yet
        ([[1.0, None, 3.0]], [[2, 2, 2]], 1.0),
        ([[1.0], [2.0]], [[2], [4]], 0.5),
    ],
)
def test_what_a_slot_does_is_measured_while_it_is_used(ended: list[list[float | None]], active: list[list[float | None]], found: float | None) -> None:
    assert per_slot_second(ended, active) == found


def test_without_a_measured_slot_no_number_of_processes_is_named() -> None:
    assert more_processes(steady(100, 2, 1), 100, None, 60) is None
    assert more_processes(steady(100, 0, 9), 100, None, 60) == 0  # it is empty by then anyway
