"""Periodic tasks that did not run, planted by a stored history: found, grouped under their scheduler, and cleared by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from brokers.models import Broker, VirtualHost
from dashboard.findings.evaluation import Evaluation
from dashboard.findings.links import address_of
from dashboard.findings.missed_runs import Expected
from dashboard.findings.rule import Link
from dashboard.findings.rules import periodic_missed
from dashboard.models import Finding, RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, found, unsure
from workers.models import EventSource, Task, TaskStatistic, Worker

MINUTE = timedelta(minutes=1)
KIND = {"vhost": "/", "schedule": "every 1 min", "is_observed": False, "is_known": True, "read_at": NOON, "sources": ("a@web",)}


def expected(name: str, missed: int = 0, **more: Any) -> Expected:
    since = NOON - missed * MINUTE if missed else None
    return Expected(**(KIND | {"name": name, "task": f"shop.{name}", "missed": missed, "since": since, "last_run_at": NOON - (missed + 1) * MINUTE} | more))


def test_what_did_not_run_is_found_with_its_schedule_and_what_ran_is_not() -> None:
    (one,) = found(periodic_missed, objects.facts(expected=[expected("tick", 2), expected("tock")]))
    assert (one.object.name, one.object.vhost, one.level, one.detail) == ("shop.tick", "/", "warning", "tick")
    assert one.whole_title.startswith("shop.tick (tick) was due at ") and one.whole_title.endswith(" and did not run")
    assert {each.name: each.value for each in one.evidence} == {"Schedule": "every 1 min", "Runs missed": "2", "Last run": one.evidence[2].value}
    assert one.evidence[0].source == "reported by a@web"


def test_an_observed_period_may_be_missed_once_and_one_that_never_ran_is_a_notice() -> None:
    observed = {"is_observed": True, "task": "shop.cron", "sources": ()}
    assert found(periodic_missed, objects.facts(expected=[expected("shop.cron", 1, **observed)])) == []
    (one,) = found(periodic_missed, objects.facts(expected=[expected("shop.cron", 2, **observed)]))
    assert one.whole_title.startswith("shop.cron was expected at ") and "ten periods" in one.clears
    (never,) = found(periodic_missed, objects.facts(expected=[expected("nightly", 1, last_run_at=None)]))
    assert (never.level, never.summary) == ("notice", "No run of it was seen in the last 24 hours.")


def test_several_none_of_which_runs_are_explained_by_their_scheduler() -> None:
    facts = objects.facts(expected=[expected("tick", 3), expected("tock", 1)])
    above, *below = found(periodic_missed, facts)
    assert (above.object.kind, above.whole_title) == ("vhost", "No periodic task of / runs: 2 were due")
    assert {one.under for one in below} == {facts.identity(periodic_missed.KEY, above.object)} and len(below) == 2


def test_what_is_not_known_is_neither_missed_nor_cleared() -> None:
    facts = objects.facts(expected=[expected("tick", 0, is_known=False), expected("tock", 1)])
    assert [one.object.name for one in found(periodic_missed, facts)] == ["shop.tock"]
    assert [(one.kind, one.name) for one in unsure(periodic_missed, facts)] == [("vhost", None), ("task", "shop.tick")]


def test_people_set_how_many_may_be_missed_or_switch_it_off() -> None:
    facts = objects.facts(expected=[expected("tick", 2), expected("tock")])
    for threshold, value in (("missed", 3), ("off", 1)):
        setting = RuleSetting(rule=periodic_missed.KEY, threshold=threshold, broker="*", vhost="*", name="shop.*", value=value, at=NOON)
        assert found(periodic_missed, facts, setting) == []


@pytest.mark.django_db
def test_a_schedule_and_a_period_whose_runs_stop_are_found_and_cleared_by_the_next_runs() -> None:
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, tried_at=now, poll_seconds=5, revision=1)
    VirtualHost.objects.create(broker=broker, name="/", first_seen_at=now)
    source = EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, since=now - timedelta(days=2), received_at=now, beat_at=now)
    tick = {"name": "tick", "task": "shop.tick", "schedule": 60.0, "args": "()", "kwargs": "{}", "queue": None}
    periodic = {"timezone": "UTC", "entries": [tick]}
    seen = {"first_seen_at": now, "changed_at": now}
    Worker.objects.create(broker=broker, vhost="/", hostname="a@web", state="online", since=now, heartbeat_at=now, queues=[], periodic=periodic, **seen)

    def ran(name: str, at: Any) -> None:
        Task.objects.create(
            broker=broker, vhost="/", uuid=f"{name} {at}", name=name, state="SUCCESS", sent_at=at, args="()", kwargs="{}", first_seen_at=at, changed_at=at
        )

    for number in range(20):
        ran("shop.tick", now - number * MINUTE)
        ran("shop.cron", now - number * MINUTE)
    counts = dict.fromkeys(("sent", "received", "started", "succeeded"), 20) | dict.fromkeys(("retried", "rejected", "revoked", "failed"), 0)
    hour = int(now.timestamp()) // 3600 * 3600
    TaskStatistic.objects.create(broker=broker, vhost="/", seconds=3600, start=hour, name="shop.cron", queue="", sketches=b"", **counts)
    evaluation = Evaluation()

    def open_at(at: Any) -> set[str]:
        EventSource.objects.update(received_at=at, beat_at=at)
        Worker.objects.update(heartbeat_at=at)
        evaluation.look_at(Broker.objects.get(), at)
        return set(Finding.objects.filter(rule=periodic_missed.KEY, closed_at=None).values_list("title", flat=True))

    assert open_at(now) == set()
    later = now + 4 * MINUTE
    titles = open_at(later)
    assert {title.split(" was ")[0] for title in titles} == {"shop.tick (tick)", "shop.cron", "No periodic task of / runs: 2 were due"}
    source.state = EventSource.REFUSED
    source.save()
    assert open_at(later + MINUTE) == titles  # what runs is unknown, so nothing is cleared
    source.state = EventSource.RECEIVING
    source.save()
    ran("shop.tick", later + 2 * MINUTE)
    ran("shop.cron", later + 2 * MINUTE)
    assert open_at(later + 2 * MINUTE + timedelta(seconds=5)) == set()


def test_its_links_lead_to_the_page_of_periodic_tasks() -> None:
    finding = Finding(broker=Broker(name="prod"), vhost="/")
    assert address_of(Link("Periodic tasks", "periodic"), finding) == "/tasks/periodic/?broker=prod&vhost=%2F"
