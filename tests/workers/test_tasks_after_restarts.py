"""What is stored of real workers' tasks when the worker or the receiver is killed meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import Change
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.stored_tasks import THREADS, listening, tasks, wait_for_task
from workers.receiving import liveness


def test_a_worker_killed_while_it_runs_a_task_leaves_it_unknown(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("rest", 600)
    wait_for_task(watching, "rest", lambda task: task.state == "STARTED")
    workers.kill("w@here")
    found = wait_for_task(watching, "rest", lambda task: task.state == "UNKNOWN")
    assert (found.last_seen_state, found.worker) == ("STARTED", "w@here")
    assert found.started_at is not None
    assert "which had it, " in found.unknown_reason
    assert watching.worker("w@here").state == "gone"


def test_a_worker_killed_and_started_anew_has_not_what_it_ran(workers: Workers, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "silent_after", lambda _: timedelta(minutes=5))  # so that it is back before it counts as gone, on a busy machine too
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("rest", 600)
    wait_for_task(watching, "rest", lambda task: task.state == "STARTED")
    old, killed_at = watching.worker("w@here").pid, timezone.now()
    workers.kill("w@here")
    workers.start("w@here", *THREADS)
    wait_for_task(watching, "rest", lambda task: task.state == "UNKNOWN" and "restarted at" in task.unknown_reason)
    worker = watching.wait_for("w@here", lambda worker: worker.state == "online" and worker.pid != old)
    assert worker.since > killed_at
    assert f"Worker w@here restarted: process {worker.pid} took the place of {old}" in Change.objects.values_list("text", flat=True)
    workers.send("add", 1, 2)
    assert wait_for_task(watching, "add", lambda task: task.state == "SUCCESS").worker == "w@here"


def test_a_restart_of_the_receiver_loses_no_task(workers: Workers, watching: Watching) -> None:
    workers.start("w@here", *THREADS)
    listening(watching, "w@here")
    workers.send("add", 1, 2, count=30)
    watching.stop()
    workers.send("add", 1, 2, count=30)
    watching.start()
    watching.wait_for_source(lambda source: source.state == "receiving")
    watching.stop()
    workers.send("fail", count=5)
    watching.start()
    wait_until(lambda: (len(tasks(watching, states=("SUCCESS",))), len(tasks(watching, states=("FAILURE",)))) == (60, 5), 40)
    assert len(tasks(watching)) == 65
    assert all(task.received_at and task.started_at and task.ended_at for task in tasks(watching))
