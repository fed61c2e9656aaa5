"""A round: a rule that raises is a finding, the others go on, and a broker that is away hides instead of clearing."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from brokers.models import Broker, Queue
from dashboard.findings import round
from dashboard.findings.evaluation import Evaluation
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import OWN_RULES, RULES, no_consumer
from dashboard.findings.thresholds import Thresholds
from dashboard.models import Finding, FindingEvent, FindingRound
from tests.findings import objects
from tests.findings.objects import NOON


def _rule(key: str, look: Any) -> Any:
    return SimpleNamespace(KEY=key, NAME=key, ABOUT="", NEEDS=(), THRESHOLDS=(), OPENS_AFTER=timedelta(0), CLEARS_AFTER=timedelta(0), look=look)


def test_a_rule_that_raises_is_a_finding_and_the_others_go_on() -> None:
    def fails(facts: Facts, _: Thresholds) -> Iterable[Found]:
        yield Found("broken", Object("queue", "mail"), "warning", "half a report")
        raise KeyError("ready")

    def works(facts: Facts, _: Thresholds) -> Iterable[Found]:
        yield Found("works", Object("queue", "mail"), "warning", "is growing")

    rules, logged = [_rule("broken", fails), _rule("works", works)], []
    looked = round.look(rules, objects.facts(), Thresholds(rules), lambda rule, error: logged.append((rule, type(error))))
    assert [(one.rule, one.level) for one in looked.round.found.values()] == [("rule_failed", "warning"), ("works", "warning")]
    assert looked.failed == ["broken"]
    assert logged == [("broken", KeyError)]
    assert looked.round.unsure["broken"][0].covers("queue", "/", "mail")


def test_what_is_wrong_in_an_experiment_of_the_lab_is_meant_so() -> None:
    def finds(facts: Facts, _: Thresholds) -> Iterable[Found]:
        for vhost in ("/", "hareline.7f3a.lab.12", "hareline.shop"):
            yield Found("found", Object("queue", "jobs", vhost), "warning", "is growing")

    rules = [_rule("found", finds)]
    looked = round.look(rules, objects.facts(), Thresholds(rules))
    assert [one.object.vhost for one in looked.round.found.values()] == ["/", "hareline.shop"]


@pytest.fixture
def stored() -> Queue:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=NOON - timedelta(days=1), polled_at=NOON, tried_at=NOON, poll_seconds=5.0)
    return Queue.objects.create(
        broker=broker, vhost="/", name="mail", type="classic", state="running", ready=12, unacknowledged=0, depth=12, consumers=0, active_consumers=0,
        growth_per_second=2.0, publish_per_second=2.0, nobody_consumes_since=NOON - timedelta(minutes=5), nobody_since_at_least=False,
        first_seen_at=NOON, changed_at=NOON,
    )  # fmt: skip


def _polled(seconds: float) -> tuple[Broker, datetime]:
    """The broker as after a poll so many seconds after noon, and that moment."""
    at = NOON + timedelta(seconds=seconds)
    Broker.objects.update(polled_at=at, tried_at=at)
    return Broker.objects.get(), at


@pytest.mark.django_db
def test_a_finding_from_its_beginning_to_its_end(stored: Queue) -> None:
    evaluation = Evaluation()
    assert [event.kind for event in evaluation.look_at(*_polled(0))] == ["opened"]
    (finding,) = Finding.objects.all()
    assert (finding.rule, finding.level, finding.title) == ("no_consumer", "critical", "mail is growing and nobody consumes it")
    assert finding.since == NOON - timedelta(minutes=5)
    assert evaluation.look_at(*_polled(1)) == []

    Queue.objects.update(consumers=1, active_consumers=1)
    assert evaluation.look_at(*_polled(2)) == []
    assert [event.kind for event in evaluation.look_at(*_polled(2 + no_consumer.CLEARS_AFTER.total_seconds()))] == ["closed"]
    assert Finding.objects.get().closed_at is not None

    Queue.objects.update(consumers=0)
    assert [event.kind for event in evaluation.look_at(*_polled(120))] == ["returned"]
    assert (Finding.objects.get().returned, Finding.objects.get().closed_at) == (1, None)
    assert [event.kind for event in FindingEvent.objects.order_by("pk")] == ["opened", "closed", "returned"]
    back = NOON + timedelta(seconds=120)
    assert Finding.objects.get().began == back  # and not when it was found first, as it was cured in between
    evaluation.look_at(*_polled(130))
    assert (Finding.objects.get().began, Finding.objects.get().since) == (back, NOON - timedelta(minutes=5))


@pytest.mark.django_db
def test_one_that_is_back_began_by_its_evidence_where_that_is_of_after_its_end(stored: Queue) -> None:
    evaluation = Evaluation()
    evaluation.look_at(*_polled(0))
    Queue.objects.update(consumers=1, active_consumers=1)
    for seconds in (10, 40):
        evaluation.look_at(*_polled(seconds))
    left = NOON + timedelta(seconds=60)
    Queue.objects.update(consumers=0, nobody_consumes_since=left)
    assert [event.kind for event in evaluation.look_at(*_polled(100))] == ["returned"]
    assert Finding.objects.get().began == left
    Queue.objects.update(nobody_consumes_since=NOON + timedelta(seconds=105))  # one came for a moment
    evaluation.look_at(*_polled(140))
    assert Finding.objects.get().began == left


def test_what_was_found_before_its_evidence_begins_began_when_it_was_found() -> None:
    one = Finding(opened_at=NOON, since=NOON + timedelta(minutes=2))
    assert one.began == NOON


@pytest.mark.django_db
def test_a_broker_that_is_away_hides_what_is_open_and_clears_nothing(stored: Queue) -> None:
    evaluation = Evaluation()
    evaluation.look_at(*_polled(0))
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused", since=NOON)
    broker = Broker.objects.get()
    evaluation.look_at(broker, NOON + timedelta(hours=1))
    away, hidden = Finding.objects.filter(closed_at=None).order_by("rule")
    assert (away.rule, hidden.rule, hidden.under_id) == ("broker_away", "no_consumer", away.pk)
    assert "unreachable" in hidden.unsure


@pytest.mark.django_db
def test_each_change_is_seen_by_the_tail_and_each_round_is_noted(stored: Queue) -> None:
    before = Broker.objects.get().revision
    evaluation = Evaluation()
    evaluation.look_at(*_polled(0))
    assert Broker.objects.get().revision == before + 1
    evaluation.look_at(*_polled(1))
    assert Broker.objects.get().revision == before + 1
    noted = FindingRound.objects.get()
    assert (noted.at, noted.rules, noted.failed) == (NOON + timedelta(seconds=1), len(RULES), [])


@pytest.mark.django_db
def test_hareline_itself_is_looked_at_too() -> None:
    Evaluation().look_at(None, NOON)
    assert FindingRound.objects.get().broker is None


@pytest.mark.parametrize("rule", [*RULES, *OWN_RULES], ids=lambda rule: rule.KEY)
def test_what_is_stored_says_when_and_not_how_long_ago(rule: Any) -> None:
    """A finding that is over keeps its sentences for weeks."""
    assert " ago" not in inspect.getsource(rule)
