"""The sentences of a worker node's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.workers.text import event_counts, events_story, prefetch_story, processes_story, registered_tasks, sources
from workers.models import EventSource, Worker

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REPLACED = {"began_timestamp": NOON.timestamp() + 30}
"""Of a worker whose present process took the place of one that was known."""


def worker(**known: Any) -> Worker:
    return Worker(**{"state": Worker.ONLINE, "hostname": "a@web-1", "first_seen_at": NOON, **known})


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({}, "Unknown, because the node has not been inspected yet."),
        ({"inspect_reason": "inspection is refused"}, "Unknown, because inspection is refused."),
        ({"prefetch": 0}, "No limit: it prefetches every ready message of its queues."),
        (
            {"prefetch": 32, "pool": "prefork", "concurrency": 8},
            "Up to 32 unacknowledged messages (8 processes × worker_prefetch_multiplier 4).",
        ),
        (
            {"prefetch": 9, "pool": "threads", "concurrency": 2, "scheduled": 1},
            "Up to 9 unacknowledged messages (2 threads × worker_prefetch_multiplier 4), including 1 for tasks that wait for their ETA.",
        ),
        (
            {"prefetch": 12, "pool": "prefork", "concurrency": 1, "autoscale_max": 3},
            "Up to 12 unacknowledged messages (3 processes × worker_prefetch_multiplier 4).",
        ),
        (
            {"prefetch": 8, "pool": "solo", "concurrency": 1},
            "Up to 8 unacknowledged messages (the solo pool counts the machine's cores, not its one slot).",
        ),
        ({"prefetch": 7, "pool": "prefork", "concurrency": 2}, "Up to 7 unacknowledged messages."),
    ],
)
def test_the_prefetch_is_explained(known: dict[str, Any], sentence: str) -> None:
    assert prefetch_story(worker(**known)) == sentence


@pytest.mark.parametrize(
    ("known", "level", "words"),
    [
        ({"events_off": True}, "notice", "worker_send_task_events = True"),
        ({"lost_events": 3}, "warning", "3 task events lost since 12:00:00"),
        ({"lost_events": 3, "reconciliation": {"mended": 2}}, "warning", "started tasks. The state of 2 tasks was put right by what it lists."),
        ({}, "unknown", "have not reported a count"),
        ({"processed": 4, "processed_at_first_sight": 4}, "ok", "No tasks processed since 12:00:00"),
        ({"processed": 9, "processed_at_first_sight": 4}, "ok", "5 tasks processed since 12:00:00, no events missing"),
        ({"processed": 9, "processed_at_first_sight": 0, "reconciliation": REPLACED}, "ok", "9 tasks processed since 12:00:30, no events missing"),
        ({"processed": 0, "processed_at_first_sight": 0, "reconciliation": REPLACED}, "ok", "No tasks processed since 12:00:30"),
        ({"lost_events": 3, "reconciliation": REPLACED}, "warning", "3 task events lost since 12:00:00"),
    ],
)
def test_events_are_reconciled_in_a_sentence(known: dict[str, Any], level: str, words: str) -> None:
    reported_level, sentence = events_story(worker(**known), NOON)
    assert reported_level == level
    assert words in sentence


def test_missing_permissions_are_shown_with_the_command_that_grants_them() -> None:
    source = EventSource(state=EventSource.RECEIVING, inspect_state="refused")
    source.inspect_reason, source.inspect_grant = "inspection needs permissions on the pidbox", "rabbitmqctl set_permissions …"
    events, inspect = sources(worker(heartbeat_at=NOON - timedelta(seconds=2), heartbeat_seconds=2.0), source, NOON)
    assert (events.level, events.text) == ("ok", "Last heartbeat 2 s ago, one every 2 s.")
    assert (inspect.level, inspect.text, inspect.grant) == ("unknown", "Inspection needs permissions on the pidbox.", "rabbitmqctl set_permissions …")


def test_without_a_receiver_events_are_unknown() -> None:
    events, inspect = sources(worker(inspected_at=NOON), None, NOON)
    assert events.level == "unknown"
    assert inspect.level == "ok"


def test_registered_tasks_are_searched_by_name() -> None:
    node = worker(registered=[{"name": "shop.mail", "attributes": {"rate_limit": "10/m"}}, {"name": "shop.Add", "attributes": {}}])
    assert [task.name for task in registered_tasks(node, "")] == ["shop.Add", "shop.mail"]
    assert [(task.name, task.attributes) for task in registered_tasks(node, "MAIL")] == [("shop.mail", "rate_limit=10/m")]
    assert registered_tasks(worker(), "") == []


def test_event_counts_begin_with_the_most_frequent() -> None:
    assert event_counts(worker(event_counts={"task-started": 2, "task-received": 1200})) == [("task-received", "1,200"), ("task-started", "2")]


def test_the_pool_is_described_where_there_is_no_list_of_processes() -> None:
    assert processes_story(worker(pool="prefork", concurrency=2, processes=[1, 2])) == ""
    assert processes_story(worker(pool="threads", concurrency=8, pid=4)) == "8 threads in one process (4)."
    assert processes_story(worker(pool="solo", concurrency=1, processes=[9], pid=9)).startswith("The solo pool runs tasks in the worker's own process (9)")
