"""A Celery app with a task of high priority, sent to a queue without priorities."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_default_queue="jobs", broker_connection_retry_on_startup=True, task_ignore_result=True, worker_prefetch_multiplier=1, worker_hijack_root_logger=False
)


@app.task(name="tests.urgent", priority=9)
def urgent(seconds: float) -> None:
    time.sleep(seconds)
