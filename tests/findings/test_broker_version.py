"""What a version of the broker refuses or ignores, or is about to."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.findings.queue_context import QueueContext, VersionFacts
from dashboard.findings.rules import broker_version
from tests.findings.objects import broker, facts, found, queue, worker

ALL = VersionFacts("/", 2, ["a@web-1.celery.pidbox", "celeryev.1"], ["ha-all"], 3)


@pytest.mark.parametrize(
    ("version", "details"),
    [
        ("3.13.7", []),
        ("4.0.5", ["mirrored", "transient", "prefetch"]),
        ("4.2.1", ["mirrored", "transient", "prefetch"]),
        ("4.3.0", ["mirrored", "prefetch"]),  # they can't be there: it refuses them
        ("LavinMQ-2.1.0", []),
        ("", []),
    ],
)
def test_what_counts_by_version(version: str, details: list[str]) -> None:
    assert [one.detail for one in found(broker_version, facts(broker=broker(version=version), context=QueueContext(versions=[ALL])))] == details


def test_what_is_not_there_is_not_found() -> None:
    assert found(broker_version, facts(broker=broker(version="4.0.5"), context=QueueContext(versions=[VersionFacts("/")]))) == []


def test_the_texts_name_what_it_is_about() -> None:
    mirrored, transient, _ = found(broker_version, facts(broker=broker(version="4.0.5"), context=QueueContext(versions=[ALL])))
    assert (mirrored.level, mirrored.whole_title) == ("warning", "/ has policies that mirror queues, without effect")
    assert mirrored.summary == "ha-all sets ha-mode, which RabbitMQ 4.0 removed."
    assert (transient.level, transient.whole_title) == ("notice", "/ has transient queues that RabbitMQ 4.3 refuses")


def software(version: str, ident: str = "py-celery") -> dict[str, Any]:
    return {"software": {"ident": ident, "version": version}}


@pytest.mark.parametrize(
    ("values", "details"),
    [
        (software("5.4.0"), ["old"]),
        (software("5.5.0"), []),
        (software("5.10.1"), []),
        (software("1.2", "something"), []),
        ({"software": {}}, []),
        ({"state": "gone", **software("5.4.0")}, []),
    ],
)
def test_quorum_queues_and_the_celery_of_their_workers(values: dict[str, Any], details: list[str]) -> None:
    quorum = QueueContext(quorum_queues=[queue(type="quorum")])
    assert [one.detail for one in found(broker_version, facts(broker=broker(version="3.10.8"), context=quorum, workers=[worker(**values)]))] == details


@pytest.mark.parametrize(
    ("scheduled", "limit", "values", "levels"),
    [
        (8, 8, {}, ["warning"]),  # the worker reports a prefetch count of 16, which its consumer does not have
        (8, 8, {"ready": 0}, ["notice"]),
        (7, 8, {}, []),  # one of the eight runs
        (8, 16, {}, []),  # another one has room
        (8, None, {}, []),  # its consumers may hold any number
        (8, 8, {"unacknowledged": 5}, []),  # the others are of another queue
        (0, 8, {}, []),
    ],
)
def test_a_quorum_queue_that_tasks_with_an_eta_hold_up(scheduled: int, limit: int | None, values: dict[str, Any], levels: list[str]) -> None:
    held = queue(type="quorum", **{"ready": 3, "unacknowledged": 8} | values)
    context = QueueContext(quorum_queues=[held], consumer_limits={} if limit is None else {(held.vhost, held.name): limit})
    holder = worker(scheduled=scheduled, prefetch=8 + scheduled, **software("5.7.0"))
    assert [one.level for one in found(broker_version, facts(broker=broker(version="3.10.8"), context=context, workers=[holder]))] == levels
