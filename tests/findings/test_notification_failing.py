"""A target that can't be reached is itself a finding, which other targets are notified of."""

from __future__ import annotations

from typing import Any

from dashboard.findings.rules import notification_failing
from dashboard.models import Target
from tests.findings.objects import NOON, facts, found


def _target(**values: Any) -> Target:
    return Target(**({"name": "ops", "failures": 3, "failing_since": NOON, "last_failure_at": NOON, "last_error": "it refused the connection"} | values))


def test_three_failures_in_a_row_are_a_finding() -> None:
    (one,) = found(notification_failing, facts(failing_targets=[_target()]))
    assert (one.title, one.since, one.level) == ("Notifications to ops fail", NOON, "warning")
    assert one.summary == "It refused the connection."
    assert [item.value for item in one.evidence] == ["3", "never"]


def test_one_that_fails_for_the_first_time_is_none() -> None:
    assert found(notification_failing, facts(failing_targets=[_target(failures=2)])) == []
    assert found(notification_failing, facts()) == []


def test_one_to_which_nothing_can_be_planned_is_a_finding_and_only_once() -> None:
    (one,) = found(notification_failing, facts(failing_targets=[_target()], unusable_targets=[("ops", "What is stored of it can't be used (bad)", NOON)]))
    assert (one.object.name, one.title, one.level) == ("ops", "Notifications to ops can’t be planned", "warning")
    assert one.summary == "What is stored of it can't be used (bad)."
