"""Blocks: the polls after a keyframe written anew object by object are the same polls, for each object and for each moment."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from brokers.snapshots import METRICS, Encoder, UnreadableSnapshot, series_of
from brokers.snapshots.blocks import OBJECTS, Block, blocks_of, codes_at
from tests.brokers.test_snapshots import rows

polls = st.lists(st.dictionaries(st.integers(1, 3 * OBJECTS), rows, max_size=8), min_size=2, max_size=10)
NAMES = [metric.name for metric in METRICS["queues"]]


def encoded(course: list[dict[int, tuple[float | None, ...]]]) -> list[tuple[int, bytes]]:
    encoder = Encoder("queues")
    return [(7 + number * 5_000_001, encoder.encode(changed, 5.0, number == 0)) for number, changed in enumerate(course)]


@given(polls)
def test_every_object_and_every_moment_is_as_the_polls_had_it(course: list[dict[int, tuple[float | None, ...]]]) -> None:
    frames = encoded(course)
    blocks = [Block(packed.data, zstandard.ZstdDecompressor()) for packed in blocks_of(len(NAMES), frames)]
    ids = [int(key) for block in blocks for key in block.ids]
    assert ids == sorted({key for changed in course for key, row in changed.items() if any(number is not None for number in row)})
    expected = series_of("queues", [data for _, data in frames], ids, NAMES).codes
    for at_once in (1, OBJECTS):  # one by one, and many of a block
        parts = [range(first, min(first + at_once, block.objects)) for block in blocks for first in range(0, block.objects, at_once)]
        of = [block for block in blocks for _ in range(0, block.objects, at_once)]
        assert all(block.courses((0, 1), []).shape == (2, 0, block.frames) for block in blocks)
        courses = [block.courses(range(len(NAMES)), part) for block, part in zip(of, parts, strict=True)]
        assert np.array_equal(np.concatenate(courses, axis=1) if courses else np.zeros_like(expected), expected)
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
    assert block.courses((0, 1, 7), [0]).tolist() == [[[201, 401]], [[301, 301]], [[0, 0]]]
    assert codes_at([block], (0, 1, 7), 1).tolist() == [[401], [301], [0]]


def test_blocks_of_the_format_before_units_are_read() -> None:
    (packed,) = blocks_of(2, encoded([{1: (5, 9, *[None] * 6), 4: (1, 2, *[None] * 6)}, {1: (45, 9, *[None] * 6)}, {4: (21, 2, *[None] * 6)}]))
    body = zstandard.decompress(packed.data[1:])
    assert packed.data[:1] == b"\x04" and struct.unpack_from("<II", body, 9) == (20, 1)
    spelled = body[:9] + body[17:-3] + bytes([80, 40, 0])  # without units, differences as they are: zigzag(40), zigzag(20)
    old, new = (Block(data, zstandard.ZstdDecompressor()) for data in (b"\x03" + zstandard.compress(spelled), packed.data))
    assert old.courses((0, 1), [0, 1]).tolist() == new.courses((0, 1), [0, 1]).tolist() == [[[6, 46, 46], [2, 2, 22]], [[10] * 3, [3] * 3]]
    assert codes_at([old], (0, 1), 2).tolist() == codes_at([new], (0, 1), 2).tolist() == [[46, 22], [10, 3]]


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x04", b"\x04no zstd", b"\x04" + zstandard.compress(b"\x09\x00"), b"\x63" + bytes(9)])
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
