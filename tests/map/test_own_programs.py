"""Programs of Hareline's own on the map: folded as machinery, but for those that an experiment of the lab consists of."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Connection, Exchange, VirtualHost
from brokers.queries import kept
from tests.map.test_page import map_of

pytestmark = pytest.mark.django_db
LAB = "hareline.7f3a.lab.1"


@pytest.mark.parametrize(("vhost", "shown"), [("/", ("fold", "Hareline’s own")), (LAB, ("publisher", "producer"))])
def test_a_program_of_the_lab_is_shown_and_one_that_watches_is_folded(person: Client, vhost: str, shown: tuple[str, str]) -> None:
    kept.forget()
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8", revision=1)
    VirtualHost.objects.create(broker=broker, name=vhost, first_seen_at=now)
    here: dict[str, Any] = {"broker": broker, "vhost": vhost}
    seen = {**here, "first_seen_at": now, "changed_at": now}
    Exchange.objects.create(**seen, name="numbers", type="fanout", durable=True, auto_delete=False, internal=False)
    published = [{"exchange": "numbers", "per_second": 2.0}]
    Connection.objects.create(**here, name="c", user="lab", peer_host="127.0.0.1", client="producer", product="Hareline lab", publishes=published)
    found = map_of(person, f"?broker=prod&vhost={vhost}")
    assert shown in {(node["kind"], node["name"]) for node in found["nodes"]}
