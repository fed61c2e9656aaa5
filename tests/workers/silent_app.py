"""The app of `celery_app` with one more task, whose class sends no events."""

from __future__ import annotations

from tests.workers.celery_app import app


@app.task(send_events=False, name="tests.workers.celery_app.keep_quiet")
def keep_quiet() -> None: ...
