"""Bodies that no sane worker sends, but that have been seen on `celeryev`, or may be. Pure.

None of them is in the journal: they must be counted or kept where understood, and change nothing of what others sent.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from script.soak_parts.fleet import Message

FAR_BEFORE = -1_792_000_000_000.0  # seconds: the year -54825
MEGABYTE = 1_000_000


def bodies(prefix: str, now: float, live: list[str], rng: random.Random) -> list[Message]:
    """Everything once. `live` are host names of workers that go on working, and must be seen to."""
    found = [_message(event) for event in _events(prefix, now, live, rng)]
    raw = (
        b"", b"null", b"[]", b"[1, []]", b"{}", b"[" * 100_000, b"\xff\xfe", b"not json", b'{"type": 5, "hostname": {}}', b'{"type": "task-started"',
        b'{"type": "task-started", "hostname": "p@raw", "uuid": "u", "timestamp": 1e999}',
        b'{"type": "task-started", "hostname": "p@raw", "uuid": "u", "timestamp": NaN}',
        b'{"type": "worker-heartbeat", "hostname": "p@raw", "freq": NaN, "processed": 99999999999999999999, "loadavg": "high", "sw_ident": "\\ud800"}',
    )  # fmt: skip
    found += [Message(body, [], []) for body in raw]
    found += [Message(b"\x80\x04N.", [], [], content_type="application/x-python-serialize"), Message(b"{}", [], [], content_type="")]
    return found


def names(prefix: str, first: int, count: int, now: float) -> Iterator[Message]:
    """Events of `count` workers that nobody has seen before, a hundred to a message; every tenth with a task."""
    for start in range(first, first + count, 100):
        events = []
        for number in range(start, min(start + 100, first + count)):
            same = {"hostname": f"n{number}@{prefix}-crowd", "timestamp": now, "utcoffset": 0, "pid": 1, "clock": number}
            events.append({**same, "type": "worker-heartbeat", "freq": 2.0, "active": 0, "processed": 0})
            if number % 10 == 0:
                events.append({**same, "type": "task-received", "uuid": f"odd-{prefix}-{number}", "name": "crowd"})
        yield Message(json.dumps(events).encode(), [], [])


def _events(prefix: str, now: float, live: list[str], rng: random.Random) -> Iterator[Any]:
    key = f"odd-{prefix}-{rng.getrandbits(64):x}"
    stamps: tuple[Any, ...] = (now * 1000, now * 1e6, FAR_BEFORE, -1.0, 0.0, 1e308, -1e308, 4e9, None, "soon", [], True)
    for number, stamp in enumerate(stamps):
        host = f"p{number}@{prefix}-stamps"
        same = {"hostname": host, "pid": 1, "utcoffset": 0, "clock": 1}
        yield {**same, "type": "worker-heartbeat", "timestamp": stamp, "freq": 2.0, "active": 0, "processed": 1}
        for kind in ("task-sent", "task-received", "task-started", "task-succeeded"):
            yield {**same, "type": kind, "timestamp": now, "uuid": f"{key}-{number}", "name": "odd", "runtime": 1.0}
            yield {**same, "type": kind, "timestamp": stamp, "uuid": f"{key}-{number}-stamped", "name": "odd"}
    for host in live:
        yield {"type": "worker-heartbeat", "hostname": host, "timestamp": now * 1000, "utcoffset": 0, "clock": 1, "freq": 2.0}
        yield {"type": "worker-offline", "hostname": host, "timestamp": now + 86_400, "utcoffset": 0, "clock": 2}
        yield {"type": "worker-heartbeat", "hostname": host, "timestamp": now, "freq": -5, "active": -1, "processed": "many", "loadavg": [1e308, "x"]}
    yield from _texts(key, f"p@{prefix}-texts", now)


def _texts(key: str, host: str, now: float) -> Iterator[Any]:
    same = {"hostname": host, "timestamp": now, "pid": 1, "utcoffset": 0, "clock": 1}
    long = "x" * MEGABYTE
    odd: tuple[Any, ...] = (
        "a\x00b",
        "\ud83d",
        long,
        "\u202e\u05de",
        2**70,
        -1,
        1e308,
        {"a": [{"b": None}]},
        [[]],
        True,
        "9999-12-31T23:59:59+14:00",
        "0001-01-01",
    )
    for number, value in enumerate(odd):
        task = {**same, "uuid": f"{key}-text-{number}"}
        texts = dict.fromkeys(("name", "args", "kwargs", "root_id", "parent_id", "eta", "expires", "queue", "exchange", "routing_key", "retries"), value)
        yield {**task, "type": "task-received", **texts}
        yield {**task, "type": "task-sent", **texts}
        yield {**task, "type": "task-failed", "exception": value, "traceback": value}
        yield {**task, "type": "task-succeeded", "result": value, "runtime": value}
        yield {**task, "type": "task-sent", **texts}
        yield {**same, "hostname": f"{str(value)[:400]}@{host}", "type": "worker-heartbeat", "sw_ident": value, "freq": value, "pid": value}
        yield {**task, "uuid": value, "type": "task-started"}
        yield {**task, "type": value}


def _message(event: Any) -> Message:
    return Message(json.dumps(event).encode(), [], [])
