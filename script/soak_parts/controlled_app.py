"""The Celery app of worker nodes that get orders: its tasks write down when they ran, in a file that the sender names. For Celery 4.4 and later."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

app = Celery("controlled", broker=os.environ["CONTROLLED_BROKER"])
app.conf.update(
    task_default_queue="jobs",
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_pool_restarts=True,
)
LONGEST_SECONDS = 300


def write(path: str, word: str) -> None:
    with Path(path).open("a") as log:
        log.write(f"{word} {time.time()}\n")


@app.task
def note(path: str) -> None:
    write(path, "ran")


@app.task
def hold(path: str, gate: str) -> None:
    """Runs until there is a file `gate`."""
    write(path, "began")
    until = time.monotonic() + LONGEST_SECONDS
    try:
        while not Path(gate).exists() and time.monotonic() < until:
            time.sleep(0.05)
    except SoftTimeLimitExceeded:
        write(path, "limited")
        raise
    write(path, "ended")
