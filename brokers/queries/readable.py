"""What of the recorded history can be read: the rest is missing, with a line in the log, and hides nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import zstandard

from brokers import unreadable
from brokers.snapshots import Frame, Integers, UnreadableSnapshot
from brokers.snapshots.blocks import Block
from brokers.snapshots.courses import courses_of

T = TypeVar("T")


class FrameAt(NamedTuple):
    """A frame not to be changed, and its moment."""

    at: datetime
    frame: Frame


def readable(table: str, rows: Iterable[tuple[datetime, Callable[[], Frame]]]) -> list[FrameAt]:
    """The frames of a table's rows, which begin with a keyframe, but for those that can't be read and, up to the next keyframe, those that need them."""
    found, is_whole = list[FrameAt](), True
    for at, read in rows:
        frame = if_readable(table, read)
        is_whole = frame is not None and (is_whole or frame.is_key)
        if frame is not None and is_whole:
            found.append(FrameAt(at, frame))
    return found


def if_readable(table: str, read: Callable[[], T]) -> T | None:
    """What was read; None where it can't be."""
    try:
        return read()
    except UnreadableSnapshot as error:
        unreadable.warn("history_could_not_be_read", table=table, reason=str(error))
        return None


def courses_in(table: str, stored: Sequence[bytes], wanted: Integers, columns: Sequence[int]) -> tuple[Block, Integers] | None:
    """(one of these blocks of the same frames, the codes of these objects in all of them, `[metric, object, frame]`); None if one can't be read."""

    def read() -> tuple[Block, Integers]:
        decompressor = zstandard.ZstdDecompressor()
        blocks = [Block(data, decompressor) for data in stored]
        return blocks[0], courses_of(blocks, wanted, columns)

    return if_readable(table, read)
