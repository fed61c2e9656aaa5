"""What a task's own code reports, on its page and over the API."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from tests.pages.test_task import broker, seen, text_of
from workers.custom_events import CustomEvent
from workers.store.custom_events import save_custom_events

pytestmark = pytest.mark.django_db
NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
__all__ = ["broker"]


def event(kind: str, second: int, left_out: int = 0, **fields: object) -> CustomEvent:
    return CustomEvent(kind, NOON.timestamp() + second, "w@h", fields, left_out)  # type: ignore[arg-type]


def test_a_task_that_reported_nothing_has_no_panel(person: Client, broker: Broker) -> None:
    assert "Progress and custom events" not in text_of(person, seen(broker))


def test_progress_is_a_bar_and_what_else_came_is_text_with_names_escaped(person: Client, broker: Broker) -> None:
    task = seen(broker)
    events = [
        event("task-progress", 1, current=1, total=3),
        event("<b>own", 2, left_out=1, **{"<i>": "<script>"}),
        event("task-progress", 3, current=2, total=3, message="box <2>", size=5),
    ]
    save_custom_events(broker.pk, "/", {task.uuid: events}, timezone.now())
    page = text_of(person, task, part="progress")
    assert re.findall(r'<progress[^>]* value="([^"]+)"', page) == ["66.7"]
    assert re.findall(r'data-type="([^"]+)"', page) == ["task-progress", "&lt;b&gt;own"]
    for words in ("2 of 3 (66.7 %): box &lt;2&gt;", "1 of 3 (33.3 %)", "<dt>size</dt>", "1 before", "&lt;i&gt;", "&lt;script&gt;", "1 more field not kept"):
        assert words in page
    found = person.get("/api/v1/task", {"uuid": task.uuid}).json()["custom_events"]
    assert [(one["type"], one["share"]) for one in found] == [("task-progress", 1 / 3), ("<b>own", None), ("task-progress", 2 / 3)]
    assert found[2]["fields"] == {"current": 2, "total": 3, "message": "box <2>", "size": 5}
