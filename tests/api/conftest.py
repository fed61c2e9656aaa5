"""A small stored world for calls: one broker with two virtual hosts, its queues, exchanges, bindings, a node and two workers."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Binding, Broker, Channel, Connection, Consumer, Exchange, Node, Queue
from dashboard import store
from dashboard.api.routes import api
from dashboard.models import User
from workers.models import EventSource, Worker


def described() -> dict[str, Any]:
    """The API's own description, as a program reads it. Each caller has its own, since schemathesis changes the one that it gets."""
    return dict(json.loads(_description()))


@cache
def _description() -> str:
    """Made once for all modules whose tests it lists."""
    return json.dumps(api.get_openapi_schema())


class World:
    """What is stored, as attributes."""

    def __init__(self) -> None:
        self.now = now = timezone.now()
        self.user = User.objects.create_user("anna", password="a long enough one", is_superuser=True)
        self.token = store.make_token(self.user, "script", now)
        self.broker = Broker.objects.create(
            name="prod", state=Broker.UP, reason="", since=now, version="3.10.8", polled_at=now, poll_ms=12.5, poll_seconds=5, object_totals={"queues": 3}
        )
        seen: dict[str, Any] = {"broker": self.broker, "first_seen_at": now, "changed_at": now}
        self.mail = Queue.objects.create(
            **seen,
            vhost="/",
            name="mail",
            type="classic",
            state="running",
            ready=2,
            unacknowledged=1,
            depth=3,
            consumers=1,
            oldest_at=now - timedelta(minutes=2),
        )
        self.slash = Queue.objects.create(**seen, vhost="/", name="a/b ü", ready=0, unacknowledged=0, depth=0, consumers=0, nobody_consumes_since=now)
        self.unknown = Queue.objects.create(**seen, vhost="shop", name="unknown")
        Queue.objects.create(**seen, vhost="/", name="gone", depth=9, gone_at=now)
        usual = {"durable": True, "auto_delete": False, "internal": False}
        self.exchange = Exchange.objects.create(**seen, **usual, vhost="/", name="orders", type="topic", publish_in_per_second=1.5)
        self.default = Exchange.objects.create(**seen, **usual, vhost="/", name="", type="direct")
        for source, key in (("", "mail"), ("orders", "order.#")):
            Binding.objects.create(
                broker=self.broker, vhost="/", source=source, destination="mail", destination_type="queue", routing_key=key, first_seen_at=now
            )
        self.node = Node.objects.create(broker=self.broker, name="rabbit@a", running=True, memory_used_bytes=1000, at=now)
        celery: dict[str, Any] = {"broker": self.broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
        EventSource.objects.create(broker=self.broker, vhost="/", state=EventSource.RECEIVING, events=12)
        self.worker = Worker.objects.create(
            **celery,
            hostname="a@web-1",
            state=Worker.ONLINE,
            pool="prefork",
            concurrency=4,
            active=1,
            reserved=2,
            queues=[{"name": "mail"}],
            load=[0.1, 0.2, 0.3],
            periodic={"timezone": "UTC", "entries": [{"name": "nightly", "task": "report", "schedule": 30.0}]},
        )
        Worker.objects.create(**celery, hostname="b@web-2", state=Worker.UNKNOWN)
        Connection.objects.create(broker=self.broker, vhost="/", name="c1", user="guest", peer_host="10.0.0.1")
        self.connection = Connection.objects.get()
        Channel.objects.create(broker=self.broker, vhost="/", name="c1 (1)", connection_name="c1", number=1)
        Consumer.objects.create(broker=self.broker, vhost="/", queue="mail", tag="t1", connection_name="c1", channel_name="c1 (1)", peer_host="10.0.0.1")

    def client(self) -> Client:
        """Anna's browser."""
        client = Client()
        client.force_login(self.user)
        return client


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def call(world: World) -> Any:
    """`call("queues", q="mail")`: what a script with a token gets, as (status, JSON)."""

    def answered(path: str, **query: Any) -> tuple[int, Any]:
        response = Client().get(f"/api/v1/{path}", query, headers={"Authorization": f"Bearer {world.token}"})
        assert response.headers["Content-Type"].startswith("application/json")
        return response.status_code, response.json()

    return answered
