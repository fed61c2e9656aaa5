"""The Celery app of the workers that `script/soak` starts. Its tasks write down themselves when they begin and how they end."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from celery import Celery
from celery.exceptions import Retry

RAN_LOG = "SOAK_RAN_LOG"

app = Celery("soak", broker=os.environ["SOAK_CELERY_BROKER"])
app.conf.update(
    task_default_queue="jobs",
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_acks_late=True,
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
)


def note(request: Any, kind: str) -> None:
    """One line, written at once and whole, whoever else writes."""
    line = json.dumps({"uuid": request.id, "kind": kind, "worker": request.hostname, "at": time.time(), "copies": 1}) + "\n"
    descriptor = os.open(os.environ[RAN_LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@app.task(bind=True)
def work(self: Any, seconds: float) -> None:
    note(self.request, "task-started")
    time.sleep(seconds)
    note(self.request, "task-succeeded")


@app.task(bind=True)
def fail(self: Any, seconds: float) -> None:
    note(self.request, "task-started")
    time.sleep(seconds)
    note(self.request, "task-failed")
    raise ValueError("as planned")


@app.task(bind=True, max_retries=2)
def retry_once(self: Any, seconds: float) -> None:
    note(self.request, "task-started")
    time.sleep(seconds)
    if self.request.retries:
        note(self.request, "task-succeeded")
        return
    try:
        self.retry(countdown=1.0)
    except Retry:
        note(self.request, "task-retried")
        raise
    except Exception:  # the broker is away, so the task fails
        note(self.request, "task-failed")
        raise
