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


SHOWN_ON = {
    parts.OVERVIEW: "overview",
    parts.QUEUES: "overview queues queue why",
    parts.QUEUE_DETAILS: "overview queues queue",
    parts.NODES: "overview",
    parts.VHOSTS: "overview queues queue exchanges exchange connections",
    parts.EXCHANGES: "overview queue exchanges exchange why",
    parts.BINDINGS: "overview queue exchanges exchange why",
    parts.POLICIES: "overview queue exchange why",
    parts.OPERATOR_POLICIES: "overview queue why",
    parts.USER: "overview",
    parts.PERMISSIONS: "overview why",
    parts.CONSUMERS: "overview queues queue connections",
    parts.CONNECTIONS: "overview queue connections",
    parts.CHANNELS: "overview queue connections",
    parts.PUBLISHERS: "overview exchange",
    parts.QUEUE_COUNTERS: "overview queues queue why",
    parts.QUEUE_TOTALS: "overview queues queue",
}


def limit(part: str, since: datetime) -> dict[str, str | None]:
    return {"vhost": None, "what": part, "why": f"{WHY} of {part}.", "grant": "", "part": part, "since": since.isoformat()}


def test_each_part_is_named_where_it_is_shown(person: Client, addresses: dict[str, str], now: datetime) -> None:
    """All of them at once; each with a reason and a moment of its own."""
    since = {part: now - timedelta(days=2 + number) for number, part in enumerate(SHOWN_ON)}
    Broker.objects.update(limits=[limit(part, since[part]) for part in SHOWN_ON])
    sources = {page: person.get(address).content.decode() for page, address in addresses.items()}
    for part, pages in SHOWN_ON.items():
        moment = f"have not been read since {since[part].day} {since[part]:%b}"
        assert {page for page, text in sources.items() if f"{WHY} of {part}." in text and moment in text} == set(pages.split()), part


def test_a_part_is_named_until_it_is_read_again(person: Client, addresses: dict[str, str], now: datetime) -> None:
    Broker.objects.update(limits=[limit(parts.QUEUES, now - timedelta(days=2))])
    assert {page for page, address in addresses.items() if WHY in person.get(address).content.decode()} == {"overview", "queues", "queue", "why"}
    Broker.objects.update(limits=[])
    assert WHY not in person.get("/").content.decode()
