"""A Celery app whose queue is a quorum queue."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_default_queue="jobs",
    task_default_queue_type="quorum",
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
)


@app.task(name="tests.workers.celery_app.add")
def add(x: int, y: int) -> int:
    return x + y
