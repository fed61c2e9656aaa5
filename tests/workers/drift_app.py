"""A Celery app whose configuration disagrees with itself: a queue twice, a route to nowhere, one that is mistyped. With TEST_DRIFT=mended it does not."""

from __future__ import annotations

import os

from celery import Celery
from kombu import Exchange, Queue

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"])
post = Exchange("post", type="direct")
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="letters",
    task_default_exchange="post",
    task_default_routing_key="letters",
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    task_queues=[Queue("letters", post, routing_key="old"), Queue("letters", post, routing_key="letters")],
    task_routes={"tests.write": {"queue": "nowhere"}, "Tests.write": {"queue": "letters"}, "gone.*": {"queue": "letters"}},
)
if os.environ.get("TEST_DRIFT") == "mended":
    app.conf.update(task_queues=[Queue("letters", post, routing_key="letters")], task_routes={"tests.write": {"queue": "letters"}})


@app.task(name="tests.write")
def write() -> None:
    return None
