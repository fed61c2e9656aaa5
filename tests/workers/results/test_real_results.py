"""A real worker whose events were lost: how its tasks ended is read where it stored their results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kombu import Exchange, Producer

from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.stored_tasks import THREADS, wait_for_uuid
from workers.models import EventSource
from workers.results.addresses import ResultsAddress


@pytest.mark.nightly
def test_tasks_whose_ends_were_lost_get_them_from_the_backend_and_those_without_a_result_stay_ended_somehow(
    workers: Workers, watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_RESULTS", str(tmp_path))
    workers.start("w@here", *THREADS, app="results_app")
    began = datetime.now(UTC).timestamp()
    workers.send("add", 1, 2, task_id="added")
    workers.send("fail", task_id="failed")
    wait_until(lambda: {path.name for path in tmp_path.iterdir()} >= {"celery-task-meta-added", "celery-task-meta-failed"}, 60)
    stored = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    watching.start(results=ResultsAddress("file", str(tmp_path)))
    watching.wait_for("w@here", lambda worker: worker.state == "online" and worker.heartbeat_at and worker.pool)
    events = [{"type": "task-started", "hostname": "w@here", "timestamp": began, "uuid": uuid} for uuid in ("added", "failed", "lost")]
    publish(workers, events)
    added = wait_for_uuid(watching, "added", lambda task: task.state == "SUCCESS", 180)
    assert (added.state_source, added.result, added.worker) == ("backend", "3", "w@here")
    assert added.state_source_at and added.ended_at and added.ended_at <= added.state_source_at
    failed = wait_for_uuid(watching, "failed", lambda task: task.state == "FAILURE", 180)
    assert (failed.state_source, failed.exception) == ("backend", "ValueError('as requested')")
    lost = wait_for_uuid(watching, "lost", lambda task: task.state == "UNKNOWN", 180)
    assert (lost.state_source, lost.last_seen_state, lost.ended_at) == ("list", "STARTED", None)
    source = watching.wait_for_source(lambda source: source.results_state == EventSource.READING)
    assert source.results_reason == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == stored


def publish(workers: Workers, events: list[dict[str, Any]]) -> None:
    with workers.app.connection_for_write() as link:
        producer = Producer(link.channel(), Exchange("celeryev", "topic", no_declare=True), serializer="json")
        for event in events:
            producer.publish(json.dumps(event), routing_key="task.any", content_type="application/json", content_encoding="utf-8")
