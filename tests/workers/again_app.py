"""The Celery app of a worker node whose task writes down with what it was called, in the file that its first argument names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from celery import Celery

app = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"])
app.conf.update(task_default_queue="jobs", broker_connection_retry_on_startup=True, task_ignore_result=True, worker_hijack_root_logger=False)


@app.task(bind=True)
def record(self: Any, path: str, *args: Any, **kwargs: Any) -> None:
    with Path(path).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"id": self.request.id, "args": args, "kwargs": kwargs}) + "\n")
