"""Rolling up: each interval has the average, the extremes and the last of what was recorded in it, of nothing more and nothing less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.rollups import roll_up
from brokers.snapshots import METRICS, Encoder, gap_frame
from brokers.snapshots.rollups import RollupEncoder, columns, finer, moment_at_end, rolled_index, rolled_metrics, rolled_series
from tests.brokers.recorded import NAMES, NOTHING, Poll, Row, row, truth

MINUTE = 60_000
counts = st.none() | st.integers(-1, 2**40)
rates = st.none() | st.integers(0, 10**6).map(lambda hundredths: hundredths / 100)
rows = st.just(NOTHING) | st.tuples(counts, counts, counts, rates, rates, rates, rates, counts)
answers = st.dictionaries(st.integers(1, 5), rows, max_size=4)
courses = st.lists(
    st.tuples(st.sampled_from((5000, 5000, 5000, 4321, 14_999, 15_001, 40_000, 200_000)), st.none() | answers, st.booleans()), min_size=1, max_size=30
)


def polled(course: Sequence[tuple[int, dict[int, Row] | None, bool]], start: int = 30_000) -> tuple[list[Poll], list[tuple[int, bytes]]]:
    """The polls of a course (pause, what changed or None, keyframe or not), and their frames."""
    encoder, at, state, polls, frames, needs_key = Encoder("queues"), start, {}, [], [], True
    for pause, changed, is_key in course:
        at += pause
        needs_key = needs_key or pause > 15_000
        if changed is None:
            frames.append((at, gap_frame("queues", 5.0)))
            polls.append(Poll(at, None))
            needs_key = True
        else:
            state = {key: known for key, known in {**state, **changed}.items() if any(number is not None for number in known)}
            frames.append((at, encoder.encode(changed, 5.0, is_key or needs_key)))
            polls.append(Poll(at, state))
            needs_key = False
    return polls, frames


def stored(frames: Sequence[tuple[int, bytes]], begin: int, end: int, step: int = MINUTE) -> list[tuple[int, bytes]]:
    """(beginning, frame) of what is rolled up of them; each third is a keyframe."""
    encoder = RollupEncoder("queues")
    found = list(roll_up("queues", iter(frames), begin, end, step))
    return [(one.begin, encoder.encode(one.ids, one.codes, step // 1000, number % 3 == 0)) for number, one in enumerate(found)]


def tolerance(name: str) -> float:
    metric = rolled_metrics("queues")[rolled_index("queues", name)]
    return 0.51 / metric.scale / finer(metric)


@given(courses)
def test_every_interval_has_what_was_recorded_in_it(course: list[tuple[int, dict[int, Row] | None, bool]]) -> None:
    polls, frames = polled(course)
    end = polls[-1].at // MINUTE * MINUTE
    rolled = stored(frames, 0, end)
    ids = [1, 2, 3, 4, 5, 9]
    series = rolled_series("queues", [data for _, data in rolled], ids, NAMES)
    expected = {begin: found for begin in range(0, end, MINUTE) if (found := truth(polls, begin, begin + MINUTE))}
    assert [begin for begin, _ in rolled] == list(expected)
    for place, found in enumerate(expected.values()):
        ending = moment_at_end("queues", [data for _, data in rolled[place // 3 * 3 : place + 1]])
        for number, name in enumerate(NAMES):
            last = {} if name == "depth" else ending.column(name)
            for column, queue in enumerate(ids):
                average, minimum, maximum, seconds = (float(part[number, column, place]) for part in series)
                one = found.get((queue, name))
                assert last.get(queue) == (one.last if one and name != "depth" else None)
                if one is None:
                    assert np.isnan([average, minimum, maximum]).all() and seconds == 0
                    continue
                assert (minimum, maximum) == (one.minimum, one.maximum)
                assert average == pytest.approx(one.average, abs=tolerance(name), rel=1e-12)
                assert seconds == pytest.approx(one.seconds, abs=0.051)


def one_queue(polls: list[tuple[int, float | None]], end: int = MINUTE) -> list[tuple[float, float, float, float, float | None]]:
    """(average, minimum, maximum, seconds, last) of the number of ready messages in each minute; None in `polls` is a poll that failed."""
    course = [(at, None if ready is None else {1: row(ready)}, False) for at, ready in polls]
    frames = polled([(at - before, changed, key) for (at, changed, key), before in zip(course, [0, *(at for at, _, _ in course)], strict=False)], start=0)[1]
    rolled = stored(frames, 0, end)
    series = rolled_series("queues", [data for _, data in rolled], [1], ["ready"])
    last = [moment_at_end("queues", [data for _, data in rolled[: place + 1]]).column("ready").get(1) for place in range(len(rolled))]
    return [(*(float(part[0, 0, place]) for part in series), last[place]) for place in range(len(rolled))]


def test_a_queue_that_appears_within_a_minute_is_unknown_before_it_and_not_zero() -> None:
    assert one_queue([(at, 8) for at in range(40_000, 60_000, 5000)]) == [(8, 8, 8, 20, 8)]


def test_a_queue_that_is_deleted_within_a_minute_has_no_last_number() -> None:
    course: list[tuple[int, dict[int, Row] | None, bool]] = [(0, {1: row(8), 2: row(1)}, True), (5000, {1: NOTHING}, False), *[(5000, {}, False)] * 11]
    rolled = stored(polled(course, start=0)[1], 0, MINUTE)
    series = rolled_series("queues", [data for _, data in rolled], [1, 2], ["ready"])
    assert (series.average[0, 0, 0], series.seconds[0, 0, 0]) == (8, 5)
    assert moment_at_end("queues", [rolled[0][1]]).column("ready") == {1: None, 2: 1}


def test_a_poll_that_failed_ends_what_is_known_and_the_next_answer_begins_it_again() -> None:
    polls: list[tuple[int, float | None]] = [(at, 4) for at in range(0, 30_000, 5000)]
    assert one_queue([*polls, (30_000, None), (50_000, 10), (55_000, 10)]) == [(5.5, 4, 10, 40, 10)]
    assert one_queue([*polls, (30_000, None)]) == [(4, 4, 4, 30, None)]


def test_what_is_not_followed_counts_as_long_as_three_polls_take() -> None:
    assert one_queue([(40_000, 3)], end=2 * MINUTE) == [(3, 3, 3, 15, None)]
    assert one_queue([(50_000, 3)], end=2 * MINUTE) == [(3, 3, 3, 10, 3), (3, 3, 3, 5, None)]


def test_a_minute_of_which_nothing_is_known_has_no_frame() -> None:
    assert one_queue([(0, 1), (5000, None), (200_000, 2)], end=5 * MINUTE) == [(1, 1, 1, 5, None), (2, 2, 2, 15, None)]


def test_the_least_depth_is_not_the_sum_of_what_was_least() -> None:
    course: list[tuple[int, dict[int, Row] | None, bool]] = [(5000, {1: row(*((9, 0), (0, 9))[number % 2])}, False) for number in range(12)]
    series = rolled_series("queues", [data for _, data in stored(polled(course, start=-5000)[1], 0, MINUTE)], [1], ["depth", "ready", "unacknowledged"])
    assert series.minimum[:, 0, 0].tolist() == [9, 0, 0]
    assert series.maximum[:, 0, 0].tolist() == [9, 9, 9]


def test_queues_that_rest_cost_nothing_in_the_frames_between_keyframes() -> None:
    known = {key: row(key, rate=2.5) for key in range(1, 1001)}
    course: list[tuple[int, dict[int, Row] | None, bool]] = [(5000, known if number == 0 else {}, False) for number in range(37)]
    rolled = stored(polled(course, start=-5000)[1], 0, 3 * MINUTE)
    assert [len(data) < 100 for _, data in rolled] == [False, True, True]


def test_a_rollup_of_fewer_metrics_reads_as_unknown_in_those_that_came_later() -> None:
    one = next(roll_up("exchanges", [(0, Encoder("exchanges").encode({7: (1.5, 2.5)}, 60.0, True))], 0, MINUTE, MINUTE))
    shorter = RollupEncoder("exchanges").encode(one.ids, one.codes[:5], 60, True)
    series = rolled_series("exchanges", [shorter], [7], ["publish_in_per_second", "publish_out_per_second"])
    assert series.average[0, 0].tolist() == [1.5] and np.isnan(series.average[1, 0]).all()


def test_all_kinds_can_be_rolled_up() -> None:
    assert all(len(columns(kind)) == 5 * len(rolled_metrics(kind)) < 256 for kind in METRICS)
    with pytest.raises(ValueError, match="unknown metric 'age' of exchanges; allowed: publish_in"):
        rolled_index("exchanges", "age")
