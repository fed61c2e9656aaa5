"""A receiver that is killed between storing and acknowledging: the next one applies each message once. On a real broker."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brokers import store as broker_store
from brokers.scope import EVERYTHING
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.test_watching_faults import Sender
from workers import queries, store
from workers.amqp_connection import Target
from workers.receiving.deliveries import Delivery
from workers.receiving.receiver import EventFeed


def feed_of(node: TestNode, vhost: str) -> EventFeed:
    return EventFeed([Target(node.amqp_url(vhost), vhost)], "hareline.test.events")


def received(feed: EventFeed, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    wait_until(lambda: found.extend(feed.receive(0.2, count)) or len(found) >= count)
    return found


@pytest.mark.django_db
def test_what_was_stored_and_not_acknowledged_is_known_to_the_next_process(rabbitmq: TestNode, vhost: str) -> None:
    now = datetime.now(UTC)
    broker = broker_store.ensure_brokers([rabbitmq.address()], now)["test"]
    source = store.ensure_source(broker.pk, vhost, now)
    sender, killed, next_one = Sender(rabbitmq, vhost), feed_of(rabbitmq, vhost), feed_of(rabbitmq, vhost)
    killed.connect()
    for number in range(50):
        sender.send(b'{"type": "task-started", "hostname": "w@h", "uuid": "%d"}' % number)
    assert not any(delivery.again for delivery in received(killed, 50))
    store.save_batch(store.Writer(source.pk, ""), broker.pk, vhost, store.Batch(events=50, received_at=now, uncertain=killed.uncertain()), now)
    for number in range(50, 60):  # applied, but never stored
        sender.send(b'{"type": "task-started", "hostname": "w@h", "uuid": "%d"}' % number)
    received(killed, 10)
    killed.close()
    next_one.resume(bytes(store.ensure_source(broker.pk, vhost, now).uncertain))
    next_one.connect()
    assert [delivery.again for delivery in received(next_one, 60)] == [True] * 50 + [False] * 10
    next_one.acknowledge()
    next_one.close()
    sender.link.close()
    assert "uncertain" in queries.event_source(EVERYTHING, broker, vhost).get_deferred_fields()  # type: ignore[union-attr]
