"""When the head of a queue arrived, compared with queues of which every arrival is known."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.head_age import MOST_MARKS, STEP_SECONDS, HeadAge

POLL = 5


class Simulated:
    """A queue that is polled every POLL seconds: `came` messages arrive and `left` are acknowledged in between; `counted`: the rest are dead letters."""

    def __init__(self) -> None:
        self.now, self.published, self.acknowledged = 0, 0, 0
        self.arrivals: deque[int] = deque()  # the end of the interval of each
        self.head = HeadAge(0, 0, 0, 0)

    def poll(self, came: int, left: int, dead_letters: int = 0) -> int | None:
        self.now += POLL
        self.arrivals.extend([self.now] * (came + dead_letters))
        left = min(left, len(self.arrivals))
        for _ in range(left):
            self.arrivals.popleft()
        self.published += came
        self.acknowledged += left
        depth = len(self.arrivals)
        return self.head.read(self.now, depth, depth, self.published, self.acknowledged)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=150))
def test_it_is_right_to_an_interval_or_so_while_few_marks_are_kept(steps: list[tuple[int, int]]) -> None:
    queue = Simulated()
    for came, left in steps:
        found = queue.poll(came, left)
        if not queue.arrivals:
            assert found is None
            continue
        assert found is not None
        age, truth = queue.now - found, queue.now - queue.arrivals[0]
        assert abs(age - truth) <= POLL + STEP_SECONDS + truth / 2
        assert len(queue.head._marks) <= MOST_MARKS + 2


def test_a_queue_that_nobody_consumes_ages() -> None:
    queue = Simulated()
    queue.poll(10, 0)
    for _ in range(100):
        found = queue.poll(3, 0)
    assert found == 0  # the head came in the first interval


def test_dead_letters_arrive_though_nothing_is_published() -> None:
    queue = Simulated()
    assert queue.poll(0, 0, dead_letters=4) == 0
    for _ in range(10):
        found = queue.poll(0, 1, dead_letters=1)
    assert found is not None
    assert queue.now - found in (20, 25)


def test_a_backlog_from_before_is_of_unknown_age_until_it_has_left() -> None:
    head = HeadAge(0, 100, 500, 0)
    assert head.read(5, 100, 100, 510, 10) is None
    assert head.read(100, 20, 20, 510, 90) is None
    assert head.read(105, 5, 5, 510, 105) in (0, 5)


def test_counters_that_begin_anew_make_it_unknown() -> None:
    head = HeadAge(0, 0, 500, 500)
    assert head.read(5, 10, 10, 510, 500) == 0
    assert head.read(10, 10, 10, 0, 0) is None


@pytest.mark.parametrize("ready", [0, -1])
def test_without_a_ready_message_there_is_none(ready: int) -> None:
    assert HeadAge(0, 0, 0, 0).read(5, ready, 3, 3, 0) is None


def test_time_in_which_nothing_arrived_is_not_spread_over_later_arrivals() -> None:
    head = HeadAge(0, 0, 0, 0)
    head.read(5, 1, 1, 1, 0)
    head.stood_still(1000)
    assert head.read(1005, 100, 100, 101, 1) == 1000
