"""What a real worker prefetched and holds until its ETA is counted where it waits, and no task twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.models import Queue
from brokers.scope import EVERYTHING
from dashboard.layout.waiting import Waiting
from dashboard.layout.waiting_queues import waiting_of
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers

LATER, RUNNING, MORE = 3, 2, 7
SENT = LATER + RUNNING + MORE


def ready_and_unacknowledged(workers: Workers) -> tuple[int | None, int | None]:
    found = workers.node.api("GET", f"queues/{workers.vhost}/jobs")
    return found.get("messages_ready"), found.get("messages_unacknowledged")


@pytest.mark.nightly
def test_all_that_was_sent_and_has_not_run_is_counted_once(workers: Workers, watching: Watching, tmp_path: Path) -> None:
    log = tmp_path / "ran"
    workers.start("w@here", "-E", "--pool", "threads", "--concurrency", str(RUNNING), "-Q", "jobs,others", "--prefetch-multiplier", "2")
    watching.start()
    watching.wait_for("w@here", lambda worker: worker.pool)
    workers.send("log_and_rest", str(log), 600, count=LATER, countdown=3600)
    watching.wait_for("w@here", lambda worker: worker.scheduled == LATER)
    workers.send("log_and_rest", str(log), 600, count=RUNNING + MORE)
    wait_until(lambda: log.exists() and log.read_text().count("ran") == RUNNING, 60)
    watching.wait_for("w@here", lambda worker: (worker.active, worker.scheduled) == (RUNNING, LATER) and worker.reserved and worker.queues)
    wait_until(lambda: sum(count or 0 for count in ready_and_unacknowledged(workers)) == SENT - RUNNING, 60)  # the broker counts every five seconds
    ready, unacknowledged = ready_and_unacknowledged(workers)
    now = datetime.now(UTC)
    queue = Queue.objects.create(
        broker=watching.broker, vhost=watching.vhost, name="jobs", type="classic", ready=ready, unacknowledged=unacknowledged, first_seen_at=now, changed_at=now
    )
    found: Waiting = waiting_of(EVERYTHING, [queue])[queue.pk]
    assert (found.text, found.notes) == (str(SENT - log.read_text().count("ran")), ())
    assert (found.count("ready"), found.count("scheduled"), found.count("rest")) == (ready, LATER, 0)
    assert found.count("prefetched") == SENT - RUNNING - LATER - (ready or 0)
