"""What the page of a task and its live parts read: one statement a question, and no broker that was read already."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Broker
from brokers.scope import EVERYTHING
from workers import queries
from workers.models import Task

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_of_no_ids_nothing_is_asked_and_a_broker_that_was_read_is_shared() -> None:
    broker = Broker.objects.create(name="prod", since=NOON)
    task = Task.objects.create(
        broker=broker, vhost="/", uuid="t", state="SUCCESS", result="3", exception="of an earlier try", first_seen_at=NOON, changed_at=NOON
    )
    with CaptureQueriesContext(connection) as captured:
        assert queries.tasks_by_ids(EVERYTHING, []) == []
        assert len(captured) == 0
        (listed,) = queries.tasks_by_ids(EVERYTHING, [task.pk], [broker])
        whole = queries.task_by_id(EVERYTHING, task.pk, brokers=[broker])
        assert len(captured) == 2
        assert whole is not None and whole.broker is listed.broker is broker
        assert (whole.result, whole.exception, listed.state) == ("3", None, "SUCCESS")
        assert len(captured) == 2
        assert queries.task_by_id(EVERYTHING, task.pk).broker.name == "prod"  # type: ignore[union-attr]
    assert [queries.task_by_id(EVERYTHING, key) for key in (task.pk + 1, 10**30)] == [None, None]
