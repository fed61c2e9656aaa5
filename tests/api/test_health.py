"""healthz and readyz: for machines, without a login where they reveal nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.models import Broker, Heartbeat
from brokers.polling import leases
from dashboard.operations import readiness
from tests.api.conftest import World


def test_healthz_needs_no_login_no_host_and_no_database() -> None:
    response = Client().get("/healthz", headers={"Host": "anything.example"})
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readyz_names_the_missing_processes(world: World) -> None:
    response = Client().get("/readyz")
    parts = response.json()["parts"]
    assert response.status_code == 503
    assert {name for name, part in parts.items() if not part["ready"]} == {"poller", "receiver", "maintenance"}


def test_readyz_is_200_when_all_live_even_if_a_broker_is_down(world: World) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused")
    for kind in readiness.PROCESSES:
        leases.beat(kind, "host:1", timezone.now())
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)


def test_readyz_is_503_while_the_pollers_that_live_store_nothing(world: World) -> None:
    """Neither an answer nor a failure. Strangers may call it, so the broker's name is not in the reason."""
    for kind in readiness.PROCESSES:
        leases.beat(kind, "host:1", timezone.now())
    Broker.objects.update(tried_at=timezone.now() - timedelta(hours=2))
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["poller"]["reason"] == "has stored no poll of 1 of 1 broker for 2 h"
    Broker.objects.update(tried_at=timezone.now(), state=Broker.UNREACHABLE)
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("last", "seconds", "reason"),
    [
        ({"tried_at": 59}, 5, ""),
        ({"tried_at": 61}, 5, "has stored no poll of 1 of 1 broker for 1 min 1 s"),
        ({"tried_at": 400}, 120, ""),  # polled every two minutes
        ({"tried_at": 500}, 120, "has stored no poll of 1 of 1 broker for 8 min 20 s"),
        ({"since": 59}, None, ""),  # new, not polled yet
        ({"since": 61}, None, "has stored no poll of 1 of 1 broker yet"),
        ({}, None, "has stored no poll of 1 of 1 broker yet"),
    ],
)
def test_a_poll_is_stored_within_a_minute_or_four_intervals(last: dict[str, int], seconds: float | None, reason: str) -> None:
    now = timezone.now()
    broker = Broker(name="prod", poll_seconds=seconds, **{name: now - timedelta(seconds=age) for name, age in last.items()})
    assert readiness.polls([broker], now) == reason


@pytest.fixture
def recorder() -> Iterator[MigrationRecorder]:
    """Records of applied migrations that a test may change: nothing else takes them back."""
    recorder = MigrationRecorder(connection)
    before = set(recorder.applied_migrations())
    yield recorder
    for app, name in set(recorder.applied_migrations()) - before:
        recorder.record_unapplied(app, name)
    for app, name in before - set(recorder.applied_migrations()):
        recorder.record_applied(app, name)


def test_readyz_is_503_where_a_newer_version_has_used_the_database(world: World, recorder: MigrationRecorder) -> None:
    recorder.record_applied("brokers", "9999_later")
    parts = Client().get("/readyz").json()["parts"]
    assert parts["migrations"]["reason"] == ("the database was last used by a newer Hareline, whose migrations this version does not know: brokers.9999_later")


def test_readyz_names_migrations_that_are_not_applied(world: World, recorder: MigrationRecorder) -> None:
    recorder.record_unapplied("brokers", "0001_initial")
    assert Client().get("/readyz").json()["parts"]["migrations"]["reason"] == "not applied: brokers.0001_initial"


def test_readyz_costs_few_queries_and_reads_the_migrations_of_this_version_once(world: World) -> None:
    readiness.parts(timezone.now())
    with CaptureQueriesContext(connection) as queries, mock.patch.object(MigrationLoader, "load_disk", side_effect=AssertionError):
        readiness.parts(timezone.now())
    assert len(queries) <= (5 if connection.vendor == "postgresql" else 4)  # the last: whether it takes writes


@pytest.mark.parametrize(("age_seconds", "ready"), [(0, True), (15, True), (16, False), (3600, False)])
def test_a_process_without_a_heartbeat_for_three_intervals_is_missing(age_seconds: int, ready: bool) -> None:
    now = timezone.now()
    beats = [Heartbeat(kind="poller", holder="a", at=now - timedelta(hours=5)), Heartbeat(kind="poller", holder="b", at=now - timedelta(seconds=age_seconds))]
    assert (readiness.processes(beats, now)["poller"] == "") is ready


def test_queues_that_cant_be_read_have_no_sample_and_their_own_moment(world: World) -> None:
    since = timezone.now() - timedelta(minutes=90)
    limit = {"vhost": None, "what": "queues", "why": "answered with status 500", "grant": "", "part": "queues", "since": since.isoformat()}
    type(world.broker).objects.update(limits=[limit])
    token = {"Authorization": f"Bearer {world.token}"}
    assert "rabbitmq_queue_messages_ready{" not in Client().get("/metrics", headers=token).content.decode()
    (mail,) = [item for item in Client().get("/api/v1/queues", headers=token).json()["items"] if item["name"] == "mail"]
    assert (mail["level"], mail["level_reason"]) == ("unknown", "the queues of prod have not been read for 1 h 30 min")
    assert mail["at"][:19] == since.isoformat()[:19]
