"""How the database answers questions about tasks: nothing is worked out again for each task that is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from brokers.models import Broker
from brokers.scope import EVERYTHING
from workers import queries
from workers.models import Task
from workers.task_filter import TaskFilter

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker() -> Broker:
    """With a task of the same name in two virtual hosts."""
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now)
    for vhost in ("big", "small"):
        Task.objects.create(broker=broker, vhost=vhost, uuid=vhost, name="pay", state="SUCCESS", first_seen_at=now, changed_at=now)
    return broker


def plans(captured: CaptureQueriesContext) -> str:
    with connection.cursor() as cursor:
        found: list[Any] = []
        for query in captured.captured_queries:
            found += cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}").fetchall()
    return "\n".join(str(line[3]) for line in found)


@pytest.mark.parametrize("narrowed", [{"name": "pay"}, {"name": "p*"}, {"worker": "a@web-1"}, {"text": "pay"}])
def test_counts_beside_a_filter_ask_nothing_again_for_each_task(broker: Broker, narrowed: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        queries.counts_by_state(EVERYTHING, TaskFilter(broker=broker.pk, vhost="small", **narrowed))
    assert "CORRELATED" not in plans(captured)


def test_counts_beside_a_filter_are_those_of_the_place_however_many_are_newer_elsewhere(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.queries.task_news.COUNTED", 1)
    now = timezone.now()
    for number in range(3):
        Task.objects.create(broker=broker, vhost="big", uuid=f"newer {number}", name="pay", state="FAILURE", first_seen_at=now, changed_at=now)
    counts, _ = queries.counts_by_state(EVERYTHING, TaskFilter(broker=broker.pk, vhost="small", name="pay"))
    assert counts == {"SUCCESS": 1}
