"""What a person types for a rule: what makes sense, and how it is shown."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.findings import rule_settings
from dashboard.findings.rule import Threshold
from dashboard.findings.rules import ALL
from dashboard.findings.thresholds import OFF

RULE: Any = SimpleNamespace(KEY="growing", THRESHOLDS=(Threshold("share", "Share", 20, "%", least=1, most=100), Threshold("rate", "Rate", 0.1, "/s")))
BROKERS = ["demo", "prod"]


def _problems(**given: str) -> dict[str, str]:
    return rule_settings.problems(RULE, rule_settings.filled_in(given, RULE), BROKERS)


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"threshold": "share", "value": "lots"}, "value", "Expected a number (percent), got “lots”."),
        ({"threshold": "share", "value": ""}, "value", "A number is missing."),
        ({"threshold": "share", "value": "0"}, "value", "From 1 to 100 percent."),
        ({"threshold": "share", "value": "101"}, "value", "From 1 to 100 percent."),
        ({"threshold": "rate", "value": "-1"}, "value", "From 0 on a second."),
        ({"threshold": "rate", "value": "nan"}, "value", "Expected a number (a second), got “nan”."),
        ({"threshold": "rate", "value": "1e999"}, "value", "Expected a number (a second), got “1e999”."),
        ({"threshold": "rate", "value": "1_0"}, "value", "Expected a number (a second), got “1_0”."),
        ({"threshold": "rate", "value": "١"}, "value", "Expected a number (a second), got “١”."),
        ({"threshold": "other", "value": "1"}, "threshold", "This rule has no such threshold."),
        ({"threshold": OFF, "broker": "test"}, "broker", "No broker matches; there are demo and prod."),
        ({"threshold": OFF, "name": "x" * 501}, "name", "At most 500 characters; these are 501."),
        ({"threshold": OFF, "vhost": "a\0b"}, "vhost", "It holds a character that can't be stored."),
    ],
)
def test_what_makes_no_sense_is_said_of_its_field(given: dict[str, str], field: str, text: str) -> None:
    assert _problems(**given) == {field: text}


@pytest.mark.parametrize(
    "given", [{}, {"value": " 5 "}, {"threshold": OFF, "value": "nonsense"}, {"threshold": "rate", "value": "0.5", "broker": "pr*", "vhost": ""}]
)
def test_what_makes_sense_has_no_problems(given: dict[str, str]) -> None:
    assert _problems(**given) == {}


def test_the_default_stands_in_an_empty_form_and_empty_patterns_match_all() -> None:
    form = rule_settings.filled_in({"broker": " "}, RULE)
    assert (form.threshold, form.value, form.broker, form.vhost, form.name) == ("share", "20", "*", "*", "*")


def test_the_defaults_of_all_rules_are_within_their_own_bounds_and_every_unit_has_words() -> None:
    for rule in ALL.values():
        for one in rule.THRESHOLDS:
            assert rule_settings.value_problem(one, rule_settings.plain(one.default)) == "", (rule.KEY, one.key)
            assert one.unit in rule_settings.UNITS, (rule.KEY, one.key)
            assert rule_settings.value_text(one, one.default)
        assert min(rule.OPENS_AFTER, rule.CLEARS_AFTER) >= timedelta(0)
