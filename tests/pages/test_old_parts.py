"""A part of the poll that can't be read is named on the pages that show it, with the moment and the reason, until it can be read again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from brokers import parts
from brokers.models import Broker, Exchange, Queue, VirtualHost

pytestmark = pytest.mark.django_db
WHY = "answered with status 500 (GET http://b:15672/api/x)"


@pytest.fixture
def addresses(now: datetime) -> dict[str, str]:
    """The pages of a broker with a queue and an exchange."""
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    mail = Queue.objects.create(**seen, name="mail", depth=0, ready=0, unacknowledged=0)
    orders = Exchange.objects.create(**seen, name="orders", type="topic", durable=True, auto_delete=False, internal=False)
    why = "/routing/?broker=prod&vhost=%2F&exchange=orders&routing_key=a"
    return {
        "overview": "/",
        "queues": "/queues/",
        "exchanges": "/exchanges/",
        "connections": "/connections/",
        "queue": f"/queues/{mail.pk}/",
        "exchange": f"/exchanges/{orders.pk}/",
        "why": why,
    }


@pytest.mark.parametrize(
    ("part", "pages"),
    [
        (parts.OVERVIEW, "overview"),
        (parts.QUEUES, "overview queues queue why"),
        (parts.QUEUE_DETAILS, "overview queues queue"),
        (parts.NODES, "overview"),
        (parts.VHOSTS, "overview queues queue exchanges exchange connections"),
        (parts.EXCHANGES, "overview queue exchanges exchange why"),
        (parts.BINDINGS, "overview queue exchanges exchange why"),
        (parts.POLICIES, "overview queue exchange why"),
        (parts.OPERATOR_POLICIES, "overview queue why"),
        (parts.USER, "overview"),
        (parts.PERMISSIONS, "overview why"),
        (parts.CONSUMERS, "overview queues queue connections"),
        (parts.CONNECTIONS, "overview queue connections"),
        (parts.CHANNELS, "overview queue connections"),
        (parts.PUBLISHERS, "overview exchange"),
        (parts.QUEUE_COUNTERS, "overview queues queue why"),
        (parts.QUEUE_TOTALS, "overview queues queue"),
    ],
)
def test_a_part_is_named_where_it_is_shown(person: Client, addresses: dict[str, str], now: datetime, part: str, pages: str) -> None:
    since = now - timedelta(days=2)
    Broker.objects.update(limits=[{"vhost": None, "what": part, "why": WHY, "grant": "", "part": part, "since": since.isoformat()}])
    sources = {page: person.get(address).content.decode() for page, address in addresses.items()}
    assert {page for page, text in sources.items() if WHY in text and f"have not been read since {since.day} {since:%b}" in text} == set(pages.split())
    Broker.objects.update(limits=[])
    assert WHY not in person.get("/").content.decode()
