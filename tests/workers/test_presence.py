"""Stored workers and sources are unknown once nobody stores anything any more, and threads that end again and again are reported."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Heartbeat
from brokers.polling import leases
from brokers.process_runner import run_until_stopped
from brokers.scope import EVERYTHING
from brokers.thread_failures import ThreadFailures
from dashboard.operations import readiness
from dashboard.workers.row import worker_row
from tests.waiting import wait_until
from workers import queries, store
from workers.models import EventSource, Worker
from workers.receiving.broker_watch import Allowed, BrokerWatch
from workers.receiving.place import Place

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

FRESH = datetime.now(UTC) + timedelta(days=1)  # so that no pause of a busy machine makes it old


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


@pytest.fixture
def broker(db: None) -> Broker:
    now = datetime.now(UTC)
    return Broker.objects.create(name="prod", state="up", polled_at=now, tried_at=now, since=now)


@pytest.fixture
def source(broker: Broker) -> EventSource:
    return EventSource.objects.create(broker=broker, vhost="/", state="receiving", inspect_state="inspecting", beat_at=FRESH)


@pytest.fixture
def worker(broker: Broker, source: EventSource) -> Worker:
    moments = {"first_seen_at": ago(90), "changed_at": ago(1), "heartbeat_at": ago(1)}
    return Worker.objects.create(broker=broker, vhost="/", hostname="a@web-1", state="online", concurrency=4, active=1, **moments)


def states(**filters: str) -> list[str]:
    return [worker.state for worker in queries.workers(EVERYTHING, **filters).items]  # type: ignore[arg-type]


def test_a_worker_is_unknown_at_reading_once_nothing_was_stored_for_15_seconds(worker: Worker, source: EventSource) -> None:
    assert (states(), states(state="online"), states(state="unknown")) == (["online"], ["online"], [])
    EventSource.objects.update(beat_at=ago(47))
    assert (states(), states(state="online"), states(state="unknown")) == (["unknown"], [], ["unknown"])
    found = queries.worker_by_id(EVERYTHING, worker.pk)
    assert found is not None
    assert "the receiver does not run or is stuck" in found.reason
    source = queries.event_sources(EVERYTHING)[0]
    assert (source.state, source.inspect_state, "nothing of it was stored since" in source.reason) == ("unknown", "unknown", True)


def test_one_that_is_gone_stays_so_and_a_place_that_nobody_watches_is_not_late(worker: Worker) -> None:
    Worker.objects.update(state="gone")
    EventSource.objects.update(beat_at=ago(47))
    assert states() == ["gone"]
    Worker.objects.update(state="online")
    EventSource.objects.update(beat_at=None)
    assert states() == ["online"]


def test_an_open_page_sees_it_by_its_clock_alone(worker: Worker) -> None:
    row = queries.workers_by_ids(EVERYTHING, [worker.pk])[0]
    assert worker_row(row, datetime.now(UTC)).mark["state"] == "online"
    later = worker_row(row, FRESH + timedelta(seconds=20))
    assert (later.mark["state"], later.text["used"]) == ("unknown", "–")


def test_readiness_names_the_work_of_the_receiver_that_stands_still(source: EventSource) -> None:
    now = datetime.now(UTC)

    def reason() -> str:
        return readiness.parts(now)["receiver"]

    for kind in readiness.PROCESSES:
        leases.beat(kind, "h", now)
    assert reason() == ""
    EventSource.objects.update(beat_at=now - timedelta(seconds=47))
    assert reason() == "has stored nothing of 1 of 1 virtual host for 47 s"
    EventSource.objects.update(beat_at=FRESH)
    store.note_fault(source.broker_id, "/", "its thread has ended by an error 2 times", now)
    assert reason() == "of 1 of 1 virtual host the thread ends again and again by an error"
    source = queries.event_sources(EVERYTHING)[0]
    assert (source.state, source.reason) == ("unknown", "its thread has ended by an error 2 times")
    store.note_fault(source.broker_id, "/", "", None)
    assert reason() == ""
    Broker.objects.update(configured=False)
    EventSource.objects.update(beat_at=now - timedelta(seconds=47))
    assert reason() == ""


def test_two_ends_of_a_thread_within_ten_minutes_are_a_condition() -> None:
    failures = ThreadFailures()
    failures.note(NOON, "TypeError")
    assert failures.story(NOON) == ""
    failures.note(NOON + timedelta(minutes=9), "ValueError")
    assert failures.story(NOON + timedelta(minutes=9)) == (
        "has ended by an error 2 times since 2026-11-24 12:00:00 UTC (ValueError) and is started again each time"
    )
    assert failures.story(NOON + timedelta(minutes=11)) == ""


class Failing:
    """Work whose thread ends at once."""

    standing_by = False

    def __init__(self) -> None:
        self.due_at = time.monotonic()
        self.address = BrokerAddress("secret-name", ("http://127.0.0.1:1",), "user", "password")

    def run(self) -> None:
        raise TypeError("odd")

    def stop(self) -> None:
        pass


def test_a_thread_that_ends_again_and_again_is_in_the_heartbeat_and_in_readiness(transactional_db: None) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_until_stopped, args=([Failing()], "poller", "h", stop, 0.01))
    thread.start()
    try:
        problem = wait_until(lambda: Heartbeat.objects.filter(kind="poller").exclude(problem="").values_list("problem", flat=True).first())
    finally:
        stop.set()
        thread.join(60)
    assert "has ended by an error" in problem and "TypeError" in problem and "secret-name" not in problem
    assert readiness.processes(leases.heartbeats(), datetime.now(UTC))["poller"].startswith("the thread of a broker has ended by an error")


class Stuck(Failing):
    """Work whose thread lives and does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.due_at, self.stopped = time.monotonic() - 130, threading.Event()

    def run(self) -> None:
        self.stopped.wait(60)

    def stop(self) -> None:
        self.stopped.set()


