"""A shop for questions on the page Routing, and what the page answers."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from brokers.models import Binding, Broker, Connection, Consumer, Exchange, Queue, VirtualHost
from workers.models import Worker


@pytest.fixture
def broker(now: datetime) -> Broker:
    """A shop: a topic exchange, a headers exchange, queues that a worker consumes, and one that nobody does."""
    found = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    VirtualHost.objects.create(broker=found, name="/", first_seen_at=now)
    seen: dict[str, Any] = {"broker": found, "vhost": "/", "first_seen_at": now, "changed_at": now}
    for name, consumers in (("celery", 1), ("orders.eu", 1), ("orders.us", 1), ("reports", 0), ("vip", 1)):
        Queue.objects.create(**seen, name=name, type="classic", consumers=consumers, depth=0, ready=0, durable=True, exclusive=False, auto_delete=False)
    for name, kind in (("", "direct"), ("shop.orders", "topic"), ("shop.headers", "headers")):
        Exchange.objects.create(**seen, name=name, type=kind, durable=True, auto_delete=False, internal=False)
    bound: list[tuple[str, str, str, dict[str, Any]]] = [
        ("shop.orders", "orders.eu", "order.*.eu", {}),
        ("shop.orders", "orders.us", "order.*.us", {}),
        ("shop.orders", "reports", "paid.in.full.today", {}),
        ("shop.headers", "vip", "", {"level": 1, "x-match": "all"}),
    ]
    for source, destination, key, arguments in bound:
        Binding.objects.create(
            broker=found, vhost="/", source=source, destination=destination, destination_type="queue", routing_key=key, arguments=arguments, first_seen_at=now
        )
    Worker.objects.create(
        **seen,
        hostname="a@web-1",
        state=Worker.ONLINE,
        queues=[{"name": name} for name in ("celery", "orders.eu", "orders.us")],
        registered=[{"name": "shop.pay", "attributes": {}}, {"name": "shop.report", "attributes": {"queue": "reports"}}],
    )
    Connection.objects.create(broker=found, vhost="/", name="c1", user="guest", peer_host="10.0.0.1")
    for queue in ("celery", "orders.eu", "orders.us"):
        Consumer.objects.create(broker=found, vhost="/", queue=queue, tag="t1", connection_name="c1", channel_name="c1 (1)", peer_host="10.0.0.1")
    return found


def page(person: Client, status: int = 200, **fields: str) -> str:
    answer = person.get("/routing/", {"broker": "prod", "vhost": "/", **fields})
    assert answer.status_code == status
    return answer.content.decode()


def text_of(source: str) -> str:
    """What a person reads: without tags, blanks as one."""
    main = source.split('id="content"')[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split()).replace(" ,", ",").replace(" .", ".").replace(" :", ":")


def read(person: Client, **fields: str) -> str:
    return text_of(page(person, **fields))
