"""The sketch of durations: its error, merging in any order, and that buckets are those of the library."""

from __future__ import annotations

import math

import msgspec
from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore
from hypothesis import given
from hypothesis import strategies as st

from workers.duration_sketch import RELATIVE_ERROR, DurationSketch, merged

durations = st.floats(1e-5, 1e6)


def sketch_of(seconds: list[float]) -> DurationSketch:
    sketch = DurationSketch()
    for one in seconds:
        sketch.add(one)
    return sketch


@given(st.lists(durations | st.just(0.0), min_size=1, max_size=60), st.sampled_from((0, 50, 95, 99, 100)))
def test_a_percentile_is_off_by_two_percent_at_most(seconds: list[float], percent: int) -> None:
    exact = sorted(seconds)[math.floor(percent / 100 * (len(seconds) - 1))]
    found = sketch_of(seconds).percentile(percent)
    assert found is not None
    assert abs(found - exact) <= exact * RELATIVE_ERROR * 1.0001


@given(st.lists(durations | st.just(0.0), min_size=1, max_size=60))
def test_percentiles_are_those_of_the_library(seconds: list[float]) -> None:
    sketch, store = sketch_of(seconds), DenseStore()
    for bucket in sorted(sketch.buckets):
        store.add(bucket, sketch.buckets[bucket])
    library = BaseDDSketch(LogarithmicMapping(RELATIVE_ERROR), store, DenseStore(), sketch.zeros)
    percents = (0, 1, 50, 95, 99, 100)
    assert sketch.percentiles(percents) == [min(sketch.longest, library.get_quantile_value(percent / 100) or 0.0) for percent in percents]


@given(st.lists(st.lists(durations, max_size=20), max_size=5))
def test_merging_is_the_same_as_adding_everything_to_one(parts: list[list[float]]) -> None:
    whole, together = sketch_of([one for part in parts for one in part]), merged(map(sketch_of, reversed(parts)))
    assert (together.buckets, together.zeros, together.longest) == (whole.buckets, whole.zeros, whole.longest)
    assert together.count == sum(map(len, parts))
    assert math.isclose(together.total, whole.total)


@given(durations)
def test_a_duration_is_in_the_bucket_of_the_library_or_beside_it_on_the_border(seconds: float) -> None:
    (bucket,) = sketch_of([seconds]).buckets
    mapping = LogarithmicMapping(RELATIVE_ERROR)
    assert abs(bucket - mapping.key(seconds)) <= 1
    assert abs(mapping.value(bucket) - seconds) <= seconds * RELATIVE_ERROR * 1.0001


def test_what_is_no_duration_is_left_out_and_a_negative_one_is_zero() -> None:
    sketch = sketch_of([math.inf, math.nan, 1e11, -3.0, 0.0])
    assert (sketch.count, sketch.zeros, sketch.percentile(99), sketch.histogram()) == (2, 2, 0.0, [(0.0, 0.0, 2)])


def test_nothing_has_no_percentile_and_no_mean() -> None:
    assert (DurationSketch().percentile(50), DurationSketch().mean, DurationSketch().histogram()) == (None, None, [])


@given(st.lists(durations, min_size=1, max_size=30))
def test_a_histogram_has_every_duration_between_its_bounds(seconds: list[float]) -> None:
    bounds = sketch_of(seconds).histogram()
    assert sum(count for _, _, count in bounds) == len(seconds)
    assert bounds[0][0] <= min(seconds) * 1.0001 and bounds[-1][1] >= max(seconds) * 0.9999


def test_a_sketch_of_one_task_a_second_for_an_hour_takes_few_bytes() -> None:
    sketch = sketch_of([0.05 + 0.001 * (number % 500) for number in range(3600)])
    assert len(msgspec.msgpack.encode(sketch)) < 500
