"""What the tests of the send page share: a broker to send to, and a form that is filled in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Exchange, Queue, VirtualHost
from dashboard import store
from dashboard.models import AuditEvent
from workers.models import EventSource, Worker

PLACE = "?broker=prod&vhost=%2F"


@pytest.fixture
def broker(now: datetime, settings: LazySettings) -> Broker:
    """A broker that nobody listens for: port 1 refuses."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    found = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    VirtualHost.objects.create(broker=found, name="/", first_seen_at=now)
    EventSource.objects.create(broker=found, vhost="/", state=EventSource.RECEIVING)
    seen: dict[str, Any] = {"broker": found, "vhost": "/", "first_seen_at": now, "changed_at": now}
    Queue.objects.create(**seen, name="reports", consumers=0, depth=0, ready=0)
    Queue.objects.create(**seen, name="mail", consumers=2, depth=0, ready=0)
    Exchange.objects.create(**seen, name="orders", type="topic", durable=True, auto_delete=False, internal=False)
    Worker.objects.create(**seen, hostname="a@web-1", state=Worker.ONLINE, registered=[{"name": "reports.render", "attributes": {}}])
    return found


def form(**changed: str) -> dict[str, str]:
    return {"task": "reports.render", "args": "[1]", "kwargs": "{}", "queue": "mail"} | changed


def sent_event(**detail: Any) -> AuditEvent:
    usual = {"uuid": "u-1", "task": "reports.render", "args": "[1]", "kwargs": "{}", "options": {"queue": "reports"}, "outcome": "confirmed", "reason": ""}
    usual |= {"exchange": "", "routing_key": "reports", "sent_at": timezone.now().isoformat()}
    return store.audit(None, "send task", store.DONE, timezone.now(), broker="prod", vhost="/", name="reports.render", detail=usual | detail)
