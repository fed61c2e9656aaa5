"""One event, row or worker that can't be dealt with is left out and counted; everything else is stored, and nothing dies of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.scope import EVERYTHING
from brokers.stats import Listener
from workers import queries, store
from workers.models import EventSource, Task, Worker
from workers.receiving.deliveries import Delivery
from workers.receiving.events import Event
from workers.receiving.liveness import Subscription
from workers.receiving.place import Place
from workers.receiving.reconciliation import EventReconciliation
from workers.receiving.refusals import Refusals
from workers.receiving.task_state import TaskRecord
from workers.receiving.vhost_watch import VhostWatch
from workers.receiving.worker_registry import WorkerRegistry
from workers.receiving.worker_state import FIELDS, WorkerState, remembered

ADDRESS = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker() -> Broker:
    return broker_store.ensure_brokers([ADDRESS], datetime.now(UTC))["prod"]


class Receiver:
    """A watch without a broker: what it would receive is given to it, and stored."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.watch = VhostWatch(Place(ADDRESS, broker.pk, "/", "test", receives_events=False, inspects=False, listeners=(Listener("", "amqp", 1),)))
        self.watch._load()

    def receive(self, *events: dict[str, Any]) -> None:
        self.watch._apply([Delivery(json.dumps(each).encode(), "application/json", False) for each in events])
        self.watch._store(datetime.now(UTC))

    @property
    def source(self) -> EventSource:
        return EventSource.objects.get()


@pytest.fixture
def receiver(broker: Broker) -> Receiver:
    return Receiver(broker)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "hostname": "w@h", "timestamp": datetime.now(UTC).timestamp(), "pid": 7, **fields}


@pytest.mark.parametrize("timestamp", [1795452121500.0, -1.7e12, 1e308, 0, 3.9e9, -54825, 1e12])
def test_no_time_of_a_heartbeat_harms_the_tasks_after_it_nor_the_worker(receiver: Receiver, broker: Broker, timestamp: float) -> None:
    receiver.receive(event("worker-heartbeat", timestamp=timestamp, freq=2.0))
    receiver.receive(event("task-started", uuid="t"))
    assert Task.objects.get().state == "STARTED"
    again = Receiver(broker)
    again.receive(event("task-succeeded", uuid="t"))
    assert Task.objects.get().state == "SUCCESS"
    assert abs(Task.objects.get().ended_at - datetime.now(UTC)) < timedelta(minutes=1)  # type: ignore[operator]
    assert (again.source.refused_events, "timestamp" in again.source.refused_example) == (1, True)


def test_a_worker_offline_stamped_in_the_future_does_not_keep_a_worker_gone(receiver: Receiver) -> None:
    now = datetime.now(UTC).timestamp()
    receiver.receive(event("worker-heartbeat", freq=2.0), event("worker-offline", timestamp=now + 3600))
    assert receiver.watch._registry.workers["w@h"].offline_at is not None
    receiver.receive(event("worker-heartbeat", freq=2.0, timestamp=now + 1))
    assert receiver.watch._registry.workers["w@h"].offline_at is None


def test_of_two_with_lamport_clocks_the_later_one_counts_whatever_their_timestamps() -> None:
    registry, now = WorkerRegistry(), datetime.now(UTC)
    at = now.timestamp()
    registry.apply([Event("worker-heartbeat", "w@h", at - 9, 7, clock=1), Event("worker-offline", "w@h", at - 1, 7, clock=10)], now)
    registry.apply([Event("worker-heartbeat", "w@h", at - 5, 7, clock=9)], now)
    assert registry.workers["w@h"].offline_at is not None
    registry.apply([Event("worker-heartbeat", "w@h", at - 5, 7, clock=11)], now)
    assert registry.workers["w@h"].offline_at is None


