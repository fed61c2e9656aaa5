"""The Celery app of the workers that tests start."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery
from celery.exceptions import Reject

from workers.demo import taken_log

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_default_queue="jobs",
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)
taken_log.start()


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def rest(seconds: float) -> None:
    time.sleep(seconds)


@app.task
def fail() -> None:
    raise ValueError("as requested")


@app.task(bind=True, max_retries=1)
def fail_twice(self: object) -> None:
    try:
        raise OSError("the warehouse does not answer")
    except OSError as error:
        raise self.retry(exc=error, countdown=0.2) from error  # type: ignore[attr-defined]


@app.task(acks_late=True)
def refuse() -> None:
    raise Reject("not mine", requeue=False)


@app.task
def log_and_rest(path: str, seconds: float) -> None:
    """Notes that it runs, then holds its slot."""
    with Path(path).open("a", encoding="utf-8") as log:
        log.write("ran\n")
    time.sleep(seconds)


@app.task(bind=True, max_retries=1)
def note_run(self: object, path: str, seconds: float, outcome: str, countdown: float = 0.0) -> None:
    """Notes when it began and ended, then ends as requested: "succeeded", "failed", or "retried", which succeeds at the second try."""
    begun_at = time.time()
    time.sleep(seconds)
    request = self.request  # type: ignore[attr-defined]
    outcome = "succeeded" if request.retries else outcome
    with Path(path).open("a", encoding="utf-8") as log:
        log.write(f"{request.id} {outcome} {begun_at} {time.time()}\n")
    if outcome == "failed":
        raise ValueError("as requested")
    if outcome == "retried":
        raise self.retry(countdown=countdown)  # type: ignore[attr-defined]
