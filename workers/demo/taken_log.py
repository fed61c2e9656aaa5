"""A worker node's own log of the queue that it took each task from, for comparisons: only the consumer tag of the delivery shows it.

Written where HARELINE_DEMO_TAKEN_LOG names a file: one line a receipt, "uuid<tab>queue<tab>seconds since 1970".
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery.signals import task_received

VARIABLE = "HARELINE_DEMO_TAKEN_LOG"


def start() -> None:
    """Begins to write if the environment is set for it."""
    path = os.environ.get(VARIABLE)
    if path:
        task_received.connect(_Log(Path(path)).note, weak=False)


class _Log:
    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, sender: Any = None, request: Any = None, **_: Any) -> None:
        """`sender` is the worker's consumer."""
        tag = request.message.delivery_info["consumer_tag"]
        queue = {each: name for name, each in sender.task_consumer._active_tags.items()}[tag]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{request.id}\t{queue}\t{time.time():.6f}\n")
