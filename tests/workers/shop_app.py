"""A Celery app with the mistakes that people really make: a route without the module's name, a class that names a queue nobody consumes."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("shop", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_routes={"tasks.*": {"queue": "payments"}},
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task(name="shop.tasks.pay")
def pay() -> None:
    """Does nothing. Somebody thinks that it goes to payments."""


@app.task(name="shop.report", queue="reports")
def report() -> None:
    """Does nothing, and nobody consumes reports."""
