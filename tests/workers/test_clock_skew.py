"""A worker's skew: bounds from what was received and answered, which no backlog moves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.receiving.clock_skew import WINDOW_SECONDS, Answered, ClockSkew

NOON = 1795435200.0
HEARTBEAT, QUESTION = 2.0, 3.0


class World:
    """A worker that sends a heartbeat every two seconds and answers every third, in true seconds; `fast`: its clock is ahead by so much."""

    def __init__(self, fast: float, known: float | None = None, answers: bool = True, answers_from: float = 0.5) -> None:
        self.fast, self.answers, self.skew = fast, answers, ClockSkew(known)
        self.now, self.clock, self.next_question = 0.0, 100, answers_from

    def run(self, seconds: float, delay: Any = lambda sent: 0.001) -> ClockSkew:
        """`delay`: by true time of sending, how long an event takes to arrive."""
        arriving = []
        until = self.now + seconds
        while self.now < until:
            self.now, self.clock = self.now + HEARTBEAT, self.clock + 3
            if self.answers and self.now >= self.next_question:
                self.next_question += QUESTION
                self.skew.answered(Answered(7, self.clock, NOON + self.now - 0.9, NOON + self.now - 0.8))
            self.clock += 1
            arriving.append((self.now + delay(self.now), self.now + self.fast, self.clock))
        for at, stamped, clock in sorted(arriving):
            self.skew.received(NOON + stamped, NOON + at, clock, 7)
        return self.skew


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("fast", [0.0, 30.0, -30.0, 3600.0, -0.4])
def test_skew_is_measured_to_milliseconds_after_a_window(fast: float, answers: bool) -> None:
    assert World(fast, answers=answers).run(WINDOW_SECONDS).seconds == pytest.approx(fast, abs=0.002)


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("seconds", [5.0, 40.0, 900.0])
@pytest.mark.parametrize("fast", [0.0, 30.0, -30.0])
def test_a_backlog_is_not_taken_for_skew(fast: float, seconds: float, answers: bool) -> None:
    world = World(fast, answers=answers)
    world.run(WINDOW_SECONDS)
    stopped = world.now
    for _ in range(int(seconds / HEARTBEAT) + 20):
        known = world.run(HEARTBEAT, lambda sent: max(0.001, stopped + seconds - sent)).seconds
        assert known == pytest.approx(fast, abs=0.002)


@pytest.mark.parametrize("fast", [0.0, 30.0, -30.0])
def test_a_worker_first_met_in_a_backlog_is_never_more_wrong_than_its_own_clock(fast: float) -> None:
    world = World(fast, answers=False)
    for _ in range(60):
        known = world.run(HEARTBEAT, lambda sent: max(0.001, 40 - sent)).seconds or 0.0
        assert abs(known - fast) <= abs(fast) + 0.002


def test_answers_bound_it_within_seconds_even_if_events_lag_for_long() -> None:
    known = World(-30.0).run(4 * WINDOW_SECONDS, lambda sent: 60.0).seconds
    assert known == pytest.approx(-30, abs=HEARTBEAT + QUESTION)


@pytest.mark.parametrize(("answers", "seconds"), [(True, 12.0), (False, WINDOW_SECONDS + 20)])
@pytest.mark.parametrize("to", [-40.0, 40.0])
def test_a_clock_that_is_set_is_followed(answers: bool, seconds: float, to: float) -> None:
    world = World(0.0, answers=answers)
    world.run(2 * WINDOW_SECONDS)
    world.fast = to
    assert world.run(seconds).seconds == pytest.approx(to, abs=HEARTBEAT + QUESTION)
    assert world.run(WINDOW_SECONDS + 20).seconds == pytest.approx(to, abs=0.002)


def test_one_odd_heartbeat_has_no_effect() -> None:
    world = World(0.0)
    world.run(WINDOW_SECONDS)
    for odd in (4e9, 3000.0, -3000.0, NOON * 1000):
        world.skew.received(NOON + world.now + odd, NOON + world.now, world.clock + 1, 7)
    assert world.run(20).seconds == pytest.approx(0.0, abs=0.002)


@settings(deadline=None)
@given(st.floats(-3600, 3600), st.booleans(), st.lists(st.tuples(st.floats(0, 300), st.floats(0, 60)), max_size=4), st.floats(0.1, 2.9))
def test_no_stall_of_receipt_moves_a_known_skew(fast: float, answers: bool, stalls: list[tuple[float, float]], answers_from: float) -> None:
    world = World(fast, answers=answers, answers_from=answers_from)
    world.run(WINDOW_SECONDS)
    for pause, stalled in stalls:
        world.run(pause)
        began = world.now
        world.run(stalled + 4, lambda sent, began=began, stalled=stalled: max(0.001, began + stalled - sent))
        assert world.skew.seconds == pytest.approx(fast, abs=0.002)
