"""Message bodies as Celery's workers send them: `task.multi` lists of 1 to 5 events, the life of a task in three. Standard library only."""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from typing import Any

EVENTS_A_TASK = 3
NAMES = [f"shop.{part}.{verb}" for part in ("orders", "mail", "reports", "stock") for verb in ("pay", "send", "render", "check", "sync")]
_MARK, _KEY = b"ffffffff-", re.compile(rb'"[0-9a-f]{8}-(?=[0-9a-f]{4}-4)')
_ID = re.compile(rb'"uuid": "([0-9a-f-]{36})"')
HOSTS = [f"w{number}@node{number % 5}" for number in range(20)]


def bodies(tasks: int, rng: random.Random, first_at: float | None = None) -> list[bytes]:
    """The messages of so many tasks, 10,000 tasks a second, in the order of their events."""
    began = time.time() - tasks * 1e-4 - 1 if first_at is None else first_at
    events = sorted((event for number in range(tasks) for event in _life(rng, began + number * 1e-4)), key=lambda event: event["timestamp"])
    found, place = [], 0
    while place < len(events):
        taken = events[place : place + rng.choice((1, 1, 1, 1, 2, 2, 3, 5))]
        place += len(taken)
        found.append(json.dumps(taken if len(taken) > 1 else taken[0]).encode())
    return found


def templates(tasks: int, rng: random.Random) -> list[bytes]:
    """As `bodies`, with the same beginning of all ids, which `numbered` replaces: messages that cost nearly nothing to make."""
    return [_KEY.sub(b'"' + _MARK, body) for body in bodies(tasks, rng)]


def numbered(made: list[bytes], number: int) -> list[bytes]:
    """Messages of other tasks for each number, in which everything but the ids is the same."""
    mark = b"%08x-" % number
    return [body.replace(_MARK, mark) for body in made]


def task_ids(made: list[bytes]) -> set[str]:
    """Of all tasks in messages of `bodies` or `numbered`."""
    return {found.decode() for body in made for found in _ID.findall(body)}


def _life(rng: random.Random, at: float) -> list[dict[str, Any]]:
    key = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    same = {"hostname": rng.choice(HOSTS), "utcoffset": 0, "pid": 7, "clock": int(at), "uuid": key}
    received = {
        "name": rng.choice(NAMES),
        "args": f"({rng.randrange(10**6)}, 'customer-{rng.randrange(5000)}')",
        "kwargs": "{'currency': 'EUR', 'retry': False}",
        "root_id": key,
        "parent_id": None,
        "retries": 0,
        "eta": None,
        "expires": None,
    }
    ended: dict[str, Any] = {"type": "task-succeeded", "result": "{'ok': True}", "runtime": 0.29}
    if rng.random() < 0.03:
        ended = {"type": "task-failed", "exception": "ValueError('no such order')", "traceback": "Traceback (most recent call last):\n" + "  File x\n" * 20}
    return [
        {**same, "type": "task-received", **received, "timestamp": at},
        {**same, "type": "task-started", "timestamp": at + 0.01},
        {**same, **ended, "timestamp": at + 0.3},
    ]
