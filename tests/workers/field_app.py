"""The Celery app of workers whose configuration is a file of `tests/cases/field/`, with tasks of the names that TEST_CELERY_TASKS lists."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

from tests.workers.routing.encoding import loaded


def configured(broker: str, path: Path) -> Celery:
    """An app with these settings on the tests' broker, whatever addresses they name."""
    app = Celery("field", set_as_current=False)
    app.config_from_object(loaded(path))
    app.conf.update(broker_url=broker, result_backend=None, task_ignore_result=True, worker_hijack_root_logger=False, task_send_sent_event=True)
    return app


def ends_at_once() -> None:
    """The body of each task."""


if "TEST_CELERY_CONFIGURATION" in os.environ:
    app = configured(os.environ["TEST_CELERY_BROKER"], Path(os.environ["TEST_CELERY_CONFIGURATION"]))
    for name in os.environ["TEST_CELERY_TASKS"].split(","):
        app.task(ends_at_once, name=name)
