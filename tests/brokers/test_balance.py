"""The balance of queues: what left without an acknowledgement, how certain that is, and what can have been the cause."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.balance import Balance, Point, balance_of
from brokers.balance_causes import CONDITIONAL, POSSIBLE, RULED_OUT, Settings, causes, causes_of_fall
from brokers.rates import Meter

Cumulated = Callable[[float], float]
"""How many there were until a second."""


class Simulated:
    """A queue whose broker refreshes counters every five seconds at a phase of its own, while its depth is exact; polled every `every` seconds."""

    def __init__(self, every: float, phase: float, jitter: float = 0.0) -> None:
        self.every, self.phase, self.random, self.jitter = every, phase, random.Random(phase), jitter

    def points(self, published: Cumulated, acknowledged: Cumulated, lost: Cumulated, seconds: float) -> list[Point]:
        meters, found = [Meter() for _ in range(3)], []
        for number in range(int(seconds / self.every)):
            at = max(0.0, number * self.every + self.random.uniform(-self.jitter, self.jitter))
            seen = max(0.0, self.phase + 5 * ((at - self.phase) // 5))
            counts = int(published(seen)), int(acknowledged(seen)), int(acknowledged(seen))
            publish, deliver, ack = (meter.read(at, count) for meter, count in zip(meters, counts, strict=True))
            depth = int(published(at)) - int(acknowledged(at)) - int(lost(at))
            found.append(Point(at, max(0, depth), 0, publish, deliver, ack, 0.0))
        return found


def steady(rate: float, begin: float = 40.0, end: float = 10_000.0) -> Cumulated:
    return lambda at: rate * max(0.0, min(at, end) - begin)


def bursts(size: float, moments: list[float]) -> Cumulated:
    return lambda at: size * sum(moment <= at for moment in moments)


def nothing(_: float) -> float:
    return 0.0


POLLS = st.sampled_from([2.0, 5.0, 5.0, 10.0, 30.0])
MOMENTS = st.lists(st.floats(40, 500), min_size=1, max_size=8)
FLOWS = st.one_of(
    st.builds(steady, st.sampled_from([0.3, 3, 40, 800])),
    st.builds(steady, st.sampled_from([5, 200]), st.floats(40, 100), st.floats(110, 400)),
    st.builds(bursts, st.sampled_from([1, 50, 40_000]), MOMENTS),
)


@given(POLLS, st.floats(0, 4.9), FLOWS, st.floats(0.2, 1.0))
def test_nothing_is_claimed_of_a_queue_that_lost_nothing(every: float, phase: float, published: Cumulated, share: float) -> None:
    found = balance_of(Simulated(every, phase, every / 20).points(published, lambda at: share * published(at - 1), nothing, 600)[2:], every)
    assert not found.is_certain, (found.unexplained, found.tolerance)
    assert found.falls == ()


@given(POLLS, st.floats(0, 4.9), FLOWS, st.floats(0.2, 1.0), st.integers(0, 40), st.integers(0, 100), st.integers(1, 12))
def test_nothing_is_claimed_where_counters_begin_late_and_polls_are_missing(
    every: float, phase: float, published: Cumulated, share: float, late: int, gap: int, missed: int
) -> None:
    points = Simulated(every, phase, every / 20).points(published, lambda at: share * published(at - 1), nothing, 600)[2:]
    points = [Point(one.at, one.ready, one.unacknowledged) if number < late else one for number, one in enumerate(points)]
    points = [Point(one.at) if gap <= number < gap + missed else one for number, one in enumerate(points)]
    found = balance_of(points, every)
    assert not found.is_certain, (found.unexplained, found.tolerance)


def test_a_purge_is_unexplained_although_the_first_counters_of_the_queue_are_unknown_and_an_outage_followed() -> None:
    depths = [0.0] * 20 + [4000.0] * 3 + [0.0] * 3
    points = [Point(5.0 * step, depth, 0, *([400.0 if step in (21, 22) else 0.0, 0.0, 0.0, 0.0] if step > 1 else [])) for step, depth in enumerate(depths)]
    after = [Point(400.0 + 5 * step, 0, 0, 0.0, 0.0, 0.0, 0.0) for step in range(10)]
    found = balance_of([*points, Point(130.0), *after], 5)
    assert found.unexplained == 4000 and found.is_certain and found.falls == ()


@given(st.floats(0, 4.9), st.integers(50, 40_000))
def test_a_purge_is_a_fall_of_as_many_as_there_were(phase: float, count: int) -> None:
    published = bursts(count, [62.0])
    found = balance_of(Simulated(5, phase).points(published, nothing, lambda at: count if at >= 203 else 0, 300)[2:], 5)
    (fall,) = found.falls
    assert (fall.left, fall.count, fall.ready_after, fall.at) == (count, count, 0, 205)
    assert {cause.name: cause.verdict for cause in causes_of_fall(fall, Settings({}))} == {
        "purge": POSSIBLE, "expiry": CONDITIONAL, "drop": RULED_OUT, "deletion": RULED_OUT,
    }  # fmt: skip


@given(st.floats(0, 4.9), st.sampled_from([5, 40, 500]))
def test_what_a_queue_at_its_limit_drops_is_unexplained_within_the_tolerance(phase: float, rate: float) -> None:
    published, most = steady(rate), 100
    found = balance_of(Simulated(5, phase).points(published, nothing, lambda at: max(0.0, published(at) - most), 600)[2:], 5)
    assert found.is_certain and found.unexplained is not None
    assert abs(found.unexplained - (published(595) - most)) <= found.tolerance
    verdicts = {cause.name: cause.verdict for cause in causes(found, Settings({"max-length": most}))}
    assert verdicts == {"delivery": RULED_OUT, "expiry": CONDITIONAL, "drop": POSSIBLE}
    verdicts = {cause.name: cause.verdict for cause in causes(found, Settings({"message-ttl": 60_000, "max-length": 5_000}))}
    assert verdicts == {"delivery": RULED_OUT, "expiry": POSSIBLE, "drop": RULED_OUT}


def test_consumers_that_acknowledge_automatically_are_named() -> None:
    points = [Point(5.0 * step, 0, 0, 40.0, 40.0, 0.0, 0.0) for step in range(121)]
    found = balance_of(points, 5)
    assert found.is_certain and causes(found, Settings({}))[0].verdict == POSSIBLE


def test_dead_letters_come_in_without_a_publish() -> None:
    points = [Point(5.0 * step, 10.0 * step, 0, 0.0, 0.0, 0.0, 0.0) for step in range(121)]
    found = balance_of(points, 5)
    assert (found.unexplained, [cause.name for cause in causes(found, Settings({}))]) == (-1200, ["dead-lettering"])


@pytest.mark.parametrize(
    ("points", "unexplained"),
    [
        ([], None),
        ([Point(0.0, 5, 0, 0.0, 0.0, 0.0, 0.0)], None),
        ([Point(0.0, 5, 0), Point(5.0, 0, 0)], None),  # no counters at all
        ([Point(0.0, 5, 0, None, None, None, None), Point(5.0, 5, 0, 1.0, None, None, None)], 5.0),  # nothing was ever acknowledged
        ([Point(0.0, 5, 0, 1.0, 0.0, None, 0.0), Point(5.0, 5, 0, 1.0, 0.0, None, 0.0), Point(10.0, 5, 0, 1.0, 0.0, 3.0, 0.0)], None),
        ([Point(0.0, 5, 0, 1.0, 0.0, 0.0, 0.0), Point(5.0), Point(10.0, 900, 0, 1.0, 0.0, 0.0, 0.0)], None),  # a gap
    ],
)
def test_what_is_unknown_stays_unknown(points: list[Point], unexplained: float | None) -> None:
    assert balance_of(points, 5).unexplained == unexplained


def test_steps_across_a_gap_are_left_out() -> None:
    known = [Point(5.0 * step, 100, 0, 2.0, 0.0, 0.0, 0.0) for step in range(61)]
    later = [Point(600 + 5.0 * step, 9_000, 0, 2.0, 0.0, 0.0, 0.0) for step in range(61)]
    found = balance_of([*known, Point(305.0), *later], 5)
    assert (found.seconds, found.change, found.unexplained) == (600, 0, 1200)


def consumed(deliver: float | None, after: float | None, last: int = 8) -> Balance:
    """100 messages leave at the third poll; what the counters of deliveries show then and later."""
    before = [Point(5.0 * step, 100, 0, 0.0, 0.0 if deliver is not None else None, 0.0 if deliver is not None else None, 0.0) for step in range(3)]
    return balance_of([*before, *(Point(15 + 5.0 * step, 0, 0, 0.0, after, after, 0.0) for step in range(last))], 5)


@pytest.mark.parametrize(
    ("deliver", "after", "last", "fell"),
    [
        (0.0, 0.0, 8, True),
        (0.0, 10.0, 8, False),  # they were delivered
        (0.0, 0.0, 3, False),  # counters may still come
        (None, None, 8, True),  # nothing was ever delivered
        (None, 0.0, 8, False),  # a counter began in between: what it had counted is not known
    ],
)
def test_a_fall_is_claimed_once_it_is_known_that_nothing_was_delivered(deliver: float | None, after: float | None, last: int, fell: bool) -> None:
    assert bool(consumed(deliver, after, last).falls) is fell


def test_counters_that_begin_anew_allow_a_deletion_and_a_lowered_limit_a_drop() -> None:
    before = [Point(5.0 * step, 500, 0, 0.0, 0.0, 0.0, 0.0) for step in range(3)]
    after = [Point(15.0, 100, 0), *(Point(20 + 5.0 * step, 100, 0, 0.0, 0.0, 0.0, 0.0) for step in range(6))]
    (fall,) = balance_of([*before, *after], 5).falls
    verdicts = {cause.name: cause.verdict for cause in causes_of_fall(fall, Settings({"max-length": 100}))}
    assert verdicts == {"purge": RULED_OUT, "expiry": CONDITIONAL, "drop": POSSIBLE, "deletion": POSSIBLE}


def test_settings_that_were_not_recorded_rule_out_nothing() -> None:
    points = [Point(5.0 * step, 100, 0, 2.0, 0.0, 0.0, 0.0) for step in range(121)]
    verdicts = {cause.name: cause.verdict for cause in causes(balance_of(points, 5), Settings(None))}
    assert verdicts == {"delivery": RULED_OUT, "expiry": CONDITIONAL, "drop": CONDITIONAL}
    assert causes(balance_of(points, 5), Settings({}, type="stream")) == []
