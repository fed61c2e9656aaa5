"""Frames that are not packed yet, kept for a while: the latest ones are in the course of every queue that is shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

import zstandard
from django.db import connection

from brokers.database.rows import read_moment
from brokers.queries.readable import FrameAt, readable
from brokers.snapshots import Frame

MOST_BYTES, MOST_BYTES_OF_ONE = 6_000_000, 131_072
"""As they are stored; in memory they are about three times as large. So the last hour of minutes and the last polls of 10,000 queues are kept."""
_AT_ONCE = 200
_Key = tuple[str, int, datetime, int]


class KeptFrames:
    """Frames by table, primary key, moment and size. What is stored under a primary key never changes, and a new row gets a new one."""

    def __init__(self) -> None:
        self._frames: OrderedDict[_Key, Frame] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: _Key) -> Frame | None:
        with self._lock:
            frame = self._frames.get(key)
            if frame is not None:
                self._frames.move_to_end(key)
            return frame

    def put(self, key: _Key, frame: Frame) -> None:
        if key[-1] > MOST_BYTES_OF_ONE:
            return
        with self._lock:
            if key not in self._frames:
                self._bytes += key[-1]
            self._frames[key] = frame
            while self._bytes > MOST_BYTES:
                oldest, _ = self._frames.popitem(last=False)
                self._bytes -= oldest[-1]

    def clear(self) -> None:
        with self._lock:
            self._frames.clear()
            self._bytes = 0


KEPT = KeptFrames()


def frames_where(table: str, where: str, values: Sequence[Any]) -> list[FrameAt]:
    """The frames of the rows for which a condition holds, in order, but for what can't be read and what needs it. Only those that are not kept are read
    whole."""
    keys = [(table, pk, read_moment(at), size) for pk, at, size in _rows(f"SELECT id, at, length(data) FROM {table} WHERE {where} ORDER BY at, id", values)]  # noqa: S608
    found = [KEPT.get(key) for key in keys]
    missing = [pk for (_, pk, _, _), frame in zip(keys, found, strict=True) if frame is None]
    data: dict[int, bytes] = {}
    for begin in range(0, len(missing), _AT_ONCE):
        some = missing[begin : begin + _AT_ONCE]
        data |= {pk: bytes(one) for pk, one in _rows(f"SELECT id, data FROM {table} WHERE id IN ({', '.join(['%s'] * len(some))})", some)}  # noqa: S608
    if len(data) < len(missing) or not all(data.values()):  # deleted meanwhile, or emptied as it was packed: what follows them may need them
        return _read_whole(table, where, values)
    decompressor = zstandard.ZstdDecompressor()

    def read(key: _Key, kept: Frame | None) -> Frame:
        if kept is None:
            kept = Frame(data[key[1]], decompressor)
            KEPT.put(key, kept)
        return kept

    return readable(table, ((key[2], partial(read, key, kept)) for key, kept in zip(keys, found, strict=True)))


def _read_whole(table: str, where: str, values: Sequence[Any]) -> list[FrameAt]:
    decompressor = zstandard.ZstdDecompressor()
    rows = _rows(f"SELECT at, data FROM {table} WHERE {where} ORDER BY at, id", values)  # noqa: S608
    return readable(table, ((read_moment(at), partial(Frame, bytes(data), decompressor)) for at, data in rows))


def _rows(statement: str, values: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall())
