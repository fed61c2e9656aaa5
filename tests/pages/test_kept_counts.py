"""What viewers share until the next save: counted once for all of them, and never older than what is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from brokers.models import Broker, Queue, VirtualHost
from brokers.queries import queue_counts
from brokers.scope import EVERYTHING

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8", revision=1)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    return broker


def save(broker: Broker, *names: str, **facts: Any) -> None:
    """As a poll saves queues: with another revision of their broker."""
    seen = {"first_seen_at": broker.since, "changed_at": broker.since}
    known: dict[str, Any] = {"type": "classic", "state": "running", "durable": True, "ready": 2000, "unacknowledged": 0, "depth": 2000, "consumers": 0}
    Queue.objects.bulk_create(Queue(broker=broker, vhost="/", name=name, **seen, **known, **facts) for name in names)
    Broker.objects.update(revision=F("revision") + 1)


def page_of(person: Client, address: str) -> tuple[str, int]:
    """The page, and how many of its queries count queues."""
    with CaptureQueriesContext(connection) as captured:
        page = person.get(address).content.decode()
    return page, sum("FILTER (WHERE" in query["sql"] and "brokers_queue" in query["sql"] for query in captured)


@pytest.mark.parametrize(("address", "shown"), [("/queues/", 'No consumers <span class="view-count">{}<'), ("/", "{} queue")])
def test_queues_are_counted_once_a_save_for_all_viewers(person: Client, broker: Broker, address: str, shown: str) -> None:
    save(broker, "a", "b")
    (first, counted), (second, again) = page_of(person, address), page_of(person, address)
    assert (counted, again) == (1, 0) and shown.format(2) in first and shown.format(2) in second
    save(broker, "c")
    third, anew = page_of(person, address)
    assert anew == 1 and shown.format(3) in third


def test_internal_queues_stay_out_however_many_there_are(person: Client, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    save(broker, "mail", "celeryev.1", "w@h.celery.pidbox")
    before = page_of(person, "/queues/")[0]
    monkeypatch.setattr("dashboard.layout.internal_queues.MOST_LEFT_OUT", 1)
    save(broker)
    after = page_of(person, "/queues/")[0]
    for page in (before, after):
        assert "2 internal queues (Celery, Hareline) hidden." in page and 'All <span class="view-count">1<' in page and "celeryev" not in page


def test_nothing_to_count_is_zero_for_each_filter(broker: Broker) -> None:
    assert queue_counts(EVERYTHING, [[], []], broker=broker.pk) == [0, 0]
