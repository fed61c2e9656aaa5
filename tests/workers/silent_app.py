"""The app of `celery_app` with three more tasks: one sends no events, one sends events of its own, one runs past its limit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.workers.celery_app import app


@app.task(send_events=False, name="tests.workers.celery_app.keep_quiet")
def keep_quiet() -> None: ...


@app.task(bind=True, name="tests.workers.celery_app.report")
def report(self: Any, log: str, go: str, total: int) -> None:
    """Reports how far it is and notes the same in a log; before its last step it waits until `go` exists."""
    for current in range(1, total + 1):
        while current == total and not Path(go).exists():
            time.sleep(0.05)
        with Path(log).open("a", encoding="utf-8") as written:
            written.write(f"{current} of {total}\n")
        self.send_event("task-progress", current=current, total=total, message=f"box {current}")
    self.send_event("shop-packed", boxes=[1, 2], weight=2.5, password="sesame")


@app.task(name="tests.workers.celery_app.linger", time_limit=1, soft_time_limit=0.5)
def linger(go: str) -> None:
    """Runs until `go` exists, longer than its limit, which a pool of threads does not apply."""
    while not Path(go).exists():
        time.sleep(0.05)
