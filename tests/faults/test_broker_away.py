"""A broker that goes and comes, in time that the test sets: one sentence since when, old numbers, one gap, and no hand to recover."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from brokers import queries, store
from brokers.clock import Clock
from brokers.errors import BrokerUnreachable
from brokers.management.management_api import Limits, ManagementApi
from brokers.models import Broker, Change, PollAttempt, Queue, Snapshot
from brokers.polling.poll_loop import PollLoop
from brokers.queries import frames
from brokers.scope import EVERYTHING
from dashboard.findings.rule import Found
from dashboard.findings.rules import broker_away, broker_flapping
from dashboard.layout import queue_levels
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement
from tests.brokers.polled import run_rounds
from tests.fault_server import FaultServer
from tests.findings import objects
from tests.findings.objects import found

MINUTE = 60


class SetClock(Clock):
    seconds = 0.0

    def now(self) -> Any:
        return after(self.seconds)


class Leaving(ManagementApi):
    """Answers while the test lets it."""

    away = False

    def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        if self.away:
            raise BrokerUnreachable(f"connection refused at b:15672 (GET http://b:15672{path})")
        return super().get(path, params)


class Watched:
    """A broker, polled every five seconds."""

    def __init__(self, server: FaultServer) -> None:
        self.management, self.clock = FakeManagement(server), SetClock()
        self.management.set_queues({"mail": 3})
        self.api = Leaving(self.management.address(), limits=Limits(read_seconds=20, total_seconds=30))
        pk = store.ensure_brokers([self.management.address()], NOON)["prod"].pk
        self.loop = PollLoop(self.management.address(), pk, "a", 5.0, api=self.api, clock=self.clock)

    def poll_until(self, seconds: float) -> None:
        while self.clock.seconds < seconds:
            run_rounds(self.loop)
            self.clock.seconds += 5

    @property
    def broker(self) -> Broker:
        return Broker.objects.get()


@pytest.fixture
def watched(fault_server: FaultServer, db: None) -> Watched:
    return Watched(fault_server)


def test_ten_minutes_away_are_one_outage_since_its_first_failure(watched: Watched) -> None:
    watched.poll_until(10)
    watched.api.away = True
    watched.poll_until(10 + 10 * MINUTE)
    broker, now = watched.broker, after(watched.clock.seconds)
    assert (broker.state, broker.since, broker.polled_at) == ("unreachable", after(10), after(5))
    assert Queue.objects.get().ready == 3
    (one,) = found(broker_away, objects.facts(broker=broker, now=now))
    assert (one.whole_title, one.since) == ("prod is unreachable; its queues are unknown", after(10))
    assert one.summary == "Connection refused at b:15672 (GET http://b:15672/api/overview). Numbers are from 12:00:05."
    assert queue_levels.queue_level(Queue.objects.get(), broker, now).word == "unknown"
    assert Change.objects.filter(kind="broker").count() == 1
    assert PollAttempt.objects.filter(answered=False).count() == 10 * MINUTE / 5
    assert Snapshot.objects.filter(kind="queues", at__gte=after(10)).count() == 1  # the gap
    watched.api.away = False
    watched.management.set_queues({"mail": 4})
    watched.poll_until(20 + 10 * MINUTE)
    broker = watched.broker
    assert (broker.state, broker.reason, broker.since, Queue.objects.get().ready) == ("up", "", after(10 + 10 * MINUTE), 4)
    assert Change.objects.filter(kind="broker").latest("at").text.startswith("prod responds again; it was unreachable since 2026")
    assert frames.moment(broker.pk, "queues", after(5 * MINUTE)) is None
    assert frames.moment(broker.pk, "queues", after(15 + 10 * MINUTE)) is not None


def flaps(broker: Broker, seconds: float) -> list[Found]:
    attempts = queries.poll_attempts(EVERYTHING, limit=600)
    return found(broker_flapping, objects.facts(broker=broker, now=after(seconds), attempts=attempts))


def test_a_broker_that_flaps_is_what_it_was_at_the_last_poll_and_loses_no_row(watched: Watched) -> None:
    watched.poll_until(5)
    key = Queue.objects.get().pk
    for number in range(1, 21):
        watched.api.away = bool(number % 2)
        watched.management.set_queues({"mail": number})
        watched.poll_until(5 + 5 * number)
        broker = watched.broker
        assert (broker.state, broker.since) == ("unreachable" if number % 2 else "up", after(5 * number))
        assert (Queue.objects.get().pk, Queue.objects.get().ready) == (key, (number - 1 or 3) if number % 2 else number)
    (one,) = flaps(watched.broker, 101)
    assert (one.whole_title, one.since) == ("prod comes and goes", after(5))
    reason = "connection refused at b:15672 (GET http://b:15672/api/overview)"
    assert one.summary == f"It stopped responding 10 times in the last 10 min, last at 12:01:35: {reason}."
    assert flaps(watched.broker, 12 * MINUTE) == []
    assert Change.objects.filter(kind="broker").count() == 20
    assert not Change.objects.filter(what="gone").exists()


def test_a_restarted_broker_whose_counters_begin_anew_shows_no_rate_of_the_jump(watched: Watched) -> None:
    def report(published: int, uptime: timedelta) -> None:
        watched.management.set("nodes", [{"name": "rabbit@a", "running": True, "uptime": uptime.total_seconds() * 1000}])
        counted = {"vhost": "/", "name": "mail", "type": "classic", "messages_ready": 3, "messages_unacknowledged": 0, "memory": 1}
        watched.management.set("queues", [counted | {"message_stats": {"publish": published}}])

    for step in range(4):
        report(1_000_000 + 50 * step, timedelta(hours=1))
        watched.poll_until(5 * (step + 1))
    assert Queue.objects.get().publish_per_second == 10.0
    report(20, timedelta(seconds=2))
    watched.poll_until(25)
    assert Queue.objects.get().publish_per_second is None
    for step in range(4):
        report(70 + 50 * step, timedelta(seconds=7 + 5 * step))
        watched.poll_until(30 + 5 * step)
    assert Queue.objects.get().publish_per_second == 10.0
