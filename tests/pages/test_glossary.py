"""The glossary, and the "?" beside a word where a page first uses it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Binding, Broker, Exchange, Queue, VirtualHost
from dashboard.layout.glossary import TERMS
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses() -> dict[str, str]:
    """A page of each kind, by its name."""
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    queue = Queue.objects.create(**seen, name="mail", depth=1, ready=1, unacknowledged=0, consumers=0)
    exchange = Exchange.objects.create(**seen, name="shop", type="topic", durable=True, auto_delete=False, internal=False)
    Exchange.objects.create(**seen, name="", type="direct", durable=True, auto_delete=False, internal=False)
    Binding.objects.create(
        broker=broker, vhost="/", source="shop", destination="mail", destination_type="queue", routing_key="a.#", arguments={}, first_seen_at=now
    )
    worker = Worker.objects.create(**seen, hostname="a@web-1", state=Worker.ONLINE, since=now, queues=[{"name": "mail"}], concurrency=2)
    sent = {"queue": "mail", "exchange": "", "routing_key": "mail", "sent_at": now}
    task = Task.objects.create(**seen, **sent, uuid="u1", name="shop.pay", state="SUCCESS", worker="a@web-1")
    return {
        "queues": "/queues/",
        "queue": f"/queues/{queue.pk}/",
        "exchanges": "/exchanges/",
        "exchange": f"/exchanges/{exchange.pk}/",
        "workers": "/workers/",
        "worker": f"/workers/{worker.pk}/",
        "tasks": "/tasks/",
        "task": f"/tasks/{task.pk}/",
        "send": "/send/?broker=prod&vhost=/",
        "why": "/routing/?broker=prod&vhost=/&of=message&exchange=shop&routing_key=a.b",
        "why-existing": "/routing/?broker=prod&vhost=/&of=existing",
        "why-task": "/routing/?broker=prod&vhost=/&of=task&task=shop.pay&conf={}",
    }


EXPLAINED = {
    "queues": {"queue"},
    "queue": {"queue", "depth", "ready", "unacknowledged", "consumer", "binding", "exchange", "binding key", "policy", "acknowledgement"},
    "exchanges": {"exchange"},
    "exchange": {"exchange", "binding", "producer", "routing key", "headers", "binding key"},
    "workers": {"slot", "worker node", "reserved"},
    "worker": {"worker node", "pool", "slot", "concurrency", "reserved", "prefetch", "consumer", "queue"},
    "tasks": {"task"},
    "task": {"task", "payload", "queue", "exchange", "routing key", "worker node"},
    "send": {"task", "payload", "queue", "exchange", "routing key", "ETA"},
    "why": {"messaging model", "exchange", "routing key", "headers", "queue", "producer", "attributes", "binding", "binding key", "consumer", "dead letter"},
    "why-task": {"messaging model", "task", "queue", "exchange", "routing key", "payload", "default exchange", "consumer"},
    "why-existing": {"task", "message", "queue"},
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_page_explains_its_words_once_each(person: Client, addresses: dict[str, str], name: str) -> None:
    source = person.get(addresses[name]).content.decode()
    explained = re.findall(r'aria-label="What does “([^”]*)” mean\?"', source)
    assert EXPLAINED[name] <= set(explained)
    assert len(explained) == len(set(explained))


def test_the_glossary_explains_every_word_where_links_lead(person: Client) -> None:
    source = person.get("/glossary/").content.decode()
    assert source.count("<dt>") == len(TERMS)
    assert 'id="binding-key"' in source
    assert "<dt>producer <span" in source
    assert "also publisher and client" in source
    assert "<code>order.*.eu</code>" in source
    assert re.findall(r'<h2 id="chapter-[a-z-]*">([^<]*)', source)[:2] == ["The idea", "What is sent"]


def test_the_question_mark_links_to_its_place(person: Client, addresses: dict[str, str]) -> None:
    source = person.get(addresses["exchange"]).content.decode()
    assert 'href="/glossary/#binding-key"' in source
