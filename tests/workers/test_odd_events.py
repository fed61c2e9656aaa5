"""Bodies of events as other senders write them (`tests/cases/field/odd-events.json`): counted, kept where understood, never a stop."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.stats import Listener
from workers.models import EventSource, Task, Worker
from workers.receiving.deliveries import Delivery
from workers.receiving.place import Place
from workers.receiving.task_state import happenings
from workers.receiving.vhost_watch import VhostWatch

ADDRESS = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
CASES = json.loads((Path(__file__).parent.parent / "cases" / "field" / "odd-events.json").read_text(encoding="utf-8"))
WRITTEN_AT = 1790000000.0
"""The time of the cases; it is moved to now, since older times count as absent."""
pytestmark = pytest.mark.django_db


def bodies(case: dict[str, Any]) -> list[dict[str, Any]]:
    now = datetime.now(UTC).timestamp()
    return [{**event, "timestamp": event["timestamp"] - WRITTEN_AT + now} for event in case.get("events") or [case["event"]]]


@pytest.fixture
def watch() -> VhostWatch:
    """A watch without a broker: what it would receive is given to it, and stored."""
    broker = broker_store.ensure_brokers([ADDRESS], datetime.now(UTC))["prod"]
    found = VhostWatch(Place(ADDRESS, broker.pk, "/", "test", receives_events=False, inspects=False, listeners=(Listener("", "amqp", 1),)))
    found._load()
    return found


def receive(watch: VhostWatch, *events: dict[str, Any]) -> EventSource:
    watch._apply([Delivery(json.dumps(event).encode(), "application/json", False) for event in events])
    watch._store(datetime.now(UTC))
    return EventSource.objects.get()


def case(words: str) -> list[dict[str, Any]]:
    return next(bodies(each) for each in CASES if words in each["why"])


@pytest.mark.parametrize("number", range(len(CASES)), ids=[each["why"][:40] for each in CASES])
def test_each_is_counted_and_what_follows_is_received(watch: VhostWatch, number: int) -> None:
    events = bodies(CASES[number])
    source = receive(watch, *events, {"type": "task-received", "hostname": "w@h", "timestamp": datetime.now(UTC).timestamp(), "uuid": "after"})
    assert (source.events, source.refused_events, source.fault) == (len(events) + 1, 0, "")
    assert set(Worker.objects.values_list("hostname", flat=True)) == {event["hostname"] for event in events} | {"w@h"}
    assert Task.objects.get(uuid="after").state == "RECEIVED"


def test_events_that_celery_does_not_know_are_counted_under_their_worker(watch: VhostWatch) -> None:
    receive(watch, *case("custom event with progress"), *case("custom event of no kind"))
    assert Worker.objects.get(hostname="celery@n1").event_counts == {"task-progress": 1, "other": 1}


def test_a_node_that_sends_its_local_time_is_alive(watch: VhostWatch) -> None:
    receive(watch, *case("utcoffset 7"), *case("utcoffset 7"))
    worker = Worker.objects.get(hostname="celery@far")
    assert (worker.processed, worker.software["system"]) == (3, "Windows")
    assert datetime.now(UTC) - worker.heartbeat_at < watch._registry.workers["celery@far"].frequency * 2  # type: ignore[operator]


def test_names_of_nodes_are_kept_as_they_are(watch: VhostWatch) -> None:
    receive(watch, *case("node names"))
    names = {"0001PAKDS01", "celery@kpi.%n", "celery@worker-6db584f5fc-wf495", "CELERY@N1", "compression-worker@"}
    assert set(Worker.objects.exclude(heartbeat_at=None).values_list("hostname", flat=True)) == names


def test_texts_that_no_database_takes_are_replaced_and_the_rest_is_kept(watch: VhostWatch) -> None:
    receive(watch, *case("traceback and args"))
    task = Task.objects.get()
    assert (task.state, task.exception) == ("FAILURE", "ValueError('a�b שלום ?')")
    assert str(task.traceback).endswith("ValueError: a�b") and "café.py" in str(task.traceback)


def test_a_task_rejected_after_it_had_started_is_rejected_and_requeued(watch: VhostWatch) -> None:
    receive(watch, *case("rejected after started"))
    task = Task.objects.get()
    assert (task.state, happenings(task.tries)[-1].detail) == ("REJECTED", "put back into its queue")


def test_what_is_stored_of_a_task_has_no_secret(watch: VhostWatch) -> None:
    now = datetime.now(UTC).timestamp()
    task = {"hostname": "w@h", "timestamp": now, "uuid": "u"}
    texts = {"args": "('4111111111111111',)", "kwargs": "{'password': 'hunter2', 'user': 'ann'}"}
    failed = {"exception": "HTTPError('https://u:hunter2@host')", "traceback": "  get(token='hunter2')\n"}
    receive(watch, {**task, "type": "task-received", "name": "t", **texts}, {**task, "type": "task-failed", **failed}, {"type": "x", "password": "hunter2"})
    stored = Task.objects.values().get() | EventSource.objects.values().get()
    assert stored["kwargs"] == "{'password': '[redacted]', 'user': 'ann'}"
    assert [name for name, value in stored.items() if "hunter2" in str(value) or "4111" in str(value)] == []
