"""A Celery app whose exchanges have names of its own and whose workers take nothing but YAML; with OWN_NAMES=remote-control-off, none of that, and
remote control off."""

from __future__ import annotations

import os
import signal
import time

from celery import Celery

app = Celery("own", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(broker_connection_retry_on_startup=True, task_ignore_result=True, worker_hijack_root_logger=False, worker_send_task_events=True)
if os.environ.get("OWN_NAMES") == "remote-control-off":
    app.conf.update(task_default_queue="quiet", worker_enable_remote_control=False)
else:
    app.conf.update(
        task_default_queue="own",
        event_exchange="team.event",
        control_exchange="team.control",
        event_queue_prefix="faces",
        accept_content=["yaml"],
        task_serializer="yaml",
    )


@app.task(name="own.sleep")
def sleep(seconds: float) -> None:
    time.sleep(seconds)


@app.task(name="own.die")
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
