"""Who consumed a queue last is stored when its last consumer leaves."""

from __future__ import annotations

import pytest

from brokers.models import Queue
from brokers.stats import ConnectionStats, ConsumerStats
from brokers.store import save_poll
from brokers.store.clients import save_clients
from brokers.store.memory import BrokerMemory
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, after

pytestmark = pytest.mark.django_db


def a_consumer(queue: str, link: str = "10.0.0.1:5 -> b", vhost: str = "/") -> ConsumerStats:
    return ConsumerStats(vhost=vhost, queue=queue, tag="None1", connection_name=link, channel_name=f"{link} (1)", peer_host="10.0.0.1", user="shop")


CONNECTION = ConnectionStats("/", "10.0.0.1:5 -> b", "shop", "10.0.0.1", product="py-amqp 5.4.2")
WORKER = [a_consumer("mail"), a_consumer("orders"), a_consumer("a@web-1.celery.pidbox")]


def test_it_is_stored_once_with_the_worker_node_behind_it() -> None:
    broker = a_broker()
    queues = [a_queue("mail"), a_queue("orders"), a_queue("a@web-1.celery.pidbox", auto_delete=True), a_queue("idle")]
    save_poll(broker.pk, a_poll(NOON, *queues), NOON, BrokerMemory())
    save_clients(broker.pk, [CONNECTION], None, WORKER, NOON)
    assert not Queue.objects.exclude(last_consumers=None).exists()

    save_clients(broker.pk, [CONNECTION], None, WORKER[1:], after(5))
    mail = Queue.objects.get(name="mail")
    assert mail.last_consumers == [{"client": "py-amqp 5.4.2", "host": "10.0.0.1", "user": "shop", "control": "a@web-1.celery.pidbox"}]
    assert mail.last_consumed_at == after(5)

    save_clients(broker.pk, [], None, [], after(10))
    assert set(Queue.objects.exclude(last_consumers=None).values_list("name", flat=True)) == {"mail", "orders"}  # no queue that goes with it
    assert Queue.objects.get(name="mail").last_consumed_at == after(5)


def test_what_was_not_read_says_nothing_and_other_consumers_are_no_leaving() -> None:
    broker = a_broker()
    save_poll(broker.pk, a_poll(NOON, a_queue("mail")), NOON, BrokerMemory())
    save_clients(broker.pk, None, None, [a_consumer("mail")], NOON)
    save_clients(broker.pk, None, None, None, after(5))
    save_clients(broker.pk, None, None, [a_consumer("mail", "other"), a_consumer("mail", vhost="/x")], after(10))
    save_clients(broker.pk, None, None, [a_consumer("mail", "other")], after(15))
    assert Queue.objects.get().last_consumers is None
