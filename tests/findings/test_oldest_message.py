"""Messages that wait for longer than is usual in their queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from brokers.usuals import Usual
from dashboard.findings.queue_context import QueueContext
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import oldest_message
from dashboard.models import RuleSetting
from tests.findings.objects import NOON, facts, found, queue, unsure

USUAL = QueueContext(usuals={7: {"oldest": Usual(200.0, 0.0, 60, hours=60)}})
OPEN = {"oldest_message": [Object("queue", "mail", "/", 7)]}


def waiting(seconds: float, **values: Any) -> Queue:
    return queue(**({"oldest_at": NOON - timedelta(seconds=seconds)} | values))


@pytest.mark.parametrize(
    ("seconds", "values", "level"),
    [
        (399, {}, None),  # twice what is usual
        (400, {}, "notice"),
        (1600, {}, "warning"),
        (9000, {"ready": 0}, None),
        (9000, {"type": "stream"}, None),
        (9000, {"name": "celery_delayed_20"}, None),
        (9000, {"state": "down"}, None),
    ],
)
def test_what_is_usual_counts(seconds: float, values: dict[str, Any], level: str | None) -> None:
    assert [one.level for one in found(oldest_message, facts(queues=[waiting(seconds, **values)], context=USUAL))] == ([level] if level else [])


def test_where_it_is_not_known_an_hour_counts_and_what_a_person_set_before_both() -> None:
    assert found(oldest_message, facts(queues=[waiting(3599)])) == []
    assert len(found(oldest_message, facts(queues=[waiting(3600)]))) == 1
    setting = RuleSetting(rule="oldest_message", threshold="age", value=30, broker="*", vhost="*", name="mail")
    assert len(found(oldest_message, facts(queues=[waiting(30)], context=USUAL), setting)) == 1
    quick = QueueContext(usuals={7: {"oldest": Usual(0.1, 0.0, 5, weeks=5)}})
    assert found(oldest_message, facts(queues=[waiting(299)], context=quick)) == []  # however quick it usually is


def test_estimates_are_marked_and_it_shows_how_it_was_learned() -> None:
    (one,) = found(oldest_message, facts(queues=[waiting(700, oldest_estimated=True)], context=USUAL))
    assert one.whole_title == "mail has messages that wait for ~11 min 40 s"
    assert one.summary.endswith("Its oldest message is ~11 min 40 s old, usually 3 min 20 s from 2 days.")
    (exact,) = found(oldest_message, facts(queues=[waiting(700)], context=USUAL))
    assert exact.whole_title == "mail has messages that wait for 11 min 40 s"
    assert exact.since == NOON - timedelta(seconds=700)


def test_an_open_one_stays_until_it_is_well_below() -> None:
    assert len(found(oldest_message, facts(queues=[waiting(320)], context=USUAL, open_objects=OPEN))) == 1
    assert found(oldest_message, facts(queues=[waiting(319)], context=USUAL, open_objects=OPEN)) == []


def test_an_age_that_is_unknown_neither_confirms_nor_clears() -> None:
    unknown = queue(oldest_at=None)
    assert found(oldest_message, facts(queues=[unknown], context=USUAL)) == []
    assert [one.covers("queue", "/", "mail") for one in unsure(oldest_message, facts(queues=[unknown], open_objects=OPEN))] == [True]
    assert unsure(oldest_message, facts(queues=[queue(oldest_at=None, ready=0, depth=0)], open_objects=OPEN)) == []


def test_what_holds_the_queue_up_explains_it() -> None:
    cause = Found("stuck", Object("queue", "mail", "/", 7), "warning", "is stuck", under="the worker")
    assert [one.under for one in found(oldest_message, facts(queues=[waiting(4000)], found=[cause]))] == ["the worker"]
