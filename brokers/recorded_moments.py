"""Snapshots as one moment after the other, each with the numbers of all objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import zstandard

from brokers.snapshots import METRICS, Frame, Integers, Moment
from brokers.snapshots.blocks import Block
from brokers.snapshots.courses import codes_at


class RecordedMoment(NamedTuple):
    """`codes[metric, object]` of `ids`, as `brokers.snapshots` has them; they hold until the next moment is read. `is_gap`: nothing is known."""

    at: datetime
    interval_seconds: float
    is_gap: bool
    ids: Integers
    codes: Integers


def moments_of(kind: str, frames: Iterable[tuple[datetime, bytes]], packed: Mapping[datetime, Sequence[bytes]] | None = None) -> Iterator[RecordedMoment]:
    """The moments of frames that begin with a keyframe; where what follows a keyframe is packed, of its blocks: `packed`, by the keyframe's moment. Raises
    UnreadableSnapshot."""
    moment, decompressor = Moment(METRICS[kind]), zstandard.ZstdDecompressor()
    blocks: Sequence[bytes] = ()
    for at, data in frames:
        frame = Frame(data, decompressor)
        if frame.is_key:
            blocks = (packed or {}).get(at, ())
            yield from _unpacked(kind, at, [Block(block, decompressor) for block in blocks])
        if not blocks:
            moment.apply(frame)
            yield RecordedMoment(at, frame.interval_seconds, frame.is_gap, moment.ids, moment.codes)


def _unpacked(kind: str, key_at: datetime, blocks: Sequence[Block]) -> Iterator[RecordedMoment]:
    if not blocks:
        return
    ids = np.concatenate([block.ids for block in blocks])
    metrics = range(len(METRICS[kind]))
    for number, (microseconds, interval_ms) in enumerate(zip(blocks[0].times.tolist(), blocks[0].intervals.tolist(), strict=True)):
        yield RecordedMoment(key_at + timedelta(microseconds=microseconds), interval_ms / 1000, False, ids, codes_at(blocks, metrics, number))
