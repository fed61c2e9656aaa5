"""A round reads as much of five hundred healthy worker nodes and queues as of a few: no rule makes a query for each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Broker, Queue, VirtualHost
from dashboard.findings.evaluation import Evaluation
from tests.findings.objects import NOON
from workers.models import EventSource, Worker

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def broker_with(amount: int) -> Broker:
    """A broker that works, with so many worker nodes and queues that are well."""
    broker = Broker.objects.create(
        name=f"of {amount}", state=Broker.UP, reason="", since=NOON - timedelta(days=1), polled_at=NOON, tried_at=NOON, poll_seconds=5.0, topology_at=NOON
    )
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=NOON)
    EventSource.objects.create(broker=broker, vhost="/", state="receiving", beat_at=NOON, received_at=NOON)
    times = {"first_seen_at": NOON, "changed_at": NOON}
    Worker.objects.bulk_create(
        Worker(
            broker=broker, vhost="/", hostname=f"w{number}@h", state=Worker.ONLINE, heartbeat_at=NOON, events_off=False, concurrency=4, configuration={},
            configuration_at=NOON, registered=[], queues=[{"name": f"mail.{number}", "declared": {}}], clock_skew_seconds=0.0, **times,
        )
        for number in range(amount)
    )  # fmt: skip
    Queue.objects.bulk_create(
        Queue(broker=broker, vhost="/", name=f"mail.{number}", state="running", depth=2, ready=1, unacknowledged=1, consumers=1, ack_per_second=1.0, **times)
        for number in range(amount)
    )
    return broker


def test_a_round_makes_no_query_for_each_worker_node_or_queue() -> None:
    made = []
    for amount in (2, 60):
        broker, looking = broker_with(amount), Evaluation()
        looking.look_at(broker, NOON)
        Worker.objects.update(heartbeat_at=NOON + 5 * SECOND)
        Broker.objects.update(polled_at=NOON + 5 * SECOND, tried_at=NOON + 5 * SECOND)
        EventSource.objects.update(beat_at=NOON + 5 * SECOND, received_at=NOON + 5 * SECOND)
        with CaptureQueriesContext(connection) as captured:
            looking.look_at(broker, NOON + 5 * SECOND)
        queries = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]
        made.append([sql.partition(" WHERE ")[0] for sql in queries if "pg_is_in_recovery" not in sql])  # read once a second, in whichever round that falls
    assert made[0] == made[1]
    assert made[0]
