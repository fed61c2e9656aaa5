"""A threshold that is set for a pattern counts for the objects that match it, whichever rule it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import PollAttempt
from dashboard.findings import rule_settings
from dashboard.findings.counters import Risen
from dashboard.findings.facts import Facts
from dashboard.findings.queue_context import QueueContext, SilentExchange
from dashboard.findings.rule import Rule
from dashboard.findings.rules import OWN_RULES, broker_flapping, churn, events_lost, unroutable, worker_gone
from dashboard.findings.rules.events_unavailable import object_of
from dashboard.findings.thresholds import OFF
from dashboard.models import RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, found
from workers.models import Worker

GONE = objects.worker(state=Worker.GONE, reason="killed", since=NOON - timedelta(minutes=5), heartbeat_at=NOON - timedelta(minutes=5), active=1)
FLAPS = [PollAttempt(at=NOON - timedelta(seconds=10 * index), answered=not index % 2, ms=1, reason="") for index in range(7)]
LOSES = QueueContext(unroutable_per_second=0.5, unroutable_polls=4, silent_exchanges=[SilentExchange(11, "/", "shop.orders", 0.5, 0.0)])
LOSES_SOMEWHERE = QueueContext(unroutable_per_second=0.5, unroutable_polls=4)
LOSING = objects.broker(unroutable_per_second=0.5)
CHURNS = objects.broker(connections_opened_per_second=12.0, connections_closed_per_second=12.0)
LOST = {("refused", 2): Risen(12, NOON - timedelta(minutes=10))}

CASES: list[Any] = [
    (worker_gone, objects.facts(workers=[GONE]), "critical_for", 60, "/", "a@web-*"),
    (events_lost, objects.facts(sources=[objects.source()], risen=LOST), "events", 500, "/", object_of(objects.source()).name),
    (churn, objects.facts(broker=CHURNS), "connections", 500, "*", "pro*"),
    (unroutable, objects.facts(broker=LOSING, context=LOSES), "rate", 5, "/", "shop.*"),
    (unroutable, objects.facts(broker=LOSING, context=LOSES_SOMEWHERE), "rate", 5, "*", "prod"),
    (broker_flapping, objects.facts(attempts=FLAPS), "outages", 50, "*", "prod"),
]


@pytest.mark.parametrize(("rule", "facts", "threshold", "value", "vhost", "name"), CASES)
def test_what_is_set_for_a_pattern_counts_for_what_matches_and_for_nothing_else(
    rule: Rule, facts: Facts, threshold: str, value: float, vhost: str, name: str
) -> None:
    def levels(pattern: str) -> list[str]:
        setting = RuleSetting(rule=rule.KEY, threshold=threshold, broker="*", vhost=vhost, name=pattern, value=value, at=NOON)
        return [one.level for one in found(rule, facts, setting)]

    usual = [one.level for one in found(rule, facts)]
    assert usual and levels("other*") == usual
    assert levels(name) == (["warning"] if rule is worker_gone else [])


@pytest.mark.parametrize("rule", OWN_RULES, ids=lambda rule: rule.KEY)
def test_a_rule_about_hareline_itself_takes_no_pattern_of_places_that_it_does_not_have(rule: Rule) -> None:
    form = rule_settings.filled_in({"threshold": OFF, "broker": "prod", "vhost": "/shop", "name": "web"}, rule)
    assert sorted(rule_settings.problems(rule, form, ["prod"])) == ["broker", "vhost"]
    assert rule_settings.problems(rule, rule_settings.filled_in({"threshold": OFF, "name": "web"}, rule), ["prod"]) == {}
