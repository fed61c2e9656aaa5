"""A Celery app with something to find out about it: a task that calls others, tasks that fail at two places, and periodic ones."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import Celery
from celery.schedules import crontab
from kombu import Exchange, Queue

app = Celery("ops", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(
    task_default_queue="depot",
    task_queues=(Queue("payments", Exchange("counter", "topic"), routing_key="pay.#"), Queue("depot")),
    task_routes={"ops.pay": {"queue": "payments", "routing_key": "pay.card"}},
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    beat_max_loop_interval=1,
    beat_schedule={
        "count the stock": {"task": "ops.count_stock", "schedule": 2.0, "options": {"queue": "payments"}},
        "nightly report": {"task": "ops.report", "schedule": crontab(hour=str((datetime.now(UTC).hour + 12) % 24), minute="0")},
    },
)


@app.task(name="ops.order", bind=True)
def order(self: Any, number: int) -> None:
    """Calls two others, of which the second fails."""
    self.app.send_task("ops.pay", (number,))
    self.app.send_task("ops.charge", (number,))


@app.task(name="ops.pay")
def pay(number: int) -> None: ...


@app.task(name="ops.charge")
def charge(number: int) -> None:
    raise ValueError(f"card {number} was declined")


@app.task(name="ops.mail")
def mail(address: str) -> None:
    raise OSError("no answer")


@app.task(name="ops.count_stock")
def count_stock() -> None: ...


@app.task(name="ops.report")
def report() -> None: ...


@app.task(name="ops.log")
def log(path: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("ran\n")


@app.task(name="ops.rest")
def rest(seconds: float) -> None:
    time.sleep(seconds)
