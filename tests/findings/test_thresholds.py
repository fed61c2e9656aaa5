"""What people set: the most specific pattern counts, of equal ones the newest."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from dashboard.findings.rule import Threshold
from dashboard.findings.thresholds import OFF, Thresholds
from dashboard.models import RuleSetting
from tests.findings.objects import NOON

RULE: Any = SimpleNamespace(KEY="growing", THRESHOLDS=(Threshold("rate", "Rate", 1.0, "/s"),))


def _set(value: float, name: str = "*", vhost: str = "*", broker: str = "*", threshold: str = "rate", minutes: int = 0) -> RuleSetting:
    return RuleSetting(rule="growing", threshold=threshold, broker=broker, vhost=vhost, name=name, value=value, at=NOON + timedelta(minutes=minutes))


def _of(*settings: RuleSetting, name: str = "mail.eu", vhost: str = "/") -> float:
    return Thresholds([RULE], settings, "prod").of("growing", "rate", vhost, name)


def test_the_default_holds_where_nothing_is_set() -> None:
    assert _of() == 1.0
    assert _of(_set(5, name="orders*"), _set(6, broker="test")) == 1.0


def test_the_most_specific_pattern_counts() -> None:
    assert _of(_set(5, name="mail.eu"), _set(6, name="mail.*"), _set(7)) == 5
    assert _of(_set(6, name="mail.*"), _set(7, vhost="/"), _set(8, broker="prod")) == 6


def test_of_equal_ones_the_newest_counts() -> None:
    assert _of(_set(5, name="mail.*"), _set(6, name="mail.*", minutes=1)) == 6


def test_a_rule_may_be_off_for_some() -> None:
    off = Thresholds([RULE], [_set(1, name="mail.*", threshold=OFF), _set(0, name="mail.eu", threshold=OFF)], "prod")
    assert [off.is_off("growing", "/", name) for name in ("mail.us", "mail.eu", "orders")] == [True, False, False]
