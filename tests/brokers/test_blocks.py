"""Blocks: the polls after a keyframe written anew object by object are the same polls, for each object and for each moment."""

from __future__ import annotations

import random
import struct
import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brokers.snapshots import METRICS, Encoder, UnreadableSnapshot, series_of
from brokers.snapshots.block_writing import OBJECTS, blocks_of
from brokers.snapshots.blocks import Block
from brokers.snapshots.codes import column, zigzag
from brokers.snapshots.courses import codes_at, course, courses_of, intervals, times
from tests.brokers.test_snapshots import rows

polls = st.lists(st.dictionaries(st.integers(1, 3 * OBJECTS), rows, max_size=8), min_size=2, max_size=10)
NAMES = [metric.name for metric in METRICS["queues"]]


def encoded(course: list[dict[int, tuple[float | None, ...]]]) -> list[tuple[int, bytes]]:
    encoder = Encoder("queues")
    return [(7 + number * 5_000_001, encoder.encode(changed, 5.0, number == 0)) for number, changed in enumerate(course)]


UNKNOWN = (None,) * len(NAMES)


@given(polls)
@example([{1: UNKNOWN, 2: (*UNKNOWN[:-2], 0.0, None)}, {1: (*UNKNOWN[:-1], 0), 2: UNKNOWN}])  # each change of a metric leads to unknown
@example([dict.fromkeys(range(1, 9), (5.0, *UNKNOWN[1:])), dict.fromkeys(range(1, 9), UNKNOWN)])
def test_every_object_and_every_moment_is_as_the_polls_had_it(course: list[dict[int, tuple[float | None, ...]]]) -> None:
    frames = encoded(course)
    blocks = [Block(packed.data, zstandard.ZstdDecompressor()) for packed in blocks_of(len(NAMES), frames)]
    ids = [int(key) for block in blocks for key in block.ids]
    assert ids == sorted({key for changed in course for key, row in changed.items() if any(number is not None for number in row)})
    expected = series_of("queues", [data for _, data in frames], ids, NAMES).codes
    metrics = range(len(NAMES))
    for part in ([*range(len(ids))], [*range(0, len(ids), 3)], [*range(len(ids))][:1], []):  # many of a block, some, one and none
        wanted = np.array([*(ids[place] for place in part), 4 * OBJECTS], np.int64)
        found = courses_of(blocks, wanted, metrics) if blocks else np.zeros((len(metrics), 1, len(frames)))
        assert np.array_equal(found[:, :-1], expected[:, part]) and not found[:, -1].any()
    for number in range(len(frames)):
        assert not blocks or np.array_equal(codes_at(blocks, range(len(NAMES)), number), expected[..., number])
    for block in blocks:
        assert block.times.tolist() == [at - 7 for at, _ in frames] and set(block.intervals.tolist()) == {5000}


def test_a_block_says_which_objects_it_has() -> None:
    packed = blocks_of(len(NAMES), encoded([{key: (1, *[None] * 7) for key in range(1, OBJECTS + 2)}, {}]))
    assert [(one.first_id, one.last_id) for one in packed] == [(1, OBJECTS), (OBJECTS + 1, OBJECTS + 1)]


def test_polls_without_any_object_have_no_block() -> None:
    assert blocks_of(len(NAMES), encoded([{}, {}])) == []


def test_a_metric_that_came_later_is_none() -> None:
    encoder = Encoder("exchanges")
    frames = [(0, encoder.encode({1: (2.0, 3.0)}, 5, True)), (5, encoder.encode({1: (4.0, 3.0)}, 5, False))]
    (packed,) = blocks_of(len(NAMES), frames)
    block = Block(packed.data, zstandard.ZstdDecompressor())
    assert courses_of([block], np.array([1]), (0, 1, 7)).tolist() == [[[201, 401]], [[301, 301]], [[0, 0]]]
    assert codes_at([block], (0, 1, 7), 1).tolist() == [[401], [301], [0]]


def test_one_object_is_read_over_all_keyframes_and_with_no_more_metrics_than_are_wanted() -> None:
    dice, blocks, expected = random.Random(4), list[Block](), list[np.ndarray]()
    places: list[int | None] = []
    for keyframe in range(6):
        first = {key: (dice.randrange(900), 3, 1, 10.0, 10.0, 10.0, 0.0, 55_296) for key in range(1, 300) if key != 7 or keyframe not in (2, 3)}
        course_of = [first, *({key: (dice.randrange(900), key % 5, 1, dice.randrange(99) / 5, 9.0, 9.0, None, dice.randrange(9) * 2**20)
                              for key in range(1, 300 if keyframe % 2 else 6)} for _ in range(9))]  # fmt: skip
        frames = encoded(course_of)
        packed = blocks_of(len(NAMES), frames)[0].data
        blocks.append(Block(packed, zstandard.ZstdDecompressor(), 3))
        whole = Block(packed, zstandard.ZstdDecompressor())
        places.append(blocks[-1].place_of(7) if keyframe != 3 else None)
        expected.append(series_of("queues", [data for _, data in frames], [7], NAMES).codes[:4, 0] * (keyframe != 3))
        assert np.array_equal(courses_of([whole], np.array([7]), range(4))[:, 0], series_of("queues", [data for _, data in frames], [7], NAMES).codes[:4, 0])
    assert places[2] is None or not expected[2][:, 0].any()
    assert np.array_equal(course(blocks, places, range(4)), np.concatenate(expected, axis=1))
    assert times(blocks).tolist() == [number * 5_000_001 for number in range(10)] * 6 and intervals(blocks).tolist() == [5000] * 60


