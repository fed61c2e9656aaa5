"""No worker is reported as online while no receiver runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brokers.models import Broker
from brokers.polling import leases
from workers.models import EventSource, Worker
from workers.store import mark_workers_unknown

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker() -> Worker:
    broker = Broker.objects.create(name="prod", state="up")
    EventSource.objects.create(broker=broker, vhost="/")
    return Worker.objects.create(broker=broker, vhost="/", hostname="a@web-1", state=Worker.ONLINE, first_seen_at=NOON, changed_at=NOON)


def test_workers_are_unknown_once_no_receiver_has_lived_for_15_seconds(worker: Worker) -> None:
    leases.beat("receiver", "r", NOON, standby=False)
    assert mark_workers_unknown(NOON + timedelta(seconds=15)) == 0
    assert mark_workers_unknown(NOON + timedelta(seconds=16)) == 1
    worker.refresh_from_db()
    assert (worker.state, worker.since) == (Worker.UNKNOWN, NOON)
    assert "receiver does not run" in worker.reason
    assert EventSource.objects.get().revision == 1
    assert mark_workers_unknown(NOON + timedelta(seconds=21)) == 0


def test_without_a_receiver_that_ever_ran_stored_workers_stay_as_they_are(worker: Worker) -> None:
    leases.beat("poller", "p", NOON, standby=False)
    assert mark_workers_unknown(NOON + timedelta(hours=1)) == 0
