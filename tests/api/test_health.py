"""healthz, readyz and metrics: for machines, without a login where nothing is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from brokers import leases
from brokers.models import Broker, Heartbeat
from dashboard import readiness
from tests.api.conftest import World


def test_healthz_needs_no_login_no_host_and_no_database() -> None:
    response = Client().get("/healthz", headers={"Host": "anything.example"})
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readyz_tells_which_processes_are_missing(world: World) -> None:
    response = Client().get("/readyz")
    parts = response.json()["parts"]
    assert response.status_code == 503
    assert {name for name, part in parts.items() if not part["ready"]} == {"poller", "receiver", "chores"}


def test_readyz_is_200_when_all_live_even_if_a_broker_is_down(world: World) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused")
    for kind in readiness.PROCESSES:
        leases.beat(kind, "host:1", timezone.now())
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)


@pytest.mark.parametrize(("age_seconds", "ready"), [(0, True), (15, True), (16, False), (3600, False)])
def test_a_process_that_was_not_heard_of_for_three_intervals_is_not_there(age_seconds: int, ready: bool) -> None:
    now = timezone.now()
    beats = [Heartbeat(kind="poller", holder="a", at=now - timedelta(hours=5)), Heartbeat(kind="poller", holder="b", at=now - timedelta(seconds=age_seconds))]
    assert (readiness.processes(beats, now)["poller"] == "") is ready


def test_metrics_are_prometheus_text_for_a_token(world: World) -> None:
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {world.token}"})
    text = response.content.decode()
    assert response.status_code == 200 and response.headers["Content-Type"].startswith("text/plain")
    for line in (
        'hareline_broker_up{broker="prod"} 1.0',
        'hareline_queue_ready{broker="prod",queue="mail",vhost="/"} 2.0',
        'hareline_worker_slots{broker="prod",vhost="/",worker="a@web-1"} 4.0',
        'hareline_celery_events_total{broker="prod",vhost="/"} 12.0',
        "hareline_live_sockets 0.0",
    ):
        assert line in text
    assert 'queue="unknown"' not in text  # what is unknown has no sample
