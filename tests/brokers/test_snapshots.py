"""The codec of snapshots: what is read back is what was written, in few bytes, quickly."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.snapshots import METRICS, Encoder, UnreadableSnapshot, metric_index, moment_of, numbers, series_of

Row = tuple[float | None, ...]
counts = st.none() | st.integers(0, 2**40)
rates = st.none() | st.integers(0, 10**8).map(lambda hundredths: hundredths / 100)
rows = st.tuples(counts, counts, counts, rates, rates, rates, rates, counts)
polls = st.lists(st.tuples(st.dictionaries(st.integers(1, 40), rows, max_size=8), st.booleans()), min_size=1, max_size=12)
NOTHING: Row = (None,) * 8


def written(steps: list[tuple[dict[int, Row], bool]]) -> list[bytes]:
    encoder = Encoder("queues")
    return [encoder.encode(changed, 5.0, is_key or number == 0) for number, (changed, is_key) in enumerate(steps)]


def known(column: dict[int, Any]) -> dict[int, Any]:
    return {key: value for key, value in column.items() if value is not None}


@given(polls)
def test_every_moment_reads_back_as_it_was_written(steps: list[tuple[dict[int, Row], bool]]) -> None:
    frames, truth = written(steps), {}
    for number, (changed, _) in enumerate(steps):
        truth.update(changed)
        moment = moment_of("queues", frames[: number + 1])
        for place, metric in enumerate(METRICS["queues"]):
            assert known(moment.column(metric.name)) == known({key: row[place] for key, row in truth.items()})


@given(polls, st.lists(st.integers(1, 45), min_size=1, max_size=6, unique=True))
def test_the_series_of_some_objects_is_that_of_the_moments(steps: list[tuple[dict[int, Row], bool]], ids: list[int]) -> None:
    names = ["unacknowledged", "publish_per_second"]
    course, truth = series_of("queues", written(steps), ids, names), {}
    for number, (changed, _) in enumerate(steps):
        truth.update(changed)
        for row, name in enumerate(names):
            place = metric_index("queues", name)
            assert numbers(course.codes[row, :, number], METRICS["queues"][place]) == [truth.get(key, NOTHING)[place] for key in ids]


def test_a_keyframe_needs_nothing_before_it() -> None:
    frames = written([({1: (5, *NOTHING[1:])}, True), ({2: (6, *NOTHING[1:])}, False), ({1: (7, *NOTHING[1:])}, True)])
    assert known(moment_of("queues", frames[2:]).column("ready")) == {1: 7, 2: 6}


def test_an_object_that_is_gone_is_left_out_of_the_next_keyframe() -> None:
    frames = written([({1: (5,) * 8, 2: (6,) * 8}, True), ({1: NOTHING}, False), ({}, True)])
    assert moment_of("queues", frames[:2]).column("ready") == {1: None, 2: 6}
    assert moment_of("queues", frames[2:]).column("ready") == {2: 6}


def test_a_poll_that_changed_nothing_is_a_few_bytes() -> None:
    assert len(written([({1: (5,) * 8}, True), ({}, False)])[1]) < 30


def test_a_count_below_zero_which_brokers_do_report_is_kept() -> None:
    assert moment_of("queues", written([({1: (-1, *(0,) * 7)}, True)])).column("ready") == {1: -1}


def test_large_frames_are_compressed_and_read_back() -> None:
    rows = {key: (key % 7, 0, 1, 24.5, 24.5, 24.5, 0.0, 55296) for key in range(1, 5001)}
    frame = written([(rows, True)])[0]
    assert len(frame) < 1000
    assert moment_of("queues", [frame]).column("publish_per_second")[4999] == 24.5


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x63" + bytes(12), bytes([1, 2]) + bytes(5) + b"no zstd", bytes([1, 1, 0, 0, 0, 0, 8, 9, 0, 0, 0])])
def test_what_is_no_frame_is_refused(damage: bytes) -> None:
    with pytest.raises(UnreadableSnapshot):
        moment_of("queues", [damage])


def test_a_frame_of_an_older_hareline_with_fewer_metrics_reads_as_unknown() -> None:
    frame = Encoder("exchanges").encode({1: (2.0, 3.0)}, 5, True)
    moment = moment_of("queues", [frame])
    assert (moment.column("ready"), moment.column("memory_bytes")) == ({1: 200}, {1: None})


def test_unknown_kinds_and_metrics_are_errors_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="allowed: queues, broker, vhosts, exchanges, nodes, workers"):
        metric_index("dogs", "ready")
    with pytest.raises(ValueError, match="unknown metric 'age' of broker; allowed: ready, "):
        metric_index("broker", "age")


def test_ten_thousand_queues_cost_less_than_a_third_of_a_byte_a_point() -> None:
    dice, encoder = random.Random(1), Encoder("queues")
    queues = {key: [dice.randrange(2000), dice.randrange(50), dice.randrange(5), 10.0, 10.0, 10.0, 0.0, 55296] for key in range(1, 10_001)}
    frames = [encoder.encode(queues, 5, True)]
    for _ in range(59):
        changed = dice.sample(sorted(queues), 1100)
        for key in changed:
            queue = queues[key]
            queue[0], queue[1] = max(0, queue[0] + dice.randrange(-40, 41)), max(0, queue[1] + dice.randrange(-3, 4))
            queue[3] = queue[4] = queue[5] = round(max(0.0, queue[3] + dice.gauss(0, 2)), 1)
        frames.append(encoder.encode({key: queues[key] for key in changed}, 5, False))
    assert sum(map(len, frames)) / (60 * 10_000 * 8) < 0.3
    began = time.process_time()
    moment = moment_of("queues", frames)
    assert time.process_time() - began < 0.2  # 9 ms measured alone; generous, for a busy machine
    assert moment.column("ready")[777] == queues[777][0]
    assert np.array_equal(moment.ids, np.arange(1, 10_001))
