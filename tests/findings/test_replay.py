"""The rules over recorded numbers of a queue: what they would have found, when, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dashboard.findings.replay import NUMBERS, REPLAYED, Span, as_it_was, replay, total_seconds
from dashboard.findings.rules import ALL
from dashboard.findings.thresholds import OFF, Thresholds
from dashboard.models import RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON

MINUTE = timedelta(minutes=1)
HEALTHY: dict[str, float | None] = {
    "ready": 5, "unacknowledged": 1, "consumers": 2, "publish_per_second": 5, "deliver_per_second": 5, "ack_per_second": 5, "redeliver_per_second": 0,
    "memory_bytes": 9000,
}  # fmt: skip
UNKNOWN: dict[str, float | None] = dict.fromkeys(HEALTHY)
ALONE = HEALTHY | {"consumers": 0, "deliver_per_second": 0, "ack_per_second": 0}


def _times(count: int) -> list[datetime]:
    return [NOON + MINUTE * place for place in range(count)]


def _replayed(rule: str, minutes: Sequence[dict[str, float | None]], *settings: RuleSetting) -> list[Span]:
    times = _times(len(minutes))
    past = as_it_was(objects.queue(), times, {name: [minute[name] for minute in minutes] for name in NUMBERS})
    return replay(ALL[rule], objects.facts(now=times[-1]), times, past, Thresholds(ALL.values(), settings, "prod"))


def _minutes(spans: Sequence[Span]) -> list[tuple[int, int | None]]:
    return [((one.opened_at - NOON) // MINUTE, (one.ended_at - NOON) // MINUTE if one.ended_at else None) for one in spans]


def test_a_consumer_that_left_and_came_back_is_one_finding_with_its_time() -> None:
    spans = _replayed("no_consumer", [HEALTHY] * 3 + [ALONE | {"ready": 50 * n} for n in range(1, 6)] + [HEALTHY] * 4)
    assert _minutes(spans) == [(4, 9)]  # gone at minute 8, and closed with the next one
    assert spans[0].title.startswith("mail ") and total_seconds(spans, NOON + 12 * MINUTE) == 300


def test_what_is_unknown_neither_opens_nor_closes() -> None:
    assert _minutes(_replayed("no_consumer", [HEALTHY, ALONE, ALONE, *[UNKNOWN] * 30, ALONE, HEALTHY, HEALTHY])) == [(2, 35)]
    assert _replayed("no_consumer", [UNKNOWN] * 5) == []


def test_what_is_still_so_at_the_end_is_open() -> None:
    assert _minutes(_replayed("no_consumer", [HEALTHY, ALONE, ALONE])) == [(2, None)]


def test_what_is_back_soon_is_the_same_finding() -> None:
    found = _replayed("no_consumer", [ALONE, ALONE, HEALTHY, HEALTHY, HEALTHY, ALONE, ALONE])
    assert _minutes(found) == [(1, None)]


def test_a_rule_that_is_off_for_the_queue_would_have_found_nothing() -> None:
    off = RuleSetting(rule="no_consumer", threshold=OFF, broker="*", vhost="*", name="ma*", value=1, at=NOON)
    assert _replayed("no_consumer", [ALONE] * 5, off) == []


def test_a_healthy_day_has_no_finding_of_any_rule() -> None:
    day = [HEALTHY | {"ready": 5 + minute % 7} for minute in range(200)]
    assert {rule: _replayed(rule, day) for rule in REPLAYED if rule in ALL} == {rule: [] for rule in REPLAYED if rule in ALL}


def test_a_threshold_decides_what_there_would_have_been() -> None:
    day: list[Any] = [HEALTHY] * 5 + [HEALTHY | {"ready": 300 * n, "publish_per_second": 10} for n in range(1, 10)] + [HEALTHY] * 5
    assert len(_replayed("growing", day)) == 1
    higher = RuleSetting(rule="growing", threshold="depth", broker="*", vhost="*", name="*", value=1e6, at=NOON)
    assert _replayed("growing", day, higher) == []
