"""What tests of running tasks again share: a broker, and tasks that have failed there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Queue, VirtualHost
from workers.models import EventSource, Task


@pytest.fixture
def broker(now: datetime, settings: LazySettings) -> Broker:
    """Nobody listens at the broker's address."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    made = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)
    VirtualHost.objects.create(broker=made, name="/", first_seen_at=now)
    Queue.objects.create(broker=made, vhost="/", name="mail", first_seen_at=now, changed_at=now)
    EventSource.objects.create(broker=made, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
    return made


def seen(broker: Broker, uuid: str, state: str = "FAILURE", **known: Any) -> Task:
    at = timezone.now()
    facts = {"name": "shop.pay", "queue": "mail", "args": "(1, 'a')", "kwargs": "{'x': None}", **known}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, state=state, first_seen_at=at, changed_at=at, **facts)
