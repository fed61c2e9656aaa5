"""Messages that are held beyond the consumer timeout of the broker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from dashboard.findings.queue_context import HeldTask, QueueContext
from dashboard.findings.rule import Object
from dashboard.findings.rules import consumer_timeout
from dashboard.findings.unmoved import Unmoved
from tests.findings.objects import NOON, broker, facts, found, queue, worker

HALF_AN_HOUR = timedelta(minutes=30)
ALIVE = {"broker": broker(version="3.10.8")}


def task(received: float, eta: float | None = None, name: str = "mail.later", queue: str = "mail") -> HeldTask:
    """Received so many minutes ago, due in so many."""
    return HeldTask("/", "a@web-1", name, name, queue, NOON - timedelta(minutes=received), None if eta is None else NOON + timedelta(minutes=eta))


def held(*tasks: HeldTask, timeout: timedelta | None = HALF_AN_HOUR) -> QueueContext:
    return QueueContext(held=tasks, consumer_timeout=timeout)


def unacknowledged(minutes: float, **values: Any) -> Queue:
    return queue(**({"ready": 0, "unacknowledged": 3, "depth": 3, "changed_at": NOON - timedelta(minutes=minutes)} | values))


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (task(1, eta=28), False),
        (task(1, eta=29.5), True),  # at once: it is known to be too late
        (task(23.9), False),
        (task(24), True),  # four fifths
        (task(24, eta=3), True),
        (task(40, eta=-20), True),
    ],
)
def test_a_task_counts_by_its_eta_at_once_and_else_when_the_time_is_nearly_over(one: HeldTask, counts: bool) -> None:
    assert len(found(consumer_timeout, facts(workers=[worker()], context=held(one), **ALIVE))) == counts


def test_it_is_one_finding_a_worker_with_when_rabbitmq_requeues() -> None:
    (one,) = found(consumer_timeout, facts(workers=[worker()], context=held(task(10, 60), task(2, 90, "report.build")), **ALIVE))
    assert (one.object.pk, one.whole_title) == (5, "a@web-1 holds 2 tasks that will be requeued in ~20 min")
    assert one.summary.endswith("RabbitMQ requeues the first in ~20 min.")
    shown = {evidence.name: evidence.value for evidence in one.evidence}
    assert (shown["Tasks"], shown["Held for"], shown["Consumer timeout"], shown["Latest ETA"]) == (
        "2: mail.later and report.build",
        "10 min",
        "30 min",
        "13:30:00",
    )


def test_it_is_beyond_the_timeout_only_after_it() -> None:
    (one,) = found(consumer_timeout, facts(workers=[worker()], context=held(task(31)), **ALIVE))
    assert one.whole_title == "a@web-1 holds 1 task beyond the consumer timeout"


@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        (unacknowledged(23), 0),
        (unacknowledged(24), 1),
        (unacknowledged(24, unacknowledged=0), 0),
        (unacknowledged(24, consumers=0), 0),
    ],
)
def test_messages_of_any_consumer_count_while_nothing_of_the_queue_changes(seen: Queue, counts: int) -> None:
    assert len(found(consumer_timeout, facts(queues=[seen], context=held(), **ALIVE))) == counts


@pytest.mark.parametrize(
    ("values", "version", "timeout", "counts"),
    [
        ({"arguments": {"x-consumer-timeout": 300_000}}, "3.12.0", HALF_AN_HOUR, True),  # held for 5 min
        ({"arguments": {"x-consumer-timeout": 300_000}}, "3.12.0", None, True),  # the broker itself waits for ever
        ({"effective_policy": {"consumer-timeout": 300_000}}, "3.12.0", HALF_AN_HOUR, True),
        ({"arguments": {"x-consumer-timeout": 300_000}}, "3.11.9", HALF_AN_HOUR, False),  # which does not know it
        ({}, "3.12.0", HALF_AN_HOUR, False),
    ],
)
def test_a_queues_own_timeout_counts_before_the_brokers_where_the_broker_knows_it(
    values: dict[str, Any], version: str, timeout: timedelta | None, counts: bool
) -> None:
    seen = facts(queues=[unacknowledged(5, **values)], workers=[worker()], context=held(task(5), timeout=timeout), broker=broker(version=version))
    reported = found(consumer_timeout, seen)
    assert [one.object.kind for one in reported] == (["worker", "queue"] if counts else [])
    for one in reported:
        assert next(evidence for evidence in one.evidence if evidence.name == "Consumer timeout").value == "5 min"
        assert all(evidence.source != "HARELINE_CONSUMER_TIMEOUT" for evidence in one.evidence)
    longer = unacknowledged(24, effective_policy={"consumer-timeout": 7_200_000})
    assert found(consumer_timeout, facts(queues=[longer], context=held(), broker=broker(version="3.12.0"))) == []


def test_the_queue_of_a_worker_that_holds_its_tasks_is_under_it() -> None:
    seen = facts(queues=[unacknowledged(25)], workers=[worker()], context=held(task(25, 60)), **ALIVE)
    node, mail = found(consumer_timeout, seen)
    assert mail.under == seen.identity("consumer_timeout", Object("worker", "a@web-1", "/", 5))
    assert (node.under, mail.whole_title) == ("", "mail has 3 messages unacknowledged for 25 min")


def test_a_broker_that_waits_for_ever_requeues_nothing() -> None:
    assert found(consumer_timeout, facts(queues=[unacknowledged(90)], context=held(task(90), timeout=None), **ALIVE)) == []
    assert found(consumer_timeout, facts(queues=[unacknowledged(90)], context=held(task(90)), broker=broker(version="3.8.9"))) == []


def test_that_the_memory_of_an_idle_queue_changes_does_not_begin_it_anew() -> None:
    unmoved, still = Unmoved(), {"publish_per_second": 0.0, "deliver_per_second": 0.0, "ack_per_second": 0.0, "redeliver_per_second": 0.0}
    assert unmoved.read([unacknowledged(24, **still)]) == {7: NOON - timedelta(minutes=24)}
    later = unacknowledged(1, memory_bytes=89_088, **still)
    assert unmoved.read([later]) == {7: NOON - timedelta(minutes=24)}
    context = QueueContext(consumer_timeout=HALF_AN_HOUR, unmoved=unmoved.read([later]))
    (one,) = found(consumer_timeout, facts(queues=[later], context=context, **ALIVE))
    assert one.whole_title == "mail has 3 messages unacknowledged for 24 min"


@pytest.mark.parametrize("values", [{"unacknowledged": 2}, {"ready": 1}, {"redeliver_per_second": 0.6}, {"ack_per_second": 0.2, "unacknowledged": 2}])
def test_that_a_message_comes_or_goes_does(values: dict[str, Any]) -> None:
    unmoved, still = Unmoved(), {"publish_per_second": 0.0, "deliver_per_second": 0.0, "ack_per_second": 0.0, "redeliver_per_second": 0.0}
    unmoved.read([unacknowledged(24, **still)])
    unmoved.read([unacknowledged(0, **(still | values))])
    assert unmoved.read([unacknowledged(0, **still)]) == {7: NOON}


@pytest.mark.parametrize(
    ("version", "kind", "counts"), [("4.2.1", "classic", True), ("4.3.0", "classic", False), ("4.3.0", "stream", False), ("4.3.0", "quorum", True)]
)
def test_since_rabbitmq_4_3_only_quorum_queues_have_a_timeout(version: str, kind: str, counts: bool) -> None:
    seen = facts(broker=broker(version=version), queues=[unacknowledged(25, type=kind)], workers=[worker()], context=held(task(25)))
    assert {one.object.kind for one in found(consumer_timeout, seen)} == ({"worker", "queue"} if counts else set())
