"""What an alarm that blocks publishers explains: what began after it, as far as polls show that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.findings.grouping import grouped
from dashboard.findings.rule import Found, Kind, Object
from tests.findings.objects import NOON, broker, facts


@pytest.mark.parametrize(
    ("kind", "rule", "seconds", "is_explained"),
    [
        ("task", "periodic_missed", 5, True),
        ("task", "periodic_missed", -9, True),  # the alarm may have begun just after the poll before, of which there is one in five seconds
        ("task", "periodic_missed", -11, False),
        ("queue", "no_consumer", 5, True),
        ("queue", "dead_letters", 5, False),
        ("worker", "clock_skew", 5, False),
    ],
)
def test_what_began_with_an_alarm_stands_under_it(kind: Kind, rule: str, seconds: float, is_explained: bool) -> None:
    since = NOON - timedelta(minutes=5)
    seen = facts(broker=broker(poll_seconds=5.0))
    seen.found.append(Found("publishers_blocked", Object("broker", "prod", pk=1), "critical", "blocks publishers", since=since))
    (one,) = grouped([Found(rule, Object(kind, "orders.remind", "/"), "warning", "did not run", since=since + timedelta(seconds=seconds))], seen)
    assert bool(one.under) is is_explained
