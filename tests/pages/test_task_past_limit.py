"""A task that runs past its time limit, on its page, in the list and over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from tests.pages.test_task import broker, seen, text_of
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db
__all__ = ["broker"]


def running(broker: Broker, uuid: str, seconds: float, **known: Any) -> Task:
    now = timezone.now()
    return seen(broker, uuid, state="STARTED", started_at=now - timedelta(seconds=seconds), ended_at=None, runtime_seconds=None, **known)


@pytest.mark.parametrize(
    ("pool", "kind", "words"),
    [
        ("prefork", "hard", "Celery ends a task at that limit"),
        ("prefork", "soft", "Celery raises an exception in the task"),
        ("threads", "hard", "The pool of its worker node, threads, does not apply it."),
        (None, "hard", "Celery ends a task at that limit"),
    ],
)
def test_its_page_says_by_how_much_it_is_past_and_what_its_pool_does(person: Client, broker: Broker, pool: str | None, kind: str, words: str) -> None:
    now = timezone.now()
    Worker.objects.create(broker=broker, vhost="/", hostname="worker-a@web-1", pool=pool, state="online", first_seen_at=now, changed_at=now)
    page = text_of(person, running(broker, "late", 3630, limit_seconds=30.0, limit_kind=kind), part="gaps")
    assert f"Past its {'soft ' if kind == 'soft' else ''}time limit of 30.0 s by 1 h" in page
    assert words in page


def test_nothing_is_said_where_the_limit_is_unknown_or_not_over(person: Client, broker: Broker) -> None:
    for task in (running(broker, "unknown", 3630), running(broker, "within", 10, limit_seconds=30.0, limit_kind="hard")):
        assert "Past its" not in text_of(person, task)
    ended = seen(broker, "ended", limit_seconds=0.1, limit_kind="hard")
    assert "Past its" not in text_of(person, ended)


def test_the_list_marks_it_and_a_filter_finds_it(person: Client, broker: Broker) -> None:
    running(broker, "late", 3630, limit_seconds=30.0, limit_kind="hard")
    running(broker, "within", 10, limit_seconds=30.0, limit_kind="hard")
    running(broker, "unknown", 3630)
    page = person.get("/tasks/").content.decode()
    assert page.count("past its limit since") == 1 and page.count("data-past") == 2
    found = person.get("/api/v1/tasks", {"q": "overrun>0s"}).json()["items"]
    assert [(task["uuid"], task["time_limit_seconds"], task["time_limit_kind"]) for task in found] == [("late", 30.0, "hard")]
    assert 3600 <= found[0]["past_limit_seconds"] < 3700
    assert person.get("/api/v1/tasks", {"q": "overrun>2h"}).json()["items"] == []
