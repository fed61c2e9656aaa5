"""Hundreds of workers that go or come back at once: their tasks are assessed a group at a time, with few queries, and none is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from workers import store
from workers.models import Task
from workers.receiving import orphan_finder
from workers.receiving.events import Event
from workers.receiving.task_watch import TaskWatch
from workers.receiving.worker_state import WorkerState

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNT = 250


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan_finder, "TURN_SECONDS", 60.0)
    monkeypatch.setattr(orphan_finder, "ASSESS_SECONDS", 3600.0)  # `Receiver.turn` begins the next assessment


class Receiver:
    """One task on each of many workers, all of which go and come back."""

    def __init__(self) -> None:
        self.broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://h:1",), "u", "p")], NOON)["prod"].pk
        self.writer, _ = store.take_over(self.broker, "/", NOON)
        self.watch = TaskWatch(self.broker, "/")
        self.workers = {f"w{number}@h": WorkerState(hostname=f"w{number}@h", first_seen_at=NOON, state="online") for number in range(COUNT)}
        self.watch.add_events((Event("task-started", name, NOON.timestamp(), uuid=name) for name in self.workers), NOON)

    def round(self) -> int:
        """How many queries for tasks that are UNKNOWN it took."""
        with CaptureQueriesContext(connection) as captured:
            tasks = self.watch.prepare(self.workers, receiving=True)
        store.save_batch(self.writer, self.broker, "/", store.Batch(tasks=tasks), NOON)
        self.watch.note_stored(tasks)
        return sum("state = 'UNKNOWN'" in query["sql"] for query in captured)

    def turn(self, state: str) -> None:
        for worker in self.workers.values():
            worker.state, worker.since = state, NOON + timedelta(seconds=1)  # type: ignore[assignment]
        self.watch._orphans._next_assessment = 0.0


def count(state: str) -> int:
    return Task.objects.filter(state=state).count()


def test_tasks_of_many_workers_are_loaded_together() -> None:
    receiver = Receiver()
    receiver.round()
    receiver.turn("gone")
    receiver.round()
    assert count("UNKNOWN") == COUNT
    receiver.turn("online")
    assert receiver.round() <= 3
    assert count("STARTED") == COUNT


def test_who_has_no_turn_in_time_has_it_in_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan_finder, "TURN_SECONDS", 0.0)
    receiver = Receiver()
    for _ in range(4):
        receiver.round()
    receiver.turn("gone")
    found = []
    for _ in range(3):
        receiver.round()
        found.append(count("UNKNOWN"))
    assert found == [100, 200, 250]


def test_more_orphans_than_are_loaded_together_are_loaded_worker_by_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    receiver.round()
    receiver.turn("gone")
    receiver.round()
    monkeypatch.setattr(orphan_finder, "MOST_ASSESSED", 20)
    receiver.turn("online")
    receiver.round()
    assert count("STARTED") == COUNT
