"""A Celery app whose settings route: by a table with a secret-looking entry, by a function, and with queues of its own."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from tests.workers.routed_queues import routed_queues

app = Celery("routed", broker=os.environ["TEST_CELERY_BROKER"])


def by_name(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any) -> str | None:
    return "jobs" if name.startswith("late.") else None


app.conf.update(
    task_default_queue="jobs",
    task_queues=routed_queues(),
    task_routes=[{"feed.*": {"queue": "feeds", "routing_key": "feed.new"}}, by_name],
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task(name="feed.load")
def load() -> None:
    """Does nothing."""


@app.task(name="late.load")
def load_late() -> None:
    """Does nothing."""
