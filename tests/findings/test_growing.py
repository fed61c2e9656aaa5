"""Queues that grow although they are consumed, decided by their depth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from brokers.usuals import Usual
from dashboard.findings.queue_context import DeadLetterSource, QueueContext
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import growing
from dashboard.models import RuleSetting
from tests.findings.objects import NOON, facts, found, node, queue, unsure

OPEN = {"growing": [Object("queue", "mail", "/", 7)]}


def full(**values: Any) -> Queue:
    usual = {"ready": 400, "unacknowledged": 0, "depth": 400, "publish_per_second": 5.0, "ack_per_second": 3.0, "growth_per_second": 2.0}
    return queue(**(usual | values))


def depth_set(value: float) -> RuleSetting:
    return RuleSetting(rule="growing", threshold="depth", value=value, broker="*", vhost="*", name="mail")


@pytest.mark.parametrize("rule", ["no_consumer", "stuck"])
def test_what_grew_while_nobody_took_from_it_does_not_count_when_somebody_does_again(rule: str) -> None:
    before = {rule: [Object("queue", "mail", "/", 7)]}
    assert found(growing, facts(queues=[full()], open_objects=before)) == []
    assert len(found(growing, facts(queues=[full()], open_objects=before | OPEN))) == 1  # that was open already
    assert len(found(growing, facts(queues=[full()], open_objects={rule: [Object("queue", "other", "/", 8)]}))) == 1


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),
        ({"depth": 100}, True),
        ({"depth": 99}, False),
        ({"growth_per_second": 0.5}, True),  # a tenth of what is published
        ({"growth_per_second": 0.49}, False),
        ({"growth_per_second": 0.0}, False),  # a queue held flat by its TTL, whatever its rates are
        ({"growth_per_second": None}, True),  # not measured yet: by rates
        ({"ack_per_second": 6.0}, False),  # drains after a burst
        ({"ack_per_second": 0.0, "deliver_per_second": 6.0}, False),  # the same, to consumers that acknowledge nothing
        ({"ack_per_second": 0.0, "deliver_per_second": 6.0, "unacknowledged": 40}, True),  # taken, and returned
        ({"publish_per_second": 0.0, "ack_per_second": 0.0, "deliver_per_second": 0.0}, True),  # dead letters: nothing counts as published
        ({"consumers": 0}, False),  # a rule of its own
        ({"type": "stream"}, False),
        ({"name": "celery_delayed_7"}, False),
        ({"state": "minority"}, False),
    ],
)
def test_what_counts(values: dict[str, Any], counts: bool) -> None:
    assert len(found(growing, facts(queues=[full(**values)]))) == counts


def test_dead_letters_count_although_more_is_acknowledged_than_published() -> None:
    fed = QueueContext(dead_letters={("/", "mail"): [DeadLetterSource(8, "orders", "dead", True)]})
    (one,) = found(growing, facts(queues=[full(publish_per_second=0.0)], context=fed))
    assert one.causes[0].text == "Dead letters of other queues arrive in it."


def test_an_open_one_stays_until_it_is_well_below_what_opened_it() -> None:
    assert len(found(growing, facts(queues=[full(depth=50, growth_per_second=0.01)], open_objects=OPEN))) == 1
    assert found(growing, facts(queues=[full(depth=49)], open_objects=OPEN)) == []
    (holds,) = found(growing, facts(queues=[full(growth_per_second=0.0, ack_per_second=5.0)], open_objects=OPEN))
    assert holds.short == "has grown to 400 messages and does not shrink"
    assert found(growing, facts(queues=[full(growth_per_second=-0.01)], open_objects=OPEN)) == []
    assert found(growing, facts(queues=[full(growth_per_second=0.0, arguments={"x-message-ttl": 5000})], open_objects=OPEN)) == []  # held flat by its TTL


def test_its_usual_depth_counts_unless_a_person_set_one() -> None:
    usual = QueueContext(usuals={7: {"depth": Usual(500.0, 20.0, 5, weeks=5)}})
    assert found(growing, facts(queues=[full()], context=usual)) == []
    (one,) = found(growing, facts(queues=[full(depth=600)], context=usual))
    assert ("Depth", "600, usually 411 to 589 at this hour, from 5 weeks") in [(evidence.name, evidence.value) for evidence in one.evidence]
    assert len(found(growing, facts(queues=[full()], context=usual), depth_set(300))) == 1
    assert found(growing, facts(queues=[full()]), depth_set(401)) == []


def test_a_length_limit_within_the_hour_is_a_warning_with_what_happens_then() -> None:
    limited = full(effective_policy={"max-length": 4000, "dead-letter-exchange": "dead"}, policy="limits")
    (one,) = found(growing, facts(queues=[limited]))
    assert (one.level, one.short) == ("warning", "reaches its length limit of 4,000 in ~30 min")
    assert one.meaning.endswith("after that, the oldest go to dead.")
    assert next(evidence for evidence in one.evidence if evidence.name == "Length limit").source == "policy limits"
    (later,) = found(growing, facts(queues=[full(arguments={"x-max-length": 40_000})]))
    assert later.level == "notice"


def test_the_memory_mark_of_its_node_is_estimated() -> None:
    home = node("rabbit@one", memory_limit_bytes=1_000_000_000, memory_used_bytes=900_000_000)
    large = full(node="rabbit@one", depth=10_000, ready=10_000, memory_bytes=100_000_000)  # 10 kB each
    (one,) = found(growing, facts(queues=[large], nodes=[home]))
    assert growing.memory_in(large, 2.0, facts(nodes=[home])) == timedelta(seconds=5000)
    assert (one.level, [evidence.value for evidence in one.evidence][-1]) == ("notice", "in ~1 h 23 min")
    (soon,) = found(growing, facts(queues=[full(node="rabbit@one", depth=10_000, memory_bytes=100_000_000, growth_per_second=10.0)], nodes=[home]))
    assert (soon.level, soon.short) == ("warning", "fills the memory of its node up to the mark in ~16 min 40 s")
    assert growing.memory_in(large, 2.0, facts()) is None


def test_fewer_consumers_than_usual_are_the_likeliest_cause() -> None:
    usual = QueueContext(usuals={7: {"consumers": Usual(4.0, 0.0, 30, hours=30)}})
    (one,) = found(growing, facts(queues=[full()], context=usual))
    assert (one.causes[0].text, one.causes[0].evidence) == ("Fewer consume it than usual: 1 consumer.", "usually 4 from 1 day")


@pytest.mark.parametrize(
    ("published", "acknowledged", "shown"),
    [(7.8, 6.8, False), (0.0, 0.0, False), (16.0, 5.2, True), (None, None, True)],
)
def test_rates_that_do_not_account_for_its_growth_are_no_cause_of_it(published: float | None, acknowledged: float | None, shown: bool) -> None:
    mail = full(growth_per_second=1.1 if published == 0 else 10.8, publish_per_second=published, ack_per_second=acknowledged, deliver_per_second=None)
    (one,) = found(growing, facts(queues=[mail]))
    assert ("more arrive than leave" in one.causes[-1].text) == shown
    assert shown or one.causes[-1].evidence == ""


def test_what_is_unknown_is_neither_confirmed_nor_cleared() -> None:
    unknown = full(growth_per_second=None, publish_per_second=None)
    assert [one.covers("queue", "/", "mail") for one in unsure(growing, facts(queues=[unknown], open_objects=OPEN))] == [True]
    assert found(growing, facts(queues=[unknown])) == []


def test_a_finding_of_the_same_queue_explains_it() -> None:
    cause = Found("dead_letters", Object("queue", "mail", "/", 7), "notice", "gets dead letters of orders")
    seen = facts(now=NOON, queues=[full()], found=[cause])
    assert [one.under for one in found(growing, seen)] == [seen.identity("dead_letters", cause.object)]
