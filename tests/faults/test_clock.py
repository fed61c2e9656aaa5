"""The machine's clock is set: what was stored for moments still to come counts as just now for nobody, and everything goes on at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from brokers import queries, store
from brokers.clock import Clock
from brokers.management.management_api import Limits, ManagementApi
from brokers.models import Binding, Broker, Heartbeat, Queue, Snapshot, TopologyVersion
from brokers.polling.poll_loop import PollLoop
from brokers.scope import EVERYTHING
from dashboard.layout import levels
from dashboard.operations import readiness
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, binding, queue
from tests.brokers.polled import run_rounds
from tests.fault_server import FaultServer
from workers.receiving.liveness import Reading, Subscription
from workers.receiving.worker_registry import WorkerRegistry
from workers.receiving.worker_state import WorkerState

HOUR = 3600.0


class SetClock(Clock):
    seconds = 0.0

    def now(self) -> Any:
        return after(self.seconds)


def test_a_poller_goes_on_at_once_and_its_history_has_no_future(fault_server: FaultServer, db: None) -> None:
    management, clock = FakeManagement(fault_server), SetClock()
    pk = store.ensure_brokers([management.address()], NOON)["prod"].pk
    api = ManagementApi(management.address(), limits=Limits(read_seconds=20, total_seconds=30))
    loop = PollLoop(management.address(), pk, "a", 5.0, api=api, clock=clock)
    for number, clock.seconds in enumerate((HOUR, HOUR + 5)):
        management.set_queues({"mail": number})
        run_rounds(loop)
    management.fail("nodes", 500)
    clock.seconds = HOUR + 10
    run_rounds(loop)
    management.set("nodes", [{"name": "rabbit@a", "running": True}])
    management.set_queues({"mail": 7})
    management.set_bindings([binding("amq.topic", "mail", "new")])
    clock.seconds = 5.0
    with capture_logs() as logs:
        run_rounds(loop)
    assert [entry["event"] for entry in logs] == ["clock_set"]
    broker, mail = Broker.objects.get(), Queue.objects.get()
    assert (broker.state, broker.polled_at, mail.ready, Binding.objects.get().routing_key) == ("up", after(5), 7, "new")
    assert not any(limit["part"] for limit in broker.limits)
    assert not Snapshot.objects.filter(at__gt=after(5)).exists()
    assert not TopologyVersion.objects.filter(at__gt=after(5)).exists()
    clock.seconds = 10.0
    management.set_queues({"mail": 8})
    run_rounds(loop)
    found = queries.history(EVERYTHING, pk, "queues", mail.pk, ["ready"], after(5), after(10), 5)
    assert found.values["ready"] == [7, 8]


def test_a_clock_set_forward_makes_no_rate_of_an_hour_that_did_not_pass(fault_server: FaultServer, db: None) -> None:
    management, clock = FakeManagement(fault_server), SetClock()
    pk = store.ensure_brokers([management.address()], NOON)["prod"].pk
    api = ManagementApi(management.address(), limits=Limits(read_seconds=20, total_seconds=30))
    loop = PollLoop(management.address(), pk, "a", 5.0, api=api, clock=clock)

    def poll_at(seconds: float, published: int) -> float | None:
        counted = queue("mail", messages_ready=3, memory=1, message_stats={"publish": published})
        management.set("queues", [counted])
        clock.seconds = seconds
        run_rounds(loop)
        return Queue.objects.get().publish_per_second

    for step in range(4):
        rate = poll_at(5 * step, 1000 + 50 * step)
    assert rate == 10.0
    assert poll_at(HOUR, 1200) is None
    assert [poll_at(HOUR + 5 * step, 1200 + 50 * step) for step in range(1, 4)][-1] == 10.0


def test_workers_are_not_silent_for_an_hour_that_did_not_pass() -> None:
    worker = WorkerState(hostname="w@h", first_seen_at=NOON, heartbeat_at=after(0), arrived_at=after(0), state="online")
    registry, reading, subscription = WorkerRegistry([worker]), Reading(), Subscription(NOON - timedelta(hours=1))
    for monotonic, now in ((0.0, after(0)), (0.5, after(0.5)), (1.0, after(HOUR))):
        reading.note(monotonic, now)
        registry.assess(reading.listening(subscription), now)
    assert worker.state == "online"
    reading.note(1.5, after(HOUR + 0.5))
    registry.assess(reading.listening(subscription), after(HOUR + 60))
    assert worker.state != "online"


def test_a_process_that_died_is_not_alive_because_its_heartbeat_is_still_to_come() -> None:
    dead = Heartbeat(kind="poller", holder="dead", at=NOON + timedelta(hours=1))
    assert readiness.processes([dead], NOON)["poller"] != ""
    assert readiness.processes([dead, Heartbeat(kind="poller", holder="alive", at=NOON)], NOON)["poller"] == ""


def test_numbers_of_a_moment_still_to_come_are_not_fresh() -> None:
    broker = Broker(name="prod", state=Broker.UP, polled_at=NOON + timedelta(hours=1), poll_seconds=5)
    assert levels.unavailable(broker, NOON) == "prod has not been polled since this machine's clock was set back"


@pytest.mark.parametrize("set_back", [False, True])
def test_a_worker_that_dies_after_the_clock_was_set_back_is_not_online_for_another_hour(set_back: bool) -> None:
    worker = WorkerState(hostname="w@h", first_seen_at=NOON, heartbeat_at=after(HOUR), arrived_at=after(HOUR), state="online")
    registry = WorkerRegistry([worker])
    if set_back:
        registry.clock_set_back(after(1))
    registry.assess(Subscription(NOON - timedelta(hours=1)), after(60))
    assert (worker.state == "online") is not set_back
