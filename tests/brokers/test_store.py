"""Storing polls: current rows, snapshots, changes, failures."""

from __future__ import annotations

import pytest

from brokers import queries, store
from brokers.models import Broker, Queue, Snapshot
from brokers.scope import EVERYTHING
from brokers.store import BrokerMemory
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, after

pytestmark = pytest.mark.django_db


def texts(broker: Broker) -> list[str]:
    return [change.text for change in queries.changes(EVERYTHING, broker.pk)]


def the_queue(name: str) -> Queue:
    return Queue.objects.get(name=name, gone_at=None)


def test_the_first_poll_makes_rows_and_no_rates() -> None:
    broker = a_broker()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=3, unacknowledged=2, consumers=1, published=70)), NOON)
    queue, broker = the_queue("mail"), Broker.objects.get()
    assert (queue.depth, queue.highest_depth, queue.publish_per_second, queue.nobody_consumes_since) == (5, 5, None, None)
    assert (broker.state, broker.reason, broker.since, broker.polled_at, broker.revision) == ("up", "", NOON, NOON, 1)
    assert sorted(Snapshot.objects.values_list("kind", "is_key")) == [("broker", True), ("exchanges", True), ("queues", True)]
    assert texts(broker) == []
    assert queries.queues(EVERYTHING).items[0].broker.name == "prod"


def test_a_steady_flow_becomes_a_rate_with_the_memory_of_the_poller() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for seconds in (0, 5, 10):
        store.save_poll(broker.pk, a_poll(after(seconds), a_queue("mail", published=24 * seconds)), after(seconds), memory)
    assert the_queue("mail").publish_per_second == 24.0