def spelled(version: int, data: bytes) -> bytes:
    """A block of one of the formats before, of the same numbers."""
    block = Block(data, zstandard.ZstdDecompressor())
    metrics, keys = range(block.metrics), block.ids
    codes = courses_of([block], keys, metrics)
    differences = np.diff(codes, axis=-1)
    changed = [np.flatnonzero(differences[:, place].any(axis=0)) for place in range(len(keys))]
    moved = [np.concatenate([differences[metric, place, numbers] for place, numbers in enumerate(changed)]) for metric in metrics]
    units = [int(np.gcd.reduce(one)) if version == 4 and len(one) else 1 for one in moved]
    units = [unit if 0 < unit < 2**32 else 1 for unit in units]
    columns = [
        np.diff(block.times, prepend=0), block.intervals, np.diff(keys, prepend=0), *zigzag(codes[..., 0]), np.array([len(one) for one in changed]),
        np.concatenate([np.diff(one + 1, prepend=0) for one in changed]), *(zigzag(one // unit) for one, unit in zip(moved, units, strict=True)),
    ]  # fmt: skip
    head = struct.pack("<IIB", len(keys), block.frames, block.metrics) + (np.array(units, "<u4").tobytes() if version == 4 else b"")
    return bytes([version]) + zstandard.compress(head + b"".join(map(column, columns)))


@pytest.mark.parametrize("version", [3, 4])
@given(polls)
@example([{}, {1: (None, None, None, None, None, None, None, 4_294_967_295)}])  # a unit that takes more than 32 bits
def test_blocks_of_the_formats_before_are_read(version: int, course_of: list[dict[int, tuple[float | None, ...]]]) -> None:
    metrics, new = range(len(NAMES)), [Block(one.data, zstandard.ZstdDecompressor()) for one in blocks_of(len(NAMES), encoded(course_of))]
    old = [Block(spelled(version, one.data), zstandard.ZstdDecompressor(), 1) for one in blocks_of(len(NAMES), encoded(course_of))]
    for ours, theirs in zip(new, old, strict=True):
        ids = ours.ids
        assert theirs.ids.tolist() == ids.tolist() and theirs.times.tolist() == ours.times.tolist()
        assert np.array_equal(courses_of([theirs], ids, metrics), courses_of([ours], ids, metrics))
        both = course([theirs, ours], [0, 0], metrics)
        assert np.array_equal(both[:, : ours.frames], both[:, ours.frames :])
    for number in range(len(course_of)):
        assert not new or np.array_equal(codes_at(old, metrics, number), codes_at(new, metrics, number))


def test_a_block_of_the_format_before_units_is_read_as_it_was_written() -> None:
    body = struct.pack("<IIB", 2, 3, 2) + bytes.fromhex("03 004141 004b4b 00004c 02 888888 131313 01 0103 01 0c04 01 1406 01 0101 01 0102 01 5028 00")
    blocks = [Block(b"\x03" + zstandard.compress(body), zstandard.ZstdDecompressor())]
    assert courses_of(blocks, np.array([1, 4]), (0, 1)).tolist() == [[[6, 46, 46], [2, 2, 22]], [[10] * 3, [3] * 3]]
    assert codes_at(blocks, (0, 1), 2).tolist() == [[46, 22], [10, 3]]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x01",
        b"\x04",
        b"\x05",
        b"\x04no zstd",
        b"\x05no zstd",
        *(bytes([version]) + zstandard.compress(b"\x09\x00") for version in (3, 4, 5)),
        b"\x05" + zstandard.compress(bytes(14)),
        b"\x63" + bytes(9),
    ],
)
def test_what_is_no_block_is_refused(damage: bytes) -> None:
    with pytest.raises(UnreadableSnapshot):
        Block(damage, zstandard.ZstdDecompressor())


def test_blocks_are_hardly_larger_than_the_polls() -> None:
    dice, course = random.Random(1), [{key: (key % 900, 3, 1, 10.0, 10.0, 10.0, 0.0, 55_296) for key in range(1, 5001)}]
    course += [
        {key: (dice.randrange(900), 3, 1, dice.randrange(99) / 10, 10.0, 10.0, 0.0, 55_296) for key in dice.sample(range(1, 5001), 500)} for _ in range(59)
    ]
    frames = encoded(course)
    assert sum(len(one.data) for one in blocks_of(len(NAMES), frames)) < 1.15 * sum(len(data) for _, data in frames)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_block_is_refused_or_read_and_takes_no_more_memory(data: st.DataObject) -> None:
    dice = random.Random(3)
    rows_of = [{key: (dice.randrange(900), key % 9, 1, dice.randrange(99) / 5, 9.0, 9.0, None, 5) for key in range(1, 60)} for _ in range(9)]
    (packed,) = blocks_of(len(NAMES), encoded(rows_of))
    body = bytearray(zstandard.ZstdDecompressor().decompressobj().decompress(packed.data[1:]))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, min(len(body) - 1, data.draw(st.sampled_from([90, 400, 10_000])))))] = data.draw(st.integers(0, 255))
    damaged = bytes([5]) + zstandard.compress(bytes(body))
    tracemalloc.start()
    try:
        block = Block(damaged, zstandard.ZstdDecompressor())
        course([block], [block.place_of(7)], range(len(NAMES)))
        courses_of([block], np.arange(1, 99), range(len(NAMES)))
        codes_at([block], range(len(NAMES)), 4), times([block])
    except UnreadableSnapshot:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 2**30
