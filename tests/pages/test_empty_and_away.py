"""Pages about tasks and nodes where nothing is stored yet, while the broker does not respond, and while nodes are unknown: each says so in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue, VirtualHost
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db
EMPTY = {
    "/tasks/statistics/": "Nothing was counted",
    "/tasks/failures/": "No task has failed",
    "/tasks/periodic/": "No periodic tasks are known",
    "/workers/capacity/": "No queue is consumed or has messages.",
    "/workers/matrix/": "No worker node is known here.",
}
FLOW = "/tasks/flow/?broker=prod&vhost=/&root=t1"
NO_EVENTS = "No events of workers from prod, virtual host /."


def text_of(person: Client, address: str) -> str:
    answer = person.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def away() -> Broker:
    """A broker that stopped responding five minutes ago, with a queue, a task that runs and a node as they were then."""
    now, then = timezone.now(), timezone.now() - timedelta(minutes=5)
    broker = Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=then, polled_at=then, tried_at=now, poll_seconds=5)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": then, "changed_at": then}
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=then)
    Queue.objects.create(**seen, name="mail", type="classic", ready=12, unacknowledged=0, depth=12, consumers=1)
    EventSource.objects.create(broker=broker, vhost="/", state=EventSource.UNREACHABLE, reason="connection refused", since=then, received_at=then, beat_at=now)
    facts = {"state": Worker.UNKNOWN, "reason": "the broker is unreachable", "queues": [{"name": "mail"}], "pool": "prefork", "concurrency": 4}
    Worker.objects.create(**seen, hostname="a@web", since=then, **facts)
    Task.objects.create(**seen, uuid="t1", name="shop.pay", state="STARTED", started_at=then)
    return broker


@pytest.mark.parametrize(("address", "words"), EMPTY.items())
def test_before_anything_is_stored_each_page_says_what_it_lacks(person: Client, address: str, words: str) -> None:
    page = text_of(person, address)
    assert words in page and "No events of workers" not in page


def test_a_workflow_that_was_never_seen_is_not_found_and_why(person: Client) -> None:
    answer = person.get(FLOW)
    assert answer.status_code == 404


@pytest.mark.parametrize("address", [*EMPTY, FLOW])
def test_while_the_broker_is_away_each_page_says_that_no_events_come_and_why(person: Client, away: Broker, address: str) -> None:
    page = text_of(person, address)
    assert NO_EVENTS in page and "Connection refused." in page


@pytest.mark.parametrize(("address", "what"), [("/workers/capacity/", "Queues, rates and consumers"), ("/workers/matrix/", "Queues and consumers")])
def test_figures_of_a_broker_that_is_away_stand_with_their_time_and_its_nodes_as_unknown(person: Client, away: Broker, address: str, what: str) -> None:
    page = text_of(person, address)
    assert f"{what} of prod are as of " in page and "because prod is unreachable." in page
    assert "a@web" in page and ("1 unknown" in page or address == "/workers/matrix/")
    Broker.objects.update(state=Broker.UP, polled_at=timezone.now())
    EventSource.objects.update(state=EventSource.RECEIVING)
    assert "are as of" not in text_of(person, address) and NO_EVENTS not in text_of(person, address)