def test_rows_that_can_not_be_stored_cost_only_themselves(broker: Broker) -> None:
    now = datetime.now(UTC)
    source = store.ensure_source(broker.pk, "/", now)
    workers = [WorkerState(hostname=f"w{number}@h", first_seen_at=now) for number in range(50)]
    workers[17].configuration = {"odd": float("nan")}
    workers[33].reason = "\ud800"
    tasks = [TaskRecord(f"t{number}", now.timestamp(), sent_at=now.timestamp()) for number in range(500)]
    tasks[100].result, tasks[499].retries, tasks[0].sent_at = "\ud800", 2**70, -1.8e12
    batch = store.Batch(workers=workers, tasks=tasks, events=7, received_at=now)
    found = store.save_batch(store.Writer(source.pk, ""), broker.pk, "/", batch, now)
    assert [worker.hostname for worker, _ in found.workers] == ["w17@h", "w33@h"]
    assert [task.uuid for task, _ in found.tasks] == ["t0", "t100", "t499"]
    assert (Worker.objects.count(), Task.objects.count()) == (48, 497)
    assert (workers[17].id, workers[18].id is not None) == (None, True)
    source.refresh_from_db()
    assert (source.events, source.refused_events, source.refused_example.startswith("task t499 could not be stored")) == (7, 5, True)


def test_many_workers_are_stored_in_parts_and_one_that_was_forgotten_and_came_back_is_kept(broker: Broker) -> None:
    now = datetime.now(UTC)
    source = store.ensure_source(broker.pk, "/", now)
    old = Worker.objects.create(broker=broker, vhost="/", hostname="w3@h", first_seen_at=now, changed_at=now)
    workers = [WorkerState(hostname=f"w{number}@h", first_seen_at=now, state="online") for number in range(1201)]
    workers[700].reason = "\ud800"
    found = store.save_batch(store.Writer(source.pk, ""), broker.pk, "/", store.Batch(workers=workers, forgotten=[old.pk]), now)
    assert [worker.hostname for worker, _ in found.workers] == ["w700@h"]
    assert {worker.id for worker in workers if worker.id} == set(Worker.objects.values_list("pk", flat=True))
    assert Worker.objects.count() == 1200
    assert old.pk not in {worker.id for worker in workers}


def test_a_database_that_does_not_work_is_no_fault_of_the_rows(broker: Broker) -> None:
    now = datetime.now(UTC)
    source = store.ensure_source(broker.pk, "/", now)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workers_task RENAME TO workers_out_of_reach")
    with pytest.raises(OperationalError):
        store.save_batch(store.Writer(source.pk, ""), broker.pk, "/", store.Batch(tasks=[TaskRecord("t", now.timestamp())]), now)


def test_a_worker_that_can_not_be_stored_is_started_anew_and_its_tasks_go_on(receiver: Receiver) -> None:
    receiver.receive(event("worker-heartbeat", freq=2.0))
    worker = receiver.watch._registry.workers["w@h"]
    worker.configuration, worker.changed = {"odd": float("nan")}, True
    receiver.receive(event("task-received", uuid="t"))
    receiver.receive(event("worker-heartbeat", freq=2.0), event("task-started", uuid="t"))
    assert Worker.objects.get().event_counts == {"task-started": 1}
    assert Task.objects.get().state == "STARTED"
    assert (receiver.source.refused_events, "w@h could not be stored" in receiver.source.refused_example) == (1, True)


def test_a_worker_on_which_our_own_code_fails_stops_no_other() -> None:
    now = datetime.now(UTC)
    registry = WorkerRegistry()
    registry.apply([Event("worker-heartbeat", f"{name}@h", now.timestamp()) for name in "abc"], now)
    registry.workers["b@h"].heartbeat_at = "yesterday"  # type: ignore[assignment]
    registry.assess(Subscription(now - timedelta(hours=1)), now)
    assert [(worker.hostname, worker.state) for worker in registry.workers.values()] == [("a@h", "online"), ("b@h", "unknown"), ("c@h", "online")]
    assert [hostname for hostname, _ in registry.faults] == ["b@h"]


