"""The course of one object in blocks: of each keyframe only the block that has it is looked up, and all of them are read at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import zstandard
from django.db import connection, models

from brokers.clock import microseconds
from brokers.database.rows import moment as moment_as
from brokers.database.rows import read_moment
from brokers.queries.readable import if_readable
from brokers.snapshots import Integers, UnreadableSnapshot, courses
from brokers.snapshots.blocks import Block

_AT_ONCE = 200


class BlockOfOne(NamedTuple):
    """A row of a block: the time of its keyframe and of its last frame, its first and last object."""

    at: datetime
    until: datetime
    first_id: int
    last_id: int
    data: bytes


class Course(NamedTuple):
    """The frames of blocks, one block after the other: the time and interval (ms) of each, the codes `[column, frame]`, and how many each block has."""

    microseconds: Integers
    intervals: Integers
    codes: Integers
    sizes: list[int]


def blocks_of_one(
    keyframes: type[models.Model], blocks: type[models.Model], series: Mapping[str, Any], step: int, identifier: int, first: datetime, end: datetime
) -> list[BlockOfOne]:  # fmt: skip
    """Of each packed keyframe from `first` to `end` the block that has the object if any has; else one that has the times. `series`: columns of both tables."""
    same = list(series.values())
    values = [*same, identifier, *same, *same, step, moment_as(first), moment_as(end)]
    found: dict[datetime, BlockOfOne] = {}
    with connection.cursor() as cursor:
        cursor.execute(_statement(keyframes._meta.db_table, blocks._meta.db_table, tuple(series)), values)
        while rows := cursor.fetchmany(_AT_ONCE):
            for at, until, first_id, last_id, data in rows:
                key_at = read_moment(at)
                found[key_at] = BlockOfOne(key_at, read_moment(until), first_id, last_id, bytes(data))
    return list(found.values())


@cache
def _statement(keyframes: str, blocks: str, series: tuple[str, ...]) -> str:
    """A search of the index for each keyframe: a hundred blocks lie between one that has the object and the next."""
    same = " AND ".join(f"one.{name} = %s" for name in series)
    of_keyframe = f"FROM {blocks} AS one WHERE {same} AND one.at = {keyframes}.at"
    before = f"SELECT one.id {of_keyframe} AND one.first_id <= %s ORDER BY one.first_id DESC LIMIT 1"
    any_of_them = f"SELECT one.id {of_keyframe} ORDER BY one.first_id LIMIT 1"
    where = " AND ".join([*(f"{keyframes}.{name} = %s" for name in series), f"{keyframes}.step = %s"])
    within = f"{keyframes}.is_key AND {keyframes}.at >= %s AND {keyframes}.at <= %s ORDER BY {keyframes}.at"
    columns = ", ".join(f"{blocks}.{name}" for name in BlockOfOne._fields)
    return f"SELECT {columns} FROM {keyframes} JOIN {blocks} ON {blocks}.id = coalesce(({before}), ({any_of_them})) WHERE {where} AND {within}"  # noqa: S608


def course_in(rows: Sequence[BlockOfOne], identifier: int, columns: Sequence[int]) -> tuple[list[BlockOfOne], Course | None]:
    """(those of these blocks that can be read, what they hold; None if there are none)."""
    try:
        return [*rows], _course(rows, identifier, columns) if rows else None
    except UnreadableSnapshot:  # each by itself
        found = [row for row in rows if if_readable("blocks", partial(_course, [row], identifier, columns))]
        return found, _course(found, identifier, columns) if found else None


def _course(rows: Sequence[BlockOfOne], identifier: int, columns: Sequence[int]) -> Course:
    decompressor, last = zstandard.ZstdDecompressor(), max(columns, default=0)
    blocks = [Block(row.data, decompressor, last) for row in rows]
    places = [block.place_of(identifier) if row.first_id <= identifier <= row.last_id else None for row, block in zip(rows, blocks, strict=True)]
    sizes = [block.frames for block in blocks]
    times = np.repeat([microseconds(row.at) for row in rows], sizes) + courses.times(blocks)
    return Course(times, courses.intervals(blocks), courses.course(blocks, places, columns), sizes)
