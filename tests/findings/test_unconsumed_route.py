"""Tasks sent to a queue that no worker node consumes."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Queue
from dashboard.findings.queue_context import QueueContext
from dashboard.findings.rule import Object
from dashboard.findings.rules import unconsumed_route
from tests.findings.objects import facts, found, queue, unsure, worker

REPORTS = QueueContext(waiting={("/", "reports"): ["reports.monthly", "reports.weekly"]})


def left(**values: Any) -> Queue:
    return queue("reports", **({"consumers": 0, "active_consumers": 0, "ready": 3, "unacknowledged": 0, "depth": 3} | values))


def test_it_names_the_tasks_and_what_is_consumed_instead() -> None:
    (one,) = found(unconsumed_route, facts(queues=[left()], context=REPORTS, workers=[worker()]))
    assert (one.level, one.whole_title) == ("critical", "reports gets tasks that no worker node takes")
    assert one.summary.startswith("reports.monthly and reports.weekly wait there.")
    assert ("Queues that nodes consume", "mail", "1 node online in /") in [(evidence.name, evidence.value, evidence.source) for evidence in one.evidence]
    assert one.command == "celery -A proj worker -Q reports"


@pytest.mark.parametrize(
    "values", [{"consumers": 1}, {"depth": 0}, {"last_consumers": [{"client": "pika"}]}, {"type": "stream"}, {"state": "down"}, {"consumers": None}]
)
def test_what_is_consumed_or_was_is_no_wrong_route(values: dict[str, Any]) -> None:
    assert found(unconsumed_route, facts(queues=[left(**values)], context=REPORTS)) == []


def test_a_worker_that_is_configured_for_it_is_another_matter_even_when_it_is_gone() -> None:
    gone = worker(state="gone", queues=[{"name": "reports"}])
    assert found(unconsumed_route, facts(queues=[left()], context=REPORTS, workers=[gone])) == []
    elsewhere = worker(vhost="/other", queues=[{"name": "reports"}])
    assert [one.level for one in found(unconsumed_route, facts(queues=[left()], context=REPORTS, workers=[elsewhere]))] == ["warning"]


def test_without_known_tasks_nothing_is_claimed_and_unknown_numbers_clear_nothing() -> None:
    assert found(unconsumed_route, facts(queues=[left()])) == []
    opened = {"unconsumed_route": [Object("queue", "reports", "/", 7)]}
    assert [one.covers("queue", "/", "reports") for one in unsure(unconsumed_route, facts(queues=[left(consumers=None)], open_objects=opened))] == [True]


def test_a_name_that_a_shell_would_read_is_no_command() -> None:
    odd = left()
    odd.name = "a; rm -rf $(pwd)"
    (one,) = found(unconsumed_route, facts(queues=[odd], context=QueueContext(waiting={("/", odd.name): ["<script>"]})))
    assert one.command == ""