def test_a_stored_task_that_can_not_be_read_is_written_anew(receiver: Receiver) -> None:
    receiver.receive(event("task-received", uuid="bad"), event("task-received", uuid="good"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workers_task SET tries = '{\"odd\": 1}' WHERE uuid = 'bad'")
    receiver.watch._tasks._buffer.records.clear()
    receiver.receive(event("task-started", uuid="bad"), event("task-started", uuid="good"))
    assert {task.state for task in Task.objects.all()} == {"STARTED"}
    assert receiver.source.refused_events == 1


def test_refusals_keep_a_text_that_every_database_takes() -> None:
    found = Refusals()
    found.note_fault(ValueError("a\x00b\ud800"), "event")
    found.note(0, "nothing")
    assert (found.count, found.faults, "�" in found.example) == (1, 1, True)


_number = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
_small = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))
_float = st.one_of(st.none(), st.floats(allow_nan=False))
_moment = st.one_of(st.none(), st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_event_counts = st.dictionaries(st.sampled_from(["task-started", "task-sent", "other", "x"]), st.integers(0, 10**6) | _json, max_size=3)
_reconciliation = st.fixed_dictionaries(
    {}, optional={field.name: st.sampled_from([0, 1, -1, 2**62, 1.8e12, 1e308, None, True, [], [0, 5]]) for field in fields(EventReconciliation)}
)
_row = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["online", "gone", "unknown"]) | _text.filter(lambda text: len(text) <= 16),
        "reason": st.sampled_from(["", "it shut down cleanly"]) | _text,
        "pool": st.none() | _text,
        "software": _json.filter(lambda found: found is not None),
        "event_counts": _event_counts | _json.filter(lambda found: found is not None),
        "events_off": st.none() | st.booleans(),
        "lost_events": st.integers(-(2**63), 2**63 - 1),
        "inspect_reason": _text,
        "reconciliation": _reconciliation | _json.filter(lambda found: found is not None),
        "first_seen_at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
        **dict.fromkeys(("since", "configuration_at", "heartbeat_at", "inspected_at"), _moment),
        **dict.fromkeys(("processed", "processed_at_first_sight"), _number),
        **dict.fromkeys(("concurrency", "autoscale_min", "autoscale_max", "active", "reserved", "scheduled", "prefetch", "pid", "uptime_seconds"), _small),
        **dict.fromkeys(("clock_skew_seconds", "heartbeat_seconds", "succeeded_per_second", "failed_per_second"), _float),
        **dict.fromkeys(("processes", "active_tasks", "queues", "registered", "configuration", "load"), _json),
    }
)
_odd = st.sampled_from([0, -1, 1e308, 2**60, "x", None, [], {}, "0001-01-01T00:00:00+14:00", [1e308], True])
_next = st.fixed_dictionaries(
    {"type": st.sampled_from(["worker-heartbeat", "worker-online", "worker-offline", "task-sent", "task-received", "task-started", "task-succeeded", "x"])},
    optional={name: _odd for name in Event.__struct_fields__ if name not in ("type", "hostname")},
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(_row, _next)
def test_any_stored_worker_survives_a_reload_and_one_more_event_of_any_kind(receiver: Receiver, row: dict[str, Any], fields: dict[str, Any]) -> None:
    Worker.objects.all().delete()
    key = Worker.objects.create(broker=receiver.broker, vhost="/", hostname="w@h", changed_at=datetime.now(UTC), **row).pk
    again = Receiver(receiver.broker)
    refused = receiver.source.refused_events
    again.receive(event("worker-heartbeat", uuid="t") | fields)
    found = Worker.objects.get()
    assert found.pk == key
    assert queries.worker_by_id(EVERYTHING, key) == found
    problems = receiver.source
    assert "an error in Hareline" not in problems.refused_example or problems.refused_events == refused, problems.refused_example
    reloaded = remembered({name: getattr(found, name) for name in FIELDS}, key, datetime.now(UTC))
    assert reloaded.clock_skew_seconds is None or abs(reloaded.clock_skew_seconds) <= 86_400
