"""Searches of tasks that find nothing: said at once, looked for once, and then which term is to blame."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from brokers.database.engine import is_postgresql
from brokers.models import Broker
from tests.pages.test_tasks import seen, text_of
from workers.models import EventSource

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


@pytest.fixture
def source(broker: Broker, now: datetime) -> EventSource:
    return EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)


def test_a_long_filter_that_finds_nothing_says_so_at_once_and_looks_then_for_its_narrowest_term(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, worker="w1@h")
    hint = "Without <code>name:nothing</code>, 1 task matches."
    assert hint in text_of(person, q="worker:w1@h name:nothing")
    long = "state:success worker:w1@h name:nothing"
    page = text_of(person, q=long)
    assert "No tasks match this filter" in page and hint not in page
    assert 'hx-get="/tasks/?q=state%3Asuccess+worker%3Aw1%40h+name%3Anothing&amp;part=hint" hx-trigger="load"' in page
    assert hint in text_of(person, q=long, part="hint") and hint in text_of(person, q=long, part="table")


def test_what_a_search_finds_nowhere_is_looked_for_once(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker)
    with CaptureQueriesContext(connection) as made:
        page = text_of(person, q="retries>1000")
    assert len([query for query in made.captured_queries if "retries > " in query["sql"]]) == 1 + is_postgresql()  # which looks at today first
    assert "No tasks match this filter" in page and '<span class="view-count">0</span>' in page
