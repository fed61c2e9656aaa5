"""A Celery app whose names nobody can guess, and that speaks a content type of its own alone: in tasks, events, remote control and its answers."""

from __future__ import annotations

import os

from celery import Celery

from tests.workers import team_serializer  # noqa: F401  (registers it)

app = Celery("configured", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    worker_send_task_events=True,
    task_default_queue="team",
    event_exchange="news",
    control_exchange="orders",
    event_queue_prefix="faces",
    accept_content=["team"],
    task_serializer="team",
    event_serializer="team",
    result_serializer="team",
)


@app.task(name="team.add")
def add(one: int, other: int) -> int:
    return one + other
