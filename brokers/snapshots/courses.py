"""The numbers in blocks: the course of one object or of some, or all objects at one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from brokers.snapshots.blocks import BASE, INTERVALS, TIMES, Block, joined, signed
from brokers.snapshots.codes import Integers
from brokers.snapshots.frames import UnreadableSnapshot

_FEW = 4
"""So many objects of a block at most are read one by one."""
P = ParamSpec("P")
R = TypeVar("R")


def _readable(read: Callable[P, R]) -> Callable[P, R]:
    """Raises UnreadableSnapshot where columns of a damaged block contradict each other, such as a change in a frame that it has not."""

    @wraps(read)
    def tried(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return read(*arguments, **named)
        except UnreadableSnapshot:
            raise
        except (ValueError, IndexError, OverflowError) as error:
            raise UnreadableSnapshot(f"a damaged block: {error}") from error

    return tried


@_readable
def course(blocks: Sequence[Block], places: Sequence[int | None], metrics: Sequence[int]) -> Integers:
    """The codes of one object over the frames of these blocks, at least one, one after the other: `[metric, frame]`; its place in each block. None (0) where
    it is in none, and in a metric that came later."""
    frames = [block.frames for block in blocks]
    parts = [(0, 0) if place is None else block.changes_of(place) for block, place in zip(blocks, places, strict=True)]
    counts = np.array([end - begin for begin, end in parts])
    ends = np.cumsum(counts)
    numbers = _numbers(joined(blocks, [block.distances for block in blocks], parts), ends, counts)
    starts, first = np.cumsum([0, *frames[:-1]]), np.arange(len(blocks)) + ends - counts  # of each block: its first frame, and its keyframe among the points
    points = np.empty(len(numbers) + len(blocks), np.int64)
    is_change = np.ones(len(points), np.bool_)
    is_change[first] = False
    points[first], points[is_change] = starts, numbers + np.repeat(starts, counts)
    lengths = np.diff(points, append=sum(frames))
    found = np.zeros((len(metrics), sum(frames)), np.int64)
    for row, metric in enumerate(metrics):
        bases = [0 if place is None or metric >= block.metrics else block.base(metric, place) for block, place in zip(blocks, places, strict=True)]
        codes = np.empty(len(points), np.int64)
        codes[first] = bases
        codes[is_change] = _after_changes(blocks, metric, parts, counts, np.array(bases))
        found[row] = np.repeat(codes, lengths)
    return found


@_readable
def times(blocks: Sequence[Block]) -> Integers:
    """Of the frames of these blocks, one after the other: in microseconds after the keyframe of each."""
    passed = np.cumsum(joined(blocks, [TIMES] * len(blocks)).astype(np.int64))
    ends = np.cumsum([block.frames for block in blocks])
    before = np.concatenate(([0], passed[ends[:-1] - 1]))
    return passed - np.repeat(before, [block.frames for block in blocks])


def intervals(blocks: Sequence[Block]) -> npt.NDArray[Any]:
    """Likewise, in ms."""
    return joined(blocks, [INTERVALS] * len(blocks))


def _after_changes(blocks: Sequence[Block], metric: int, parts: Sequence[tuple[int, int]], counts: Integers, bases: Integers) -> Integers:
    """The codes after each of these changes, which are those of one object in each block."""
    there = [block.moves(metric) for block in blocks]
    if not any(there):
        return np.repeat(bases, counts)
    some = [(block, part) for block, part, is_there in zip(blocks, parts, there, strict=True) if is_there]
    stored = joined([block for block, _ in some], [block.changes(metric) for block, _ in some], [part for _, part in some])
    found = np.zeros(int(counts.sum()), stored.dtype)
    found[np.repeat(there, counts)] = stored
    units = np.repeat([block.units[metric] if is_there else 1 for block, is_there in zip(blocks, there, strict=True)], counts)
    has_values = [is_there and bool(block.has_values[metric]) for block, is_there in zip(blocks, there, strict=True)]
    if all(has_values):
        return _values(found, units)
    differences = signed(found).astype(np.int64) * units
    of_values = np.repeat(has_values, counts)
    differences[of_values] = 0
    sums = np.concatenate(([0], np.cumsum(differences)))
    ends = np.cumsum(counts)
    codes = sums[1:] + np.repeat(bases - sums[ends - counts], counts)
    return np.where(of_values, _values(found, units), codes) if any(has_values) else codes


def _values(stored: npt.NDArray[Any], units: Integers | int) -> Integers:
    """Codes of values as they are stored."""
    return np.where(stored > 0, (stored.astype(np.int64) - 1) * units + 1, 0)


@_readable
def courses_of(blocks: Sequence[Block], ids: Integers, metrics: Sequence[int]) -> Integers:
    """The codes of these objects over the frames of these blocks, at least one and all of the same frames, `[metric, object, frame]`; None (0) of an object
    that is in none of them."""
    found = np.zeros((len(metrics), len(ids), blocks[0].frames), np.int64)
    for block in blocks:
        there = block.ids
        places = np.minimum(np.searchsorted(there, ids), len(there) - 1)
        known = np.flatnonzero(there[places] == ids)
        if len(known) <= _FEW:
            for position in known.tolist():
                found[:, position] = course([block], [int(places[position])], metrics)
        else:
            found[:, known] = _courses(block, metrics, places[known])
    return found


def _courses(block: Block, metrics: Sequence[int], places: Integers) -> Integers:
    found = np.zeros((len(metrics), len(places), block.frames), np.int64)
    position = np.full(block.objects, -1)
    position[places] = np.arange(len(places))
    counts = block.counts
    of = np.repeat(position, counts)
    wanted = np.flatnonzero(of >= 0)
    of = of[wanted]
    numbers = _numbers(block.column(block.distances), np.cumsum(counts), counts)[wanted]
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    for row, metric in enumerate(metrics):
        if metric >= block.metrics:
            continue
        found[row, :, 0] = base = signed(block.column(BASE + metric)[places])
        if not block.moves(metric):
            continue
        stored = block.column(block.changes(metric))[wanted]
        if block.has_values[metric]:
            codes = _values(stored, block.units[metric])
            before = np.concatenate(([0], codes[:-1]))
            before[begins] = base[of[begins]]
            found[row, of, numbers] = codes - before
        else:
            found[row, of, numbers] = block.units[metric] * signed(stored)
    return np.cumsum(found, axis=-1)


@_readable
def codes_at(blocks: Sequence[Block], metrics: Sequence[int], frame: int) -> Integers:
    """The codes of all objects of these blocks, which are of the same frames, at one of these, `[metric, object]`; None (0) in a metric that came later."""
    there, sizes, of = blocks[0].metrics, [block.objects for block in blocks], len(blocks)
    found = np.zeros((len(metrics), sum(sizes)), np.int64)
    counts = joined(blocks, [BASE + there] * of)
    ends = np.cumsum(counts)
    passed = np.flatnonzero(_numbers(joined(blocks, [BASE + there + 1] * of), ends, counts) <= frame)
    until = np.searchsorted(passed, ends)
    since = np.concatenate(([0], until[:-1]))
    changed = np.flatnonzero(until > since)
    for row, metric in enumerate(metrics):
        if metric >= there:
            continue
        found[row] = signed(joined(blocks, [BASE + metric] * of))
        column = [BASE + there + 2 + metric] * of
        is_there = [block.moves(metric) for block in blocks]
        if not any(is_there):
            continue
        units = np.repeat([block.units[metric] for block in blocks], sizes)
        has_values = np.repeat([bool(block.has_values[metric]) and moves for block, moves in zip(blocks, is_there, strict=True)], sizes)
        if not has_values.all():
            changes = signed(joined(blocks, column, chosen=passed))
            sums = np.zeros(len(changes) + 1, changes.dtype)
            np.cumsum(changes, out=sums[1:])  # of another object's numbers it may overflow, and the difference is right all the same
            found[row] += np.where(has_values, 0, (sums[until] - sums[since]).astype(np.int64) * units)
        if has_values.any():
            those = changed[has_values[changed]]
            found[row, those] = _values(joined(blocks, column, chosen=passed[until[those] - 1]), units[those])
    return found


def _numbers(distances: npt.NDArray[Any], ends: Integers, counts: Integers) -> Integers:
    """The frame of each change, where those of an object are up to its end."""
    passed = np.concatenate(([0], np.cumsum(distances)))
    return passed[1:] - np.repeat(passed[ends - counts], counts)
