"""Rolling up: what each number of each object was over intervals of a minute or ten, worked out from the frames of polls.

Pure. A number counts from the poll that recorded it until the next one, at most as long as three polls take; from a poll that failed on nothing is known.
So an object that appeared or was deleted within an interval is known for a part of it, and is None before and after, never 0. Times are whole milliseconds
since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import zstandard

from brokers.snapshots import METRICS, STEPS_TO_A_GAP, Frame, Integers, Moment
from brokers.snapshots.rollups import PARTS, TENTHS, finer, rolled_metrics, signed_codes, values_of, with_depth

STEPS = (60, 600)
"""Rollup.step of the tiers of history beside the raw one, in seconds."""
_HIGHEST = np.iinfo(np.int64).max
_LOWEST = np.iinfo(np.int64).min


class RolledUp(NamedTuple):
    """An interval from `begin` on: `ids` ascending, `codes[column, object]` as `snapshots.rollups.columns` has them."""

    begin: int
    ids: Integers
    codes: Integers


def roll_up(kind: str, frames: Iterable[tuple[int, bytes]], begin: int, end: int, step: int) -> Iterator[RolledUp]:
    """The intervals of `step` milliseconds from `begin` to `end` of which anything is known, in order.

    `frames` (time, frame) begin with the last keyframe at or before `begin`, if there is one. Raises UnreadableSnapshot.
    """
    moment, sums, decompressor = Moment(METRICS[kind]), _Sums(kind), zstandard.ZstdDecompressor()
    start = since = begin
    holds_until = 0  # so long the moment's numbers count if nothing follows
    for at, data in chain(frames, [(end, b"")]):
        limit = min(at, end)
        while since < limit:
            boundary = start + step
            until = min(limit, boundary)
            sums.add(moment, min(until, holds_until) - since)
            since = until
            if until == boundary:
                if sums.is_known:
                    yield RolledUp(start, *sums.result(moment if holds_until >= boundary else None))
                sums, start = _Sums(kind), boundary
        if at >= end:
            return
        frame = Frame(data, decompressor)
        moment.apply(frame)
        holds_until = at if frame.is_gap else at + round(STEPS_TO_A_GAP * frame.interval_seconds * 1000)


class _Sums:
    """What is known so far of an interval, `[metric, object]`."""

    def __init__(self, kind: str) -> None:
        self._kind, shape = kind, (len(rolled_metrics(kind)), 0)
        self._ids = np.empty(0, np.int64)
        self._total = np.empty(shape, np.float64)  # each number times the milliseconds for which it counted
        self._milliseconds, self._lowest, self._highest = (np.empty(shape, np.int64) for _ in range(3))
        self.is_known = False

    def add(self, moment: Moment, milliseconds: int) -> None:
        if milliseconds <= 0 or not len(moment.ids):
            return
        codes, places = with_depth(self._kind, moment.codes), self._places(moment.ids)
        known, values = codes != 0, values_of(codes)
        self.is_known = self.is_known or bool(known.any())
        self._total[:, places] += values * float(milliseconds)
        self._milliseconds[:, places] += known * milliseconds
        self._lowest[:, places] = np.minimum(self._lowest[:, places], np.where(known, values, _HIGHEST))
        self._highest[:, places] = np.maximum(self._highest[:, places], np.where(known, values, _LOWEST))

    def result(self, last: Moment | None) -> tuple[Integers, Integers]:
        """(ids, codes); `last` is what was in force at the end of the interval, if anything was."""
        keep = self._milliseconds.any(axis=0)
        ids, milliseconds = self._ids[keep], self._milliseconds[:, keep]
        metrics = rolled_metrics(self._kind)
        fine = np.array([finer(metric) for metric in metrics], np.int64)[:, None]
        known = milliseconds > 0
        average = np.rint(self._total[:, keep] / np.maximum(milliseconds, 1) * fine).astype(np.int64)
        base = average // fine
        ending = np.zeros_like(average)
        if last is not None and len(ids):
            places = np.minimum(np.searchsorted(last.ids, ids), max(len(last.ids) - 1, 0))
            found = last.ids[places] == ids if len(last.ids) else np.zeros(len(ids), np.bool_)
            ending[:, found] = with_depth(self._kind, last.codes)[:, places[found]]
        parts = (
            signed_codes(average, known),
            signed_codes(base - self._lowest[:, keep], known),
            signed_codes(self._highest[:, keep] - base, known),
            signed_codes(values_of(ending) - base, known & (ending != 0)),
            signed_codes(np.rint(milliseconds * TENTHS / 1000).astype(np.int64), known),
        )
        return ids, np.stack(parts, axis=1).reshape(PARTS * len(metrics), len(ids))

    def _places(self, ids: Integers) -> Integers | slice:
        """The columns of these objects; those that are missing are made."""
        if np.array_equal(ids, self._ids):
            return slice(None)
        every = np.union1d(self._ids, ids)
        if len(every) > len(self._ids):
            places, shape = np.searchsorted(every, self._ids), (len(self._total), len(every))
            total, milliseconds = np.zeros(shape, np.float64), np.zeros(shape, np.int64)
            lowest, highest = np.full(shape, _HIGHEST), np.full(shape, _LOWEST)
            for wider, narrow in ((total, self._total), (milliseconds, self._milliseconds), (lowest, self._lowest), (highest, self._highest)):
                wider[:, places] = narrow
            self._ids, self._total, self._milliseconds, self._lowest, self._highest = every, total, milliseconds, lowest, highest
        return np.searchsorted(every, ids)
