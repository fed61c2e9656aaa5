"""The pattern of a flow on the pages of queues and exchanges."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from brokers.models import Binding, Consumer, Exchange, Queue
from brokers.queries import kept
from tests.pages.test_arrangements import Shop
from tests.people import person as a_person
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(now: datetime) -> Shop:
    made = Shop(now)
    Binding.objects.create(**made.here, source="orders", destination="jobs", destination_type="queue", routing_key="a", first_seen_at=now)
    Queue.objects.update(consumers=0)
    return made


def page_of(person: Client, kind: str, pk: int) -> str:
    return " ".join(person.get(f"/{kind}/{pk}/").content.decode().split())


def test_a_queue_and_its_exchange_name_the_pattern_and_who_gets_copies(person: Client, shop: Shop) -> None:
    mail = page_of(person, "queues", Queue.objects.get(name="mail").pk)
    assert "Publish-subscribe." in mail and "What reaches it by orders may also reach jobs: each queue gets a copy of its own." in mail
    assert "A message may reach jobs and mail" in page_of(person, "exchanges", Exchange.objects.get(name="orders").pk)
    Binding.objects.filter(destination="jobs").update(routing_key="b")
    Binding.objects.create(**shop.here, source="orders", destination="jobs", destination_type="queue", routing_key="c", first_seen_at=shop.now)
    kept.forget()
    assert "No other queue gets a copy of its messages." in page_of(person, "queues", Queue.objects.get(name="mail").pk)
    assert "Each message reaches one of 2 queues at most." in page_of(person, "exchanges", Exchange.objects.get(name="orders").pk)


def test_two_worker_nodes_share_a_queue_as_measured_by_their_tasks(person: Client, shop: Shop) -> None:
    for hostname, tasks in (("a@web-1", 30), ("b@web-2", 10)):
        known = {"state": Worker.ONLINE, "since": shop.now, "pool": "prefork", "concurrency": 4, "queues": [{"name": "mail"}]}
        Worker.objects.create(**shop.seen, hostname=hostname, **known)
        for queue in (f"{hostname}.celery.pidbox", "mail"):
            Consumer.objects.create(**shop.here, queue=queue, tag="None1", connection_name=hostname)
        for number in range(tasks):
            ran = {"name": "shop.mail", "state": "SUCCESS", "queue": "mail", "worker": hostname, "received_at": shop.now - timedelta(minutes=1)}
            Task.objects.create(**shop.seen, uuid=f"{hostname}{number}", **ran)
    page = page_of(person, "queues", Queue.objects.get(name="mail").pk)
    assert "2 consumers compete: messages go round among 2 nodes. Unevenly: a@web-1 takes 75%, where in equal parts it would be 50%." in page
    assert "Queues to nodes 1:M" in page


def test_who_may_see_one_queue_does_not_see_who_else_gets_copies(client: Client, shop: Shop) -> None:
    client.force_login(a_person(broker="prod", vhost="/", queue="mail"))
    page = page_of(client, "queues", Queue.objects.get(name="mail").pk)
    assert "No other queue that you may view gets a copy of its messages." in page and "jobs" not in page


def test_the_relation_to_nodes_is_only_among_the_queues_that_a_person_may_view(client: Client, shop: Shop) -> None:
    known = {"state": Worker.ONLINE, "since": shop.now, "pool": "prefork", "concurrency": 4, "queues": [{"name": "mail"}, {"name": "jobs"}]}
    Worker.objects.create(**shop.seen, hostname="a@web-1", **known)
    for queue in ("a@web-1.celery.pidbox", "mail", "jobs"):
        Consumer.objects.create(**shop.here, queue=queue, tag="None1", connection_name="a@web-1")
    client.force_login(a_person(broker="prod", vhost="/", queue="mail"))
    page = page_of(client, "queues", Queue.objects.get(name="mail").pk)
    assert "Queues to nodes 1:1 among the queues that you may view: one queue, one node" in page


def test_nothing_is_said_of_who_consumes_while_that_is_not_known(person: Client, shop: Shop) -> None:
    Queue.objects.update(consumers=None)
    assert 'id="pattern"' not in page_of(person, "queues", Queue.objects.get(name="mail").pk)