def test_a_thread_that_lives_and_is_stuck_is_in_the_heartbeat_and_in_readiness(transactional_db: None) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_until_stopped, args=([Stuck()], "receiver", "h", stop, 0.01))
    thread.start()
    try:
        problem = wait_until(lambda: Heartbeat.objects.filter(kind="receiver").values_list("problem", flat=True).first())
    finally:
        stop.set()
        thread.join(60)
    assert "the thread of a broker has been stuck for 1" in problem and "secret-name" not in problem
    assert readiness.processes(leases.heartbeats(), datetime.now(UTC))["receiver"].startswith("the thread of a broker has been stuck for 1")


class Dying:
    """A watch whose thread has just ended."""

    failure = "TypeError"
    superseded = False


def test_a_watch_that_dies_twice_is_reported_on_its_source_until_it_has_lived_for_ten_minutes(source: EventSource) -> None:
    address = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
    watch = BrokerWatch(address, source.broker_id, "test", Allowed(receives_events=False, inspects=False), "h")
    place = Place(address, source.broker_id, "/", "test", receives_events=False, inspects=False)
    ended = threading.Thread(target=int)
    ended.start()
    ended.join()
    for minute in range(2):
        watch._watches[place] = (Dying(), ended)  # type: ignore[assignment]
        watch._begin = lambda _: None  # type: ignore[method-assign,misc]
        watch._keep(place, NOON + timedelta(minutes=minute))
    source.refresh_from_db()
    assert "has ended by an error 2 times since 2026-11-24 12:00:00 UTC (TypeError)" in source.fault
    assert source.fault_since == NOON
    watch._watches[place] = (Dying(), threading.current_thread())  # type: ignore[assignment]
    watch._keep(place, NOON + timedelta(minutes=12))
    source.refresh_from_db()
    assert (source.fault, source.fault_since) == ("", None)


def test_a_watch_that_another_process_superseded_did_not_die(source: EventSource) -> None:
    address = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
    watch = BrokerWatch(address, source.broker_id, "test", Allowed(receives_events=False, inspects=False), "h")
    place = Place(address, source.broker_id, "/", "test", receives_events=False, inspects=False)
    ended, begun = threading.Thread(target=int), []
    ended.start()
    ended.join()
    superseded = Dying()
    superseded.superseded = True
    watch._begin = begun.append  # type: ignore[method-assign]
    for minute in range(3):
        watch._watches[place] = (superseded, ended)  # type: ignore[assignment]
        watch._keep(place, NOON + timedelta(minutes=minute))
    source.refresh_from_db()
    assert (source.fault, begun) == ("", [place] * 3)  # this process has the lease, so it begins anew


class Waiting:
    """A watch whose thread waits for the database, although it was stopped."""

    failure = ""

    def __init__(self, place: Place) -> None:
        self.place, self.may_end = place, threading.Event()

    def stop(self) -> None: ...


def test_no_watch_begins_before_the_one_that_it_replaces_has_stored_its_last(source: EventSource) -> None:
    address = BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")
    place = Place(address, source.broker_id, "/", "test", receives_events=False, inspects=False)
    watch, before = BrokerWatch(address, source.broker_id, "test", Allowed(receives_events=False, inspects=False), "h"), Waiting(place)
    thread = threading.Thread(target=before.may_end.wait)
    thread.start()
    watch._watches[place] = (before, thread)  # type: ignore[assignment]
    begun: list[Place] = []
    watch._begin = begun.append  # type: ignore[method-assign]
    watch._end([place])
    watch._keep(place, NOON)
    assert begun == []
    before.may_end.set()
    thread.join(60)
    watch._keep(place, NOON)
    assert begun == [place]
