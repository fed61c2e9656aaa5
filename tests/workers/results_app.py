"""The app of `celery_app` with results in files, in the folder TEST_RESULTS."""

from __future__ import annotations

import os

from tests.workers.celery_app import add, app, fail

app.conf.update(result_backend=f"file://{os.environ['TEST_RESULTS']}", task_ignore_result=False)
add.ignore_result = fail.ignore_result = False
