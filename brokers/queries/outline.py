"""What history has of a kind of objects, in one query: from where its polls are read, what of them is packed, and how far each tier reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db import connection

from brokers.database.rows import moment, read_moment
from brokers.models import Rollup, Snapshot, SnapshotBlock
from brokers.rollups import STEPS
from brokers.snapshots import RAW_STEP
from brokers.tiers import Reach


class Outline(NamedTuple):
    """`base` is the keyframe from which the polls are read: the last one at or before the start, or else the first up to the end. `rollups`: {step: (first
    beginning, last beginning)}."""

    base: datetime | None
    first_keyframe: datetime | None
    last_block: datetime | None
    rollups: Mapping[int, tuple[datetime, datetime]]

    @property
    def is_packed(self) -> bool:
        """True if some of what follows the base is in blocks."""
        return self.base is not None and self.last_block is not None and self.last_block >= self.base

    @property
    def reaches(self) -> list[Reach]:
        """From when until when each tier has anything, the finest first; of the polls, which are still coming, without an end."""
        polls = [] if self.first_keyframe is None else [Reach(RAW_STEP, self.first_keyframe.timestamp(), math.inf)]
        return polls + [Reach(step, first.timestamp(), last.timestamp() + step) for step, (first, last) in self.rollups.items()]


def outline(broker_id: int, kind: str, start: datetime, end: datetime) -> Outline:
    values: list[Any] = [broker_id, kind, moment(start), *[broker_id, kind] * (2 + 2 * len(STEPS))]
    with connection.cursor() as cursor:
        cursor.execute(_statement(), values)
        before, first, last_block, *reaches = (at and read_moment(at) for at in cursor.fetchone())
    base = before or (first if first is not None and first <= end else None)
    pairs = zip(STEPS, reaches[::2], reaches[1::2], strict=True)
    return Outline(base, first, last_block, {step: (begin, last) for step, begin, last in pairs if begin is not None and last is not None})


@cache
def _statement() -> str:
    """The last keyframe at or before a moment, the first one, the last block, and of each rollup's step the first and the last interval. Written out: Django
    takes longer to build it than all of a queue's last hour takes to read."""
    snapshots, blocks, rollups = (model._meta.db_table for model in (Snapshot, SnapshotBlock, Rollup))
    keys = f"FROM {snapshots} WHERE broker_id = %s AND kind = %s AND step = {RAW_STEP} AND is_key"
    of_steps = [f"FROM {rollups} WHERE broker_id = %s AND kind = %s AND step = {step}" for step in STEPS]
    found = [f"SELECT at {keys} AND at <= %s ORDER BY at DESC", f"SELECT at {keys} ORDER BY at"]
    found.append(f"SELECT at FROM {blocks} WHERE broker_id = %s AND kind = %s ORDER BY at DESC")  # noqa: S608  (names of our own models, as above)
    found += [f"SELECT at {of_step} ORDER BY at{order}" for of_step in of_steps for order in ("", " DESC")]
    return f"SELECT {', '.join(f'({one} LIMIT 1)' for one in found)}"
