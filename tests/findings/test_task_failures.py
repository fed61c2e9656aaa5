"""Failures of a task that jumped: against what is usual for it, shown at once, and not cleared by silence or by lasting."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dashboard.findings.outcomes import LATEST, Ended, Outcomes, TaskOutcomes
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import task_failures
from dashboard.findings.thresholds import OFF
from dashboard.models import RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, found, unsure

KEY = ("/", "shop.pay")


def ends(amount: int, failed: float, at: datetime = NOON, seconds: float = 1.0, worker: str = "a@web-1", seed: int = 1) -> Iterator[Ended]:
    """So many executions that end one after the other until `at`, a share of which fails."""
    chance = random.Random(seed)
    for number in range(amount):
        fails = chance.random() < failed
        yield Ended(*KEY, at - timedelta(seconds=seconds * (amount - 1 - number)), fails, worker, "ConnectionError('db')" if fails else "")


def after(*parts: Iterator[Ended], now: datetime = NOON, in_trouble: bool = False) -> list[TaskOutcomes]:
    outcomes = Outcomes()
    for part in parts:
        outcomes.add(part)
    return outcomes.of_each(now, [KEY] if in_trouble else [])


def jumped(outcomes: list[TaskOutcomes], in_trouble: bool = False) -> list[Found]:
    opened = {task_failures.KEY: [Object("task", KEY[1], KEY[0])]} if in_trouble else {}
    return found(task_failures, objects.facts(outcomes=outcomes, open_objects=opened))


def past(failed: float = 0.02, amount: int = 2000) -> Iterator[Ended]:
    return ends(amount, failed, NOON - timedelta(minutes=11))


def test_a_bad_deployment_shows_with_ten_executions_which_are_two_rounds_of_a_task_that_runs_once_a_second() -> None:
    assert jumped(after(past(), ends(40, 0.0, NOON - timedelta(seconds=10)), ends(4, 1.0))) == []
    (one,) = jumped(after(past(), ends(40, 0.0, NOON - timedelta(seconds=10)), ends(10, 1.0)))
    assert (one.level, one.object.name) == ("critical", "shop.pay")
    assert one.short.startswith("fails far more often than usual (")
    (partly,) = jumped(after(past(), ends(49, 0.4, seed=3)))
    assert partly.level == "warning"
    assert {evidence.name: evidence.value for evidence in one.evidence}["Exception"] == "ConnectionError('db')"


def test_exceptions_that_differ_only_in_a_number_are_one_and_the_title_stays() -> None:
    outcomes = Outcomes()
    outcomes.add(past())
    titles = set()
    for number in range(40):
        failed = number % 3 != 0
        text = f"PaymentDeclined('order {4711 + number} of c-{number}f')" if failed else ""
        outcomes.add([Ended(*KEY, NOON + timedelta(seconds=number), failed, "a@web-1", text)])
        reported = jumped(outcomes.of_each(NOON + timedelta(seconds=number), [KEY]), in_trouble=True)
        titles |= {one.whole_title for one in reported}
    (one,) = reported
    assert len(titles) == 1
    assert [(each.value, each.source) for each in one.evidence if each.name == "Exception"] == [("PaymentDeclined('order … of c-…')", "26 of 26")]
    assert "26 of 26" in one.causes[-1].evidence


def test_a_task_that_usually_fails_as_often_is_no_finding() -> None:
    assert jumped(after(past(0.4), ends(60, 0.4, seed=2))) == []
    assert len(jumped(after(past(0.4), ends(60, 0.95)))) == 1


def test_hours_of_ordinary_noise_raise_nothing() -> None:
    for seed in range(40):
        outcomes = Outcomes()
        outcomes.add(ends(1500, 0.05, NOON - timedelta(minutes=2), seconds=2, seed=seed))
        outcomes.add(ends(60, 0.05, seconds=2, seed=1000 + seed))
        assert jumped(outcomes.of_each(NOON)) == [], seed


def test_an_hour_of_trouble_is_not_usual_afterwards() -> None:
    trouble = ends(1200, 1.0, NOON - timedelta(minutes=30))
    (one,) = after(ends(7200, 0.02, NOON - timedelta(hours=1)), trouble, ends(60, 0.02))
    assert one.usual is not None and one.usual < 0.06


def test_while_a_finding_is_open_nothing_becomes_usual() -> None:
    outcomes = Outcomes()
    outcomes.add(past())
    outcomes.of_each(NOON, [KEY])
    for hour in range(24):
        outcomes.add(ends(600, 1.0, NOON + timedelta(hours=hour, minutes=10)))
        (one,) = outcomes.of_each(NOON + timedelta(hours=hour, minutes=10), [KEY])
        assert jumped([one], in_trouble=True), hour


def test_without_a_past_half_of_twenty_must_fail() -> None:
    assert jumped(after(ends(19, 1.0))) == []
    assert len(jumped(after(ends(20, 1.0)))) == 1
    assert jumped(after(ends(40, 0.3))) == []


def test_silence_does_not_clear_it() -> None:
    facts = objects.facts(
        outcomes=after(past(), now=NOON + timedelta(hours=1), in_trouble=True), open_objects={task_failures.KEY: [Object("task", "shop.pay", "/")]}
    )
    assert found(task_failures, facts) == []
    (one,) = unsure(task_failures, facts)
    assert one.covers("task", "/", "shop.pay")
    unknown = objects.facts(open_objects={task_failures.KEY: [Object("task", "gone.task", "/")]})
    assert len(unsure(task_failures, unknown)) == 1


def test_a_task_that_is_no_longer_run_and_one_that_is_off_do_not_keep_it_open_for_ever() -> None:
    key, opened = KEY, {task_failures.KEY: [Object("task", KEY[1], KEY[0])]}

    def kept_open(outcomes: list[TaskOutcomes], now: datetime, *settings: RuleSetting) -> bool:
        return bool(objects.look(task_failures, objects.facts(now=now, outcomes=outcomes, open_objects=opened), *settings))

    for hours, kept in ((23, True), (25, False)):
        now = NOON + timedelta(hours=hours)
        assert kept_open(after(past(), ends(50, 1.0), now=now, in_trouble=True), now) == kept
    restarted = Outcomes()
    assert kept_open(restarted.of_each(NOON, [key]), NOON)
    assert kept_open(restarted.of_each(NOON + timedelta(hours=23), [key]), NOON + timedelta(hours=23))
    assert not kept_open(restarted.of_each(NOON + timedelta(hours=25), [key]), NOON + timedelta(hours=25))
    off = RuleSetting(rule=task_failures.KEY, threshold=OFF, broker="*", vhost="*", name="shop.*", value=1, at=NOON)
    assert not kept_open(after(past(), in_trouble=True), NOON, off)


def test_it_clears_when_the_latest_succeed() -> None:
    outcomes = Outcomes()
    outcomes.add(past())
    outcomes.add(ends(50, 1.0))
    assert jumped(outcomes.of_each(NOON, [KEY]), in_trouble=True)
    outcomes.add(ends(LATEST, 0.0, NOON + timedelta(minutes=1)))
    cured = outcomes.of_each(NOON + timedelta(minutes=1), [KEY])
    assert jumped(cured, in_trouble=True) == []
    assert unsure(task_failures, objects.facts(outcomes=cured, open_objects={task_failures.KEY: [Object("task", *reversed(KEY))]})) == []


@pytest.mark.parametrize(("failures", "opens", "stays"), [(14, True, True), (7, False, True), (5, False, False)])
def test_it_clears_only_at_half_of_the_rise_by_which_it_opens(failures: int, opens: bool, stays: bool) -> None:
    """Of fifty, of which less than one usually fails."""
    apart = [part for _ in range(failures) for part in (ends(50 // failures, 0.0, seconds=0.01), ends(1, 1.0))]
    outcomes = after(past(), ends(50, 0.0, seconds=0.01), *apart)
    assert (bool(jumped(outcomes)), bool(jumped(outcomes, in_trouble=True))) == (opens, stays), outcomes[0].share


def test_one_worker_that_fails_alone_is_named() -> None:
    outcomes = Outcomes()
    outcomes.add(past())
    mixed = sorted([*ends(25, 1.0, worker="bad@web-2", seconds=2), *ends(25, 0.0, worker="good@web-1", seconds=2)], key=lambda one: one.at)
    outcomes.add(mixed)
    (one,) = jumped(outcomes.of_each(NOON))
    assert one.causes[0].text.startswith("bad@web-2 alone fails")
    assert one.causes[0].evidence == "25 of its 25, none of the 25 elsewhere"


def test_a_task_that_succeeds_costs_nothing_and_old_ones_are_forgotten() -> None:
    outcomes = Outcomes()
    outcomes.add(ends(100, 0.0))
    assert outcomes.of_each(NOON) == []
    outcomes.add(ends(60, 1.0))
    assert len(outcomes.of_each(NOON)) == 1
    assert outcomes.of_each(NOON + timedelta(days=2)) == []
    assert outcomes._tasks == {}


def test_hostile_names_stay_text() -> None:
    name: Any = '<b>"\n\udcff*'
    outcomes = [TaskOutcomes("/", name, 50, 50, NOON, NOON, NOON, 0.0, 0.0, 500, (("", 50, 50),), (("", 50),))]
    (one,) = found(task_failures, objects.facts(outcomes=outcomes))
    assert one.object.name == name
