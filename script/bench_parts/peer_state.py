"""Events into Celery's `State` or Flower's `EventsState`, with kombu's decoding before: `peer_state.py celery|flower TASKS`. Prints JSON.

Run by the Python of whoever is measured, so it imports nothing of Hareline but its neighbour that makes the messages.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kombu.serialization import loads

from script.bench_parts.rows import private_kilobytes
from script.bench_parts.task_events import bodies


def state(which: str) -> Any:
    """As each makes it by default."""
    if which == "flower":
        import flower.options  # noqa: F401  (defines what EventsState reads)
        from flower.events import EventsState
        from tornado.options import options

        return EventsState(max_tasks_in_memory=options.max_tasks, max_workers_in_memory=options.max_workers)
    from celery.events.state import State

    return State()


def table_milliseconds(keeper: Any, words: str) -> float:
    """What Flower's table of tasks requests for a page, newest first; the median of five."""
    from types import SimpleNamespace

    from flower.utils.tasks import as_dict, iter_tasks

    took = []
    for _ in range(5):
        began = time.perf_counter()
        for _uuid, task in iter_tasks(SimpleNamespace(state=keeper), limit=15, sort_by="-received", search=words):
            as_dict(task)
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[2]


def main() -> None:
    which, tasks = sys.argv[1], int(sys.argv[2])
    keeper = state(which)
    messages = bodies(tasks, random.Random(1))  # noqa: S311  (the same in every run)
    events, began = 0, time.process_time()
    for message in messages:
        decoded = loads(message, "application/json", "utf-8")
        for event in decoded if isinstance(decoded, list) else [decoded]:
            event["local_received"] = time.time()  # EventReceiver adds it
            keeper.event(event)
            events += 1
    found = {"per_second": events / (time.process_time() - began), "megabytes": private_kilobytes() / 1024}
    if which == "flower":
        found |= {"table_ms": table_milliseconds(keeper, ""), "search_ms": table_milliseconds(keeper, "customer-17")}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
