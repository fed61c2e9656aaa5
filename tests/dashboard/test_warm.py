"""Routers made in the background: after a topology change the first explanation finds one."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from brokers import queries
from brokers.models import Binding, Broker, Exchange, VirtualHost
from brokers.queries import kept
from brokers.scope import EVERYTHING
from dashboard.live.background import Background
from dashboard.live.renewal import renew
from dashboard.why import loaded_vhost
from dashboard.why.explanations import LoadedVhost, explain_message
from dashboard.why.warm import MANY_BINDINGS, Warmer

pytestmark = pytest.mark.django_db
QUESTION = {"exchange": "orders", "routing_key": "order.7"}


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def broker(now: datetime) -> Broker:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8", revision=1)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    facts: dict[str, Any] = {"durable": True, "auto_delete": False, "internal": False, "first_seen_at": now, "changed_at": now}
    Exchange.objects.create(broker=broker, vhost="/", name="orders", type="topic", **facts)
    bind(broker, *range(MANY_BINDINGS))
    return broker


def bind(broker: Broker, *numbers: int) -> None:
    """As a poll stores bindings."""
    here: dict[str, Any] = {"broker": broker, "vhost": "/", "source": "orders", "destination": "mail", "destination_type": "queue"}
    Binding.objects.bulk_create(Binding(**here, routing_key=f"order.{number}", first_seen_at=broker.since) for number in numbers)
    Broker.objects.update(revision=F("revision") + 1)
    broker.refresh_from_db()


def loaded(broker: Broker) -> LoadedVhost:
    return loaded_vhost.load(EVERYTHING, broker, "/", timezone.now())


def test_after_a_change_the_router_is_made_before_anybody_needs_it(broker: Broker) -> None:
    explain_message(loaded(broker), QUESTION)
    bind(broker, 7000)
    warmer = Warmer()
    assert (warmer.warm(), warmer.warm()) == (1, 0)
    found = loaded(broker)
    assert found.made is not None and "index" in found.router().exchanges["orders"].made
    assert any(one.routing_key == "order.7000" for one in found.topology.bindings)
    anew = LoadedVhost(found.topology, found.version, {}, {}, reported=found.reported)
    assert explain_message(found, QUESTION) == explain_message(anew, QUESTION)


def test_nothing_is_made_without_a_change_or_for_what_nobody_looks_at(broker: Broker) -> None:
    assert Warmer().warm() == 0
    explain_message(loaded(broker), QUESTION)
    assert Warmer().warm() == 0
    Broker.objects.all().delete()
    assert Warmer().warm() == 0


def test_a_notice_before_the_start_does_nothing() -> None:
    background = Background("idle", Warmer().warm, share=1)
    background.notice()
    assert not background._noticed.is_set()


@pytest.mark.django_db(transaction=True)
def test_what_pages_share_is_renewed_in_a_thread_whose_connection_is_new(now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, revision=1)
    kept.shared(kept.state_of([broker]), queries.nodes, EVERYTHING, broker.pk)
    Broker.objects.update(revision=2)
    renewed, done = [], threading.Event()

    def work() -> None:
        try:
            renewed.append(renew())
        finally:
            done.set()

    background = Background("renewal", work, share=0)
    background.start()
    background.notice()
    assert done.wait(60)
    assert renewed == [1]


@pytest.mark.django_db(transaction=True)
def test_it_works_once_started_and_goes_on_after_a_failure() -> None:
    worked = threading.Semaphore(0)

    def work() -> None:
        worked.release()
        raise ValueError("not now")

    background = Background("failing", work, share=0, rest_seconds=0.0)
    background.start()
    for _ in range(2):
        background.notice()
        assert worked.acquire(timeout=30)
