"""A broker that is not visible: why, what still works, what to do; nothing is claimed about what it hides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker, Heartbeat
from brokers.visibility import refusal
from dashboard.findings.installation import Installation
from dashboard.findings.rule import Found, identity
from dashboard.findings.rules import broker_away, own_work
from tests.findings import objects
from tests.findings.objects import NOON, found, unsure
from workers.models import EventSource


def away(facts: dict[str, Any] | None = None, **broker: Any) -> Found:
    usual = {"state": Broker.UNREACHABLE, "reason": "connection refused at rabbit-1:15671", "since": NOON - timedelta(minutes=3)}
    stood = objects.broker(**({"polled_at": NOON - timedelta(minutes=4)} | usual | broker))
    (one,) = found(broker_away, objects.facts(broker=stood, **(facts or {})))
    return one


def test_it_shows_since_when_and_why_and_the_time_of_its_numbers() -> None:
    one = away()
    assert one.whole_title == "prod is unreachable; its queues are unknown"
    assert one.summary == "Connection refused at rabbit-1:15671. Numbers are from 11:56:00."
    assert one.since == NOON - timedelta(minutes=3)


def test_what_still_works_is_shown_only_while_events_arrive() -> None:
    fresh, old = (objects.source(received_at=NOON - timedelta(seconds=seconds)) for seconds in (2, 60))
    cut = objects.source(state=EventSource.UNREACHABLE, received_at=NOON - timedelta(seconds=2))
    assert "worker nodes are live" in away({"sources": [fresh]}).meaning
    for silent in (old, cut):
        assert "worker nodes are live" not in away({"sources": [silent]}).meaning


def test_one_that_never_answered_has_no_numbers() -> None:
    assert away(polled_at=None).summary.endswith("It has never responded, so there are no numbers.")


def test_numbers_that_stand_still_without_a_poller_are_the_pollers_fault() -> None:
    stalled: dict[str, Any] = {"state": Broker.UP, "polled_at": NOON - timedelta(minutes=2)}
    assert away(**stalled).causes[0].text == "Hareline's poller is not running."
    beat = Heartbeat(kind="poller", holder="a", at=NOON)
    unknown = away({"beats": [beat]}, **stalled)
    assert unknown.causes[0].text == "The broker is slow or stands still, or Hareline's poller does."
    beat.measured = {"idle_seconds": {"prod": 0.0}}
    waiting = away({"beats": [beat]}, **stalled)
    assert (waiting.level, waiting.short, waiting.under) == ("critical", "has not answered; its queues are unknown", "")
    assert "waiting for an answer" in waiting.causes[0].text and "Hareline's log" not in " ".join(waiting.to_do)
    beat.measured = {"idle_seconds": {"prod": 9.0}}
    ours = away({"beats": [beat]}, **stalled)
    assert (ours.level, ours.short) == ("unknown", "is not being polled; its queues are unknown"), "nothing is known against the broker"
    assert ours.causes[0].text.startswith("Hareline's poller stands still")
    (above,) = found(own_work, objects.facts(broker=None, beats=[beat], installation=Installation(brokers=[objects.broker(**stalled)])))
    assert ours.under == identity(above.rule, "", above.object, above.detail)
    beat.problem = "the database is read-only"
    assert away({"beats": [beat]}, **stalled).causes[0].text == "The database is read-only."


@pytest.mark.parametrize(
    ("seconds", "shown"), [(9, ["has not answered; its queues are unknown"]), (11, []), (31, ["is not being polled; its queues are unknown"])]
)
def test_nothing_is_said_of_a_broker_until_it_is_known_whether_the_poller_stands_still(seconds: int, shown: list[str]) -> None:
    beat = Heartbeat(kind="poller", holder="a", at=NOON - timedelta(seconds=seconds), measured={"idle_seconds": {"prod": 0.0}})
    seen = objects.facts(broker=objects.broker(polled_at=NOON - timedelta(minutes=2)), beats=[beat])
    assert [one.short for one in found(broker_away, seen)] == shown
    assert len(objects.unsure(broker_away, seen)) == (not shown)


def test_a_refused_login_names_the_setting_to_look_at() -> None:
    assert "HARELINE_BROKERS" in away(state=Broker.REFUSED, reason="401").to_do[0]


def test_a_user_without_tags_needs_no_other_password() -> None:
    one = away(state=Broker.REFUSED, reason=f"{refusal('ann', 401, '(Not management user)')} (GET http://b:15672/api/overview)")
    assert one.command == "rabbitmqctl set_user_tags ann monitoring"
    assert one.causes[0].text.startswith("The password is right, but the user has no tag")
    wrong = away(state=Broker.REFUSED, reason=refusal("ann", 401, "(Login failed)"))
    assert wrong.causes[0].text == "The password is wrong, or there is no such user at the broker."


@pytest.mark.parametrize(
    ("started", "polled", "not_yet"),
    [
        ({"poller": 10}, None, True),
        ({"poller": 10}, 3600, True),  # it was polled before Hareline started again: an open finding stays, none opens
        ({"poller": 10}, 5, False),  # it answered, and no longer does
        ({"poller": 61}, None, False),
        ({"poller": 10, "second poller": 300}, None, False),
        ({"maintenance": 10}, None, True),  # no poller has reported yet
        ({"maintenance": 10, "poller": 300}, None, False),
        ({}, None, False),
    ],
)
def test_a_broker_that_has_not_answered_since_hareline_started_is_not_yet_reached_for_60_s(started: dict[str, int], polled: int | None, not_yet: bool) -> None:
    beats = [Heartbeat(kind=name.split()[-1], holder=name, at=NOON, started_at=NOON - timedelta(seconds=seconds)) for name, seconds in started.items()]
    stood = objects.broker(
        state=Broker.UNREACHABLE,
        reason="connection refused",
        since=NOON - timedelta(seconds=8),
        polled_at=None if polled is None else NOON - timedelta(seconds=polled),
    )
    seen = objects.facts(broker=stood, beats=beats)
    assert (found(broker_away, seen) == []) is not_yet
    assert [one.covers("broker", "", "prod") for one in unsure(broker_away, seen)] == [True] * not_yet
