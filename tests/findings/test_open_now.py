"""What is open now, for other pages: the worst first, levels of objects that agree with it, and what numbers alone say while the rules stand still."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.template.loader import render_to_string

from dashboard.findings import cards
from dashboard.findings.open_now import OpenNow, worst_first
from dashboard.findings.rule import Evidence, Found, Object, body_of
from dashboard.layout.levels import Level
from dashboard.models import Finding, FindingRound, Silence
from tests.findings import objects
from tests.findings.objects import NOON

PURE = Level("critical", "is growing and nobody consumes it")
LOOKED = FindingRound(broker_id=1, at=NOON)


def one(name: str = "mail", level: str = "warning", **values: Any) -> Finding:
    usual: dict[str, Any] = {"pk": 1, "rule": "growing", "broker": objects.broker(), "kind": "queue", "vhost": "/", "object_id": 7, "opened_at": NOON}
    return Finding(name=name, level=level, **({"title": f"{name} is growing", "short": "is growing"} | usual | values))


def opened(*found: Finding, silences: list[Silence] | None = None, rounds: tuple[FindingRound, ...] = (LOOKED,)) -> OpenNow:
    return OpenNow(found, silences or [], rounds, NOON)


def test_the_worst_comes_first_and_of_equal_ones_the_older() -> None:
    old, new, notice = one(pk=1, since=NOON - timedelta(hours=1)), one(pk=2), one(pk=3, level="notice", since=NOON - timedelta(days=1))
    assert worst_first([notice, new, old, one(pk=4, level="critical")]) == [Finding(pk=pk) for pk in (4, 1, 2, 3)]


@pytest.mark.parametrize(
    ("found", "otherwise", "level"),
    [
        ([one()], PURE, Level("warning", "is growing")),
        ([one(), one(pk=2, level="critical", short="is stuck")], Level("ok", "moves"), Level("critical", "is stuck")),
        ([], Level("ok", "is idle", "idle"), Level("ok", "is idle", "idle")),
        ([], PURE, Level("ok", PURE.reason, "watched")),
        ([one(object_id=8)], PURE, Level("ok", PURE.reason, "watched")),
        ([one()], Level("unknown", "prod is unreachable"), Level("unknown", "prod is unreachable")),
        ([one(unsure="prod is unreachable")], Level("ok", "moves"), Level("ok", "moves")),
        ([one(rule="queue_unavailable", kind="broker", object_id=1)], PURE, PURE),
    ],
)
def test_the_level_of_a_queue_is_that_of_the_worst_finding_about_it(found: list[Finding], otherwise: Level, level: Level) -> None:
    assert opened(*found).level("queue", 7, 1, otherwise) == level


def test_while_the_rules_stand_still_levels_are_what_numbers_say() -> None:
    old = FindingRound(broker_id=1, at=NOON - timedelta(minutes=1))
    for rounds in ((), (old,), (FindingRound(broker_id=2, at=NOON),)):
        assert opened(one(), rounds=rounds).level("queue", 7, 1, PURE) == PURE
        assert opened(one(), rounds=rounds).broker_level(1, Level("ok", "responds")) == Level("ok", "responds")


def test_what_is_silenced_is_counted_where_it_is() -> None:
    found = [one(pk=1, vhost="/shop"), one(pk=2, vhost="/"), one(pk=3, vhost="", kind="broker"), one(pk=4, broker=None, vhost=""), one(pk=5, name="loud")]
    quiet = opened(*found, silences=[Silence(name="mail", until=NOON + timedelta(hours=1))])
    assert [[two.pk for two in quiet.silenced_of(1, vhost)] for vhost in (None, "/shop", "/")] == [[1, 2, 3, 4], [1, 3, 4], [2, 3, 4]]
    assert [two.pk for two in quiet.silenced_of(2)] == [4]


def test_what_is_silenced_is_a_notice_and_no_cause() -> None:
    quiet = opened(one(), silences=[Silence(name="m*", until=NOON)])
    assert quiet.level("queue", 7, 1, PURE) == Level("notice", "is growing", "silenced")
    assert (quiet.causes, quiet.of(1)) == ([], [])


def test_what_is_explained_is_no_cause_and_what_is_about_hareline_is_everywhere() -> None:
    own = one("poller", pk=3, broker=None, vhost="", kind="process", object_id=None)
    found = opened(one(), one(pk=2, under_id=1), own, one(pk=4, vhost="/shop"))
    assert [each.pk for each in found.of(1)] == [1, 3, 4]
    assert [each.pk for each in found.of(1, "/shop")] == [3, 4]
    assert [each.pk for each in found.of(2)] == [3]


def test_a_broker_has_the_level_of_the_worst_finding_about_anything_of_it() -> None:
    responds = Level("notice", "has 0.2 unroutable messages/s (no binding matched)")
    assert opened(one(), one(pk=2, level="notice")).broker_level(1, responds) == Level("warning", "has 2 findings")
    assert opened().broker_level(1, responds) == Level("ok", "responds")
    assert opened(one()).broker_level(1, Level("unknown", "prod is unreachable")).word == "unknown"


@pytest.mark.parametrize(("at_least", "text"), [(False, "Since <b>"), (True, "At least since <b>")])
def test_since_when_is_a_lower_bound_where_the_beginning_was_not_seen(at_least: bool, text: str) -> None:
    found = Found("no_consumer", Object("queue", "mail"), "warning", "", summary="12 messages wait.", evidence=[Evidence("Ready", "12")])
    card = cards.card(one(since=NOON, since_at_least=at_least, body=body_of(found)))
    html = render_to_string("overview/_incident.html", {"incident": card, "now": NOON, "heading": "h2", "inner": "h3"})
    assert f"12 messages wait. {text}" in unescape(html)
    line = render_to_string("overview/_incident_line.html", {"incident": card, "now": NOON})
    assert (" at least since " in line) is at_least
    assert "<dt>Ready</dt><dd>12</dd>" in line


def test_what_a_silenced_finding_explains_is_silenced_with_it_and_comes_back_with_it() -> None:
    until = NOON + timedelta(hours=1)
    quiet = Silence(rule="worker_gone", broker="*", vhost="*", name="*", until=until)
    gone = one("w1", rule="worker_gone", kind="worker", object_id=5)
    queue, its_failures, other = one(pk=2, under_id=1), one("tasks", pk=3, under_id=2, object_id=None), one("jobs", pk=4, object_id=8)
    found = opened(gone, queue, its_failures, other, silences=[quiet])
    assert found.silenced == {1: until, 2: until, 3: until}
    assert found.causes == [other] and {each.pk for each in found.silenced_of(1)} == {1, 2, 3}
    assert found.level("queue", 7, 1, PURE) == Level("notice", "is growing", "silenced")
    assert opened(gone, queue, its_failures, other).causes == [gone, other]
