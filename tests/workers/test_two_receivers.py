"""Two watches of one virtual host, as when a receiver was stopped by the machine and goes on after another has its lease: only one stores. On a real broker."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Watching
from tests.workers.test_watching_faults import Sender
from workers import store
from workers.errors import Superseded
from workers.models import EventSource, Task, Worker
from workers.receiving.task_state import TaskRecord
from workers.receiving.worker_state import WorkerState

KINDS = ("task-received", "task-started", "task-succeeded")


def test_what_the_first_had_not_stored_goes_to_the_second_and_nothing_counts_twice(rabbitmq: TestNode, vhost: str, watching: Watching) -> None:
    sender = Sender(rabbitmq, vhost)
    published = 0

    def publish(count: int) -> None:
        nonlocal published
        for number in range(published, published + count):
            for kind in KINDS:
                event = {"type": kind, "hostname": "w@h", "timestamp": time.time(), "uuid": str(number), "name": "shop.add", "clock": published + number}
                sender.send(json.dumps(event).encode())
        published += count

    watching.start(inspects=False)
    watching.wait_for_source(lambda source: source.state == "receiving")
    publish(100)
    watching.wait_for("w@h", lambda worker: sum(worker.event_counts.values()) == 300)
    first, first_thread = watching.running[0]
    first._next_store = float("inf")  # it has received more, and its process gets no time
    publish(100)
    wait_until(lambda: first._batch.events >= 300)
    watching.start(inspects=False)
    wait_until(lambda: watching.source().writer != first._writer.token)  # type: ignore[union-attr]
    publish(200)  # of these the broker gives some to each
    wait_until(lambda: first._batch.events > 300)
    first._next_store = 0.0
    wait_until(lambda: not first_thread.is_alive())
    publish(100)
    found = watching.wait_for("w@h", lambda worker: sum(worker.event_counts.values()) >= 3 * published)
    watching.stop()
    sender.link.close()
    assert first.superseded
    assert found.event_counts == dict.fromkeys(KINDS, published)
    assert Task.objects.filter(vhost=vhost, state="SUCCESS").count() == Task.objects.filter(vhost=vhost).count() == published
    source = watching.source()
    assert source is not None
    assert source.events == 3 * published


@pytest.mark.django_db
def test_a_writer_whose_place_was_taken_stores_nothing_at_all() -> None:
    now = datetime.now(UTC)
    broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://127.0.0.1:1",), "user", "password")], now)["prod"]
    earlier, _ = store.take_over(broker.pk, "/", now)
    kept = Worker.objects.create(broker=broker, vhost="/", hostname="kept@h", first_seen_at=now, changed_at=now)
    store.save_batch(earlier, broker.pk, "/", store.Batch(events=1, received_at=now, uncertain=b"12345678"), now)
    later, uncertain = store.take_over(broker.pk, "/", now)
    assert uncertain == b"12345678"
    many = [WorkerState(hostname=f"w{number}@h", first_seen_at=now) for number in range(1200)]
    for batch in (store.Batch(events=1), store.Batch(workers=many), store.Batch(forgotten=[kept.pk]), store.Batch(tasks=[TaskRecord("t", now.timestamp())])):
        with pytest.raises(Superseded):
            store.save_batch(earlier, broker.pk, "/", batch, now)
    assert (Worker.objects.count(), Task.objects.count(), EventSource.objects.get().events) == (1, 0, 1)
    store.save_batch(later, broker.pk, "/", store.Batch(events=2, received_at=now), now)
    assert EventSource.objects.get().events == 3
