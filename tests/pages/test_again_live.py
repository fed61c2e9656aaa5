"""Tasks that are run again by a real worker node: with the arguments that the failed ones had, by what the node wrote down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from celery.utils.saferepr import saferepr
from django.conf import LazySettings
from django.utils import timezone

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Queue, VirtualHost
from brokers.scope import EVERYTHING
from dashboard import queries
from dashboard.again import action as again
from dashboard.again import runner
from dashboard.models import AuditEvent, RunAgain, RunAgainBatch, User
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Workers
from tests.workers.conftest import workers as workers
from workers.models import EventSource, Task

SECONDS, NAME = 60, "tests.workers.again_app.record"


@pytest.mark.django_db
def test_failed_tasks_run_again_with_equal_arguments_and_new_ids(
    rabbitmq: TestNode, vhost: str, workers: Workers, tmp_path: Path, settings: LazySettings
) -> None:
    workers.start("again@host", "-Q", "jobs", "-P", "solo", "--without-gossip", "--without-mingle", app="again_app")
    url, now, log = rabbitmq.amqp_url(vhost), timezone.now(), tmp_path / "log"
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url=url),)
    settings.CONTROL = frozenset({"prod"})
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)
    VirtualHost.objects.create(broker=broker, name=vhost, first_seen_at=now)
    EventSource.objects.create(broker=broker, vhost=vhost, state=EventSource.RECEIVING, since=now, received_at=now)
    Queue.objects.create(broker=broker, vhost=vhost, name="jobs", first_seen_at=now, changed_at=now)
    calls = [((str(log), 1, {"a": [None, 1.5, "ü"]}), {"x": False}), ((str(log), "two"), {})]
    for number, (args, kwargs) in enumerate(calls):
        known = {"name": NAME, "state": "FAILURE", "queue": "jobs", "args": saferepr(args, maxlen=1024), "kwargs": saferepr(kwargs, maxlen=1024)}
        Task.objects.create(broker=broker, vhost=vhost, uuid=f"old-{number}", first_seen_at=now, changed_at=now, **known)
    ready, left_out = again.sorted_out("prod", vhost, Task.objects.select_related("broker"), include_again=False)
    assert left_out == []
    batch = again.begin(User.objects.create_superuser("ada"), "prod", vhost, ready, 10.0, "", now, after=0)
    runner.run(batch.pk)
    items = queries.run_again_items(batch.pk)
    assert [(item.old_uuid, item.state) for item in items] == [("old-0", "confirmed"), ("old-1", "confirmed")]
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) == 2, SECONDS)
    ran = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["id"], one["args"], one["kwargs"]) for one in ran] == [
        (item.new_uuid, list(args[1:]), kwargs) for item, (args, kwargs) in zip(items, calls, strict=True)
    ]
    runner.run(batch.pk)  # nothing waits, so nothing is sent again
    found = queries.run_again_batch(EVERYTHING, batch.pk)
    assert found is not None and found.state == RunAgainBatch.DONE
    assert AuditEvent.objects.filter(action="send task", outcome="done").count() == RunAgain.objects.count() == 2
