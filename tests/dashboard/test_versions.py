"""What other versions of RabbitMQ do otherwise, understood from what they answer: no broker of them is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import Broker
from brokers.routing.questions import answer
from brokers.routing.queue_types import property_refusal
from dashboard.queues.settings_text import settings_with_text
from dashboard.queues.text import story
from dashboard.workers.visibility import steps_to_see_workers


def queue(kind: str = "classic", **facts: Any) -> Any:
    known = {
        "name": "mail",
        "type": kind,
        "arguments": {},
        "policy": "",
        "operator_policy": "",
        "effective_policy": {},
        "consumers": 1,
        "active_consumers": None,
    }
    return SimpleNamespace(**{**known, "exclusive": False, "auto_delete": False, "durable": True, **facts})


@pytest.mark.parametrize(
    ("kind", "durable", "exclusive", "version", "refused"),
    [
        ("classic", False, False, (4, 3, 0), True),
        ("", False, False, (4, 3, 6), True),
        ("classic", False, True, (4, 3, 0), False),
        ("classic", True, False, (5, 0), False),
        ("classic", False, False, (4, 2, 9), False),
        ("classic", False, False, (), False),
        ("quorum", False, False, (4, 3), True),
    ],
)
def test_transient_queues_are_refused_from_4_3_on(kind: str, durable: bool, exclusive: bool, version: tuple[int, ...], refused: bool) -> None:
    assert bool(property_refusal(kind, durable, exclusive, version)) is refused


def test_an_explanation_names_a_queue_that_an_import_would_refuse() -> None:
    definitions = {"queues": [{"name": "celeryev.1", "vhost": "/", "durable": False, "auto_delete": True, "arguments": {}}], "exchanges": [], "bindings": []}
    found = {
        version: "neither durable nor exclusive"
        in str(answer({"definitions": definitions, "exchange": "", "routing_key": "celeryev.1", "broker_version": version}))
        for version in ("4.3.1", "4.0.5")
    }
    assert found == {"4.3.1": True, "4.0.5": False}


@pytest.mark.parametrize(("version", "named"), [("4.3.0", True), ("4.10.1", True), ("4.2.5", False), ("3.13.7", False), ("", False)])
def test_a_page_without_workers_names_what_such_a_broker_refuses(version: str, named: bool) -> None:
    now = timezone.now()
    broker = Broker(name="prod", state=Broker.UP, polled_at=now, poll_seconds=60, version=version)
    steps = " ".join(f"{step.title} {step.text}" for step in steps_to_see_workers([broker], [], now))
    assert ("refuses the transient queues of Celery before 5.7" in steps) is named
    assert ("541" in steps) is named


@pytest.mark.parametrize(
    ("key", "version", "why"),
    [
        ("ha-mode", "4.0.5", "RabbitMQ 4.0.5 ignores it"),
        ("ha-mode", "3.13.7", ""),
        ("ha-mode", "", ""),
        ("queue-mode", "3.12.0", "RabbitMQ 3.12.0 ignores it"),
        ("queue-mode", "3.10.8", ""),
        ("max-length", "4.1.0-rc.1", ""),
    ],
)
def test_a_setting_that_the_version_ignores_is_not_in_force(key: str, version: str, why: str) -> None:
    [found] = settings_with_text(queue(policy="p", effective_policy={key: "all"}), {key: "all"}, None, version)
    assert (found.why_not, found.in_force) == (why, not why)


@pytest.mark.parametrize(
    ("version", "arguments", "title"),
    [
        ("4.0.5", {}, "Dropped after 20 failed deliveries"),
        ("3.13.7", {}, "No redelivery limit"),
        ("", {}, "Redelivery limit unknown"),
        ("4.0.5", {"x-delivery-limit": -1}, "No redelivery limit"),
        ("4.0.5", {"x-delivery-limit": 5}, "Dropped after 5 failed deliveries"),
    ],
)
def test_quorum_queues_have_a_redelivery_limit_by_default_since_4(version: str, arguments: dict[str, Any], title: str) -> None:
    assert title in [step.title for step in story(queue("quorum", arguments=arguments), broker_version=version)]
