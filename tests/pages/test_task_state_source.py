"""Where a task's state comes from, on its page and over the API; and a result backend that does not answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from tests.pages.test_task import broker, moments, seen, text_of
from workers.models import EventSource

pytestmark = pytest.mark.django_db
__all__ = ["broker"]


@pytest.mark.parametrize(
    ("state", "source", "words", "source_words"),
    [
        ("SUCCESS", "backend", "succeeded", "from the result backend"),
        ("STARTED", "list", "started", "from the lists of its worker node"),
        ("UNKNOWN", "list", "ended, how is unknown", "from the lists of its worker node"),
        ("UNKNOWN", "query", "ended, how is unknown", "answer to query_task"),
        ("UNKNOWN", None, "unknown, last seen started", ""),
        ("SUCCESS", None, "succeeded", "from an event"),
    ],
)
def test_its_page_and_the_api_name_the_source_with_its_age(
    person: Client, broker: Broker, state: str, source: str | None, words: str, source_words: str
) -> None:
    at = timezone.now() - timedelta(seconds=30) if source else None
    last = "STARTED" if state == "UNKNOWN" else None
    task = seen(broker, state=state, last_seen_state=last, state_source=source, state_source_at=at, tries=moments((7, 1, "")), retries=0)
    head = text_of(person, task, part="head")
    assert words in head and source_words in head
    assert ("data-ago" in head) == bool(source_words)
    found = person.get("/api/v1/task", {"uuid": task.uuid}).json()
    assert (found["state_source"], found["state_source_at"] is None) == (source, source is None)


def test_the_list_says_when_the_result_backend_does_not_answer(person: Client, broker: Broker) -> None:
    seen(broker)
    assert "result backend" not in person.get("/tasks/").content.decode()
    EventSource.objects.update(results_state=EventSource.UNREACHABLE, results_reason="Redis does not answer within 3 s")
    page = person.get("/tasks/").content.decode()
    assert "The result backend of prod, virtual host /, is not read" in page and "Redis does not answer within 3 s." in page
