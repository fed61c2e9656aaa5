"""Rates out of counters that the broker refreshes now and then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.rates import HOLD_SECONDS, WINDOW_SECONDS, Meter, Reading, per_second, rounded, total


@pytest.mark.parametrize(
    ("earlier", "later", "rate"),
    [
        (Reading(0, 10), Reading(5, 60), 10.0),
        (Reading(0, 10), Reading(5, 10), 0.0),
        (Reading(0, 10), Reading(5, 9), None),  # restarted
        (Reading(5, 10), Reading(5, 20), None),  # no time passed
        (Reading(5, 10), Reading(4, 20), None),  # out of order
    ],
)
def test_growth_a_second(earlier: Reading, later: Reading, rate: float | None) -> None:
    assert per_second(earlier, later) == rate


def test_rates_are_rounded_to_what_a_person_reads_and_a_flow_never_to_nothing() -> None:
    assert [rounded(rate) for rate in (None, 0.0, 0.0001, 0.126, 23.98, 12345.6)] == [None, 0.0, 0.01, 0.13, 24.0, 12346]


def test_a_sum_is_unknown_if_a_part_is() -> None:
    assert (total([1.0, 2.5]), total([1.0, None]), total([])) == (3.5, None, None)


def refreshed(count_at: float, per_second: float, phase: float) -> int:
    """What the broker reports at a moment for a counter that grows steadily and is refreshed every 5 s."""
    return int(per_second * (5 * ((count_at - phase) // 5) + phase + 5))


@pytest.mark.parametrize("poll_seconds", [0.5, 1.0, 2.0, 5.0, 5.05, 4.97, 10.0])
@pytest.mark.parametrize("phase", [0.0, 1.3, 4.9])
def test_a_steady_flow_is_one_number_however_often_it_is_read(poll_seconds: float, phase: float) -> None:
    meter = Meter()
    rates = [meter.read(moment, refreshed(moment, 100, phase)) for moment in (poll_seconds * number for number in range(int(120 / poll_seconds)))]
    settled = [rate for rate in rates[int(25 / poll_seconds) :] if rate is not None]
    assert len(settled) == len(rates[int(25 / poll_seconds) :])
    assert min(settled) >= 80 and max(settled) <= 125


def test_polls_in_step_with_the_refreshes_show_no_flicker_between_nothing_and_double() -> None:
    meter, counts = Meter(), [100, 150, 150, 250, 300, 300, 400]  # 50 a refresh; two polls saw none, the next ones two
    rates = [meter.read(5.0 * number, count) for number, count in enumerate(counts)]
    assert rates == [None, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]


def test_a_refresh_just_missed_and_reported_late_is_neither_half_nor_double() -> None:
    meter, counts = Meter(), [0, 50, 100, 100, 150, 250, 300, 400]  # 50 a refresh: nothing, one, two where three ones were due
    rates = [meter.read(5.0 * number, count) for number, count in enumerate(counts)]
    assert rates == [None, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 20.0]


def test_the_first_reading_gives_no_rate() -> None:
    assert Meter().read(0, 5) is None


def test_a_restarted_counter_gives_no_rate_until_there_is_enough_to_compare() -> None:
    meter = Meter()
    assert [meter.read(5.0 * number, count) for number, count in enumerate([100, 150, 10, 60])] == [None, 10.0, None, 10.0]


def test_what_the_broker_does_not_report_is_unknown_and_reset() -> None:
    meter = Meter()
    assert [meter.read(5.0 * number, count) for number, count in enumerate([100, 150, None, 200, 250])] == [None, 10.0, None, None, 10.0]


def test_a_stop_is_zero_once_the_next_refresh_is_overdue() -> None:
    meter = Meter()
    for number in range(4):
        meter.read(5.0 * number, 50 * number)
    assert meter.read(15 + HOLD_SECONDS - 0.1, 150) == 10.0
    assert meter.read(15 + HOLD_SECONDS, 150) == 0.0


def test_a_queue_that_never_moves_is_zero_not_unknown() -> None:
    meter = Meter()
    assert [meter.read(5.0 * number, 0) for number in range(3)] == [None, 0.0, 0.0]


def test_a_queue_that_wakes_up_after_an_hour_is_not_slow() -> None:
    meter = Meter()
    for number in range(720):
        meter.read(5.0 * number, 0)
    assert meter.read(3600, 500) == 500 / WINDOW_SECONDS
    assert meter.read(3605, 1000) == 100.0


def test_after_an_outage_the_growth_is_spread_over_it() -> None:
    meter = Meter()
    for number in range(3):
        meter.read(5.0 * number, 50 * number)
    assert meter.read(110, 1100) == 10.0


@given(st.lists(st.tuples(st.floats(0.1, 30), st.integers(0, 10_000)), min_size=1, max_size=60))
def test_a_rate_never_exceeds_the_whole_growth_over_the_shortest_span(steps: list[tuple[float, int]]) -> None:
    meter, moment, count = Meter(), 0.0, 0
    meter.read(moment, count)
    for seconds, grown in steps:
        moment, count = moment + seconds, count + grown
        rate = meter.read(moment, count)
        assert rate is None or 0 <= rate <= max(count / 4.5 * 1.01, 0.01)
