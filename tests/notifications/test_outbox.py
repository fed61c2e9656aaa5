"""From findings as stored to messages as sent: each once, whatever breaks in between."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, connection

from brokers.models import Broker, Queue
from dashboard import store
from dashboard.findings.evaluation import Evaluation
from dashboard.models import Delivery, DeliveryItem, Finding, FindingEvent, Notice, Silence, Target
from dashboard.notifications.delivering import Deliverer
from dashboard.notifications.messages import Message
from dashboard.notifications.planning import Planner
from dashboard.notifications.sending import Outcome
from tests.notifications.objects import NOON, at, close, stored_finding, target
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


class Receiver:
    """Takes what is sent, as a webhook does: by the ids of what happened. `outage` is what it answers meanwhile."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.tried: list[str] = []
        self.outage = ""

    def send(self, _: str, __: dict[str, Any], message: Message) -> Outcome:
        self.tried.append(message.key)
        if not self.outage:
            self.messages.append(message)
        return Outcome(self.outage)

    @property
    def received(self) -> list[tuple[str, str]]:
        """(what happened, title) of each, in the order in which they came."""
        return [(one["event"], one["title"]) for message in self.messages for one in message.body["findings"]]

    @property
    def ids(self) -> list[str]:
        return [one["id"] for message in self.messages for one in message.body["findings"]]


class Maintenance:
    """What the thread of the maintenance process does, at moments that the test sets."""

    def __init__(self, receiver: Receiver) -> None:
        self.planner, self.deliverer = Planner(least_group_seconds=0.0), Deliverer(receiver.send)

    def plan(self, now: datetime) -> int:
        self.planner._looked = float("-inf")
        return self.planner.round(now)

    def deliver(self, now: datetime) -> None:
        self.deliverer.round(now)
        wait_until(lambda: all(future.done() for _, future in self.deliverer._sending.values()))
        self.deliverer.round(now)

    def work(self, seconds: float) -> None:
        self.plan(at(seconds))
        self.deliver(at(seconds))


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def maintenance(receiver: Receiver) -> Maintenance:
    return Maintenance(receiver)


def events(finding: Finding) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in FindingEvent.objects.filter(finding=finding, kind__contains="notified").order_by("pk")]


def test_a_finding_and_its_recovery_arrive_once_and_stand_in_its_history(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    mail = stored_finding()
    for seconds in (1, 2, 3):
        maintenance.work(seconds)
    close(mail, at(60))
    for seconds in (61, 62):
        maintenance.work(seconds)
    assert receiver.received == [("opened", "mail is growing"), ("recovered", "mail is growing")]
    assert len(set(receiver.ids)) == 2
    assert events(mail) == [("notified", "ops"), ("notified", "ops")]
    assert FindingEvent.objects.filter(planned=False).count() == 0
    assert Target.objects.get().last_success_at == at(61)


def test_what_opens_together_is_one_message(receiver: Receiver, maintenance: Maintenance) -> None:
    target(group_seconds=15)
    stored_finding("mail")
    maintenance.work(0)
    stored_finding("orders", at(10))
    maintenance.work(14)
    assert receiver.messages == []
    maintenance.work(15)
    assert [len(message.body["findings"]) for message in receiver.messages] == [2]


def test_what_another_finding_comes_to_explain_while_the_message_waits_is_left_out(receiver: Receiver, maintenance: Maintenance) -> None:
    target(group_seconds=15)
    mail = stored_finding("mail")
    maintenance.work(0)
    cause = stored_finding("tasks", at(5))
    Finding.objects.filter(pk=mail.pk).update(under=cause)
    for seconds in (5, 15, 16):
        maintenance.work(seconds)
    assert receiver.received == [("opened", "tasks is growing")]
    assert events(mail) == [("not notified", "explained by another finding")]
    close(mail, at(20))
    maintenance.work(21)
    assert len(receiver.messages) == 1  # nor is its end


def test_a_message_of_which_nothing_is_left_is_not_sent(receiver: Receiver, maintenance: Maintenance) -> None:
    target(group_seconds=15)
    cause = stored_finding("tasks")
    maintenance.work(0)
    maintenance.work(15)
    mail = stored_finding("mail", at(20))
    maintenance.work(20)
    Finding.objects.filter(pk=mail.pk).update(under=cause)
    maintenance.work(40)
    assert receiver.received == [("opened", "tasks is growing")]
    assert not Delivery.objects.filter(state=Delivery.WAITING).exists()


def test_a_thousand_findings_are_one_message(receiver: Receiver, maintenance: Maintenance) -> None:
    target(group_seconds=0)
    first = stored_finding()
    rows = [Finding(**{**_values(first), "identity": f"k{number}", "name": f"q{number}"}) for number in range(999)]
    Finding.objects.bulk_create(rows)
    maintenance.work(1)
    assert [message.body["total"] for message in receiver.messages] == [1000]
    assert len(set(receiver.ids)) == 1000
    assert len(receiver.messages[0].text) < 3_100


def _values(row: Finding) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in Finding._meta.concrete_fields if field.name != "id"}


def test_a_long_outage_delays_and_loses_nothing_and_repeats_under_the_same_id(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    receiver.outage = "it answered with status 503"
    mail = stored_finding()
    seconds = 0
    while seconds < 8 * 3600:  # a fast clock
        maintenance.work(seconds)
        if seconds == 3600:
            stored_finding("orders", at(3600))
        if seconds == 2 * 3600:
            close(mail, at(seconds))
        seconds += 600
    assert len(set(receiver.tried)) == 1, "the next one waits for the first"
    assert 30 < len(receiver.tried) < 49, "with pauses that grow to ten minutes"
    row = Target.objects.get()
    assert (row.failing_since, row.last_error) == (at(0), "it answered with status 503")
    receiver.outage = ""
    for _ in range(5):
        seconds += 600
        maintenance.work(seconds)
    assert receiver.received == [("opened", "mail is growing"), ("opened", "orders is growing"), ("recovered", "mail is growing")]
    assert len(set(receiver.ids)) == 3
    assert receiver.messages[0].key == receiver.tried[0]
    assert (Target.objects.get().failures, Target.objects.get().failing_since) == (0, None)


def test_what_cant_be_delivered_for_a_day_is_given_up_and_said_so(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    receiver.outage = "it refused the connection"
    mail = stored_finding()
    for hour in range(0, 26):
        maintenance.work(3600 * hour)
    assert Delivery.objects.get().state == Delivery.FAILED
    assert events(mail) == [("not notified", "ops could not be reached: it refused the connection")]


def test_a_kill_between_sending_and_storing_repeats_the_message_under_its_id(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    stored_finding()
    maintenance.plan(at(1))
    maintenance.deliverer.round(at(1))  # it is sent, and what came of it never stored
    wait_until(lambda: receiver.messages)
    again = Maintenance(receiver)
    again.work(2)
    again.work(60)
    assert len(receiver.messages) == 2
    assert len({message.key for message in receiver.messages}) == 1
    assert len(set(receiver.ids)) == 1


def test_a_kill_before_planning_or_sending_loses_nothing(receiver: Receiver) -> None:
    target()
    stored_finding()
    Maintenance(receiver).plan(at(1))
    last = Maintenance(receiver)
    assert last.plan(at(2)) == 0
    last.deliver(at(2))
    assert receiver.received == [("opened", "mail is growing")]


def test_a_database_that_fails_while_planning_stores_nothing(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    stored_finding()

    def fails(execute: Any, sql: str, *rest: Any) -> Any:
        if "UPDATE" in sql and "findingevent" in sql:
            raise OperationalError("database is locked")
        return execute(sql, *rest)

    with connection.execute_wrapper(fails), pytest.raises(OperationalError):
        maintenance.plan(at(1))
    assert (Delivery.objects.count(), DeliveryItem.objects.count(), Notice.objects.count()) == (0, 0, 0)
    maintenance.work(2)
    assert len(receiver.messages) == 1


def test_what_was_sent_while_the_database_failed_is_stored_later_and_not_sent_again(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    stored_finding()
    maintenance.plan(at(1))
    maintenance.deliverer.round(at(1))
    wait_until(lambda: receiver.messages)

    def fails(execute: Any, sql: str, *rest: Any) -> Any:
        if "UPDATE" in sql:
            raise OperationalError("database is locked")
        return execute(sql, *rest)

    with connection.execute_wrapper(fails), pytest.raises(OperationalError):
        wait_until(lambda: maintenance.deliverer.round(at(2)) == 0)
    maintenance.work(60)
    assert len(receiver.tried) == 1
    assert Delivery.objects.get().state == Delivery.SENT


def test_a_target_that_hangs_holds_up_no_other(receiver: Receiver) -> None:
    target(name="hangs")
    target(name="works")
    stored_finding()
    ended = threading.Event()

    def send(kind: str, address: dict[str, Any], message: Message) -> Outcome:
        if not receiver.tried:
            receiver.tried.append(message.key)
            ended.wait(20)
            return Outcome("it did not answer in time")
        return receiver.send(kind, address, message)

    maintenance = Maintenance(receiver)
    maintenance.deliverer = Deliverer(send)
    maintenance.plan(at(1))
    maintenance.deliverer.round(at(1))
    wait_until(lambda: receiver.messages)
    maintenance.deliverer.round(at(2))
    assert list(Target.objects.filter(last_success_at=at(2)).values_list("name", flat=True)) == ["works"]
    ended.set()
    wait_until(lambda: all(future.done() for _, future in maintenance.deliverer._sending.values()))
    maintenance.deliverer.round(at(30))
    assert Target.objects.get(name="hangs").last_error == "it did not answer in time"


def test_silenced_findings_are_not_sent_until_that_ends(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    Silence.objects.create(rule="growing", reason="known", user_name="ada", begun_at=NOON, until=at(3600))
    mail = stored_finding()
    maintenance.work(1)
    assert events(mail) == [("not notified", "silenced until 2026-11-24 13:00 UTC")]
    maintenance.work(3599)
    assert receiver.received == []
    maintenance.work(3601)
    assert receiver.received == [("opened", "mail is growing")]


def test_a_target_whose_key_is_lost_fails_with_a_sentence(receiver: Receiver, maintenance: Maintenance) -> None:
    target(secret="gAAAAA")
    stored_finding()
    maintenance.work(1)
    assert "decrypted" in Target.objects.get().last_error
    assert receiver.tried == []


def test_a_paused_target_gets_what_is_still_open_when_it_goes_on(receiver: Receiver, maintenance: Maintenance) -> None:
    row = target(paused=True)
    mail = stored_finding()
    maintenance.work(1)
    stored_finding("orders", at(2))
    close(mail, at(3))
    maintenance.work(4)
    store.pause_target(row.pk, False, at(5))
    maintenance.work(6)
    assert receiver.received == [("opened", "orders is growing")]


def test_the_digest_is_sent_once_a_day(receiver: Receiver, maintenance: Maintenance) -> None:
    target(at_once=False, digest_hour=12)
    stored_finding()
    for seconds in (-60, 1, 2, 3600):
        maintenance.work(seconds)
    assert [message.title for message in receiver.messages] == ["Today: 1 finding open (1 critical)"]


def test_a_target_of_which_nothing_can_be_planned_holds_up_no_other(receiver: Receiver, maintenance: Maintenance, caplog: pytest.LogCaptureFixture) -> None:
    target(name="a digest", digest_hour=239)
    target(name="a schedule", schedule={"begins": "soon"})
    target(name="a selection", selection={"levels": 5})
    target(name="good", digest_hour=12, at_once=False)
    row = stored_finding()
    for seconds in (1, 2, 3):
        maintenance.work(seconds)
    assert sorted(Delivery.objects.values_list("target__name", "kind")) == [("a digest", "opened"), ("good", "digest")]
    assert caplog.text.count("nothing can be planned for a target") == 3, "each once"
    assert row.events.filter(kind="notified").exists()


def test_a_message_that_cant_be_made_holds_up_no_other_target_and_is_given_up(receiver: Receiver, maintenance: Maintenance) -> None:
    target(name="bad", selection={"names": ["broken"]})
    target(name="good", selection={"names": ["mail"]})
    broken = stored_finding("broken", body={"evidence": 5})
    stored_finding("mail")
    maintenance.work(1)
    assert receiver.received == [("opened", "mail is growing")]
    row = Target.objects.get(name="bad")
    assert (row.failures, row.last_error) == (1, "the message could not be made (ValidationError)")
    assert row.next_try_at is not None and row.next_try_at > at(1)
    for hour in range(1, 26):
        maintenance.work(3600 * hour)
    assert Delivery.objects.get(target=row).state == Delivery.FAILED
    assert events(broken) == [("not notified", "bad could not be reached: the message could not be made (ValidationError)")]


def test_old_messages_are_deleted(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    stored_finding()
    maintenance.work(1)
    assert store.trim_deliveries(at(86400 * 29), 30) == 0
    assert store.trim_deliveries(at(86400 * 31), 30) == 1
    assert Notice.objects.count() == 1, "so that it is not sent again"


def test_from_a_queue_that_nobody_consumes_to_a_message_and_its_recovery(receiver: Receiver, maintenance: Maintenance) -> None:
    target()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=NOON, polled_at=NOON, tried_at=NOON, poll_seconds=5.0)
    Queue.objects.create(
        broker=broker, vhost="/", name="mail", type="classic", state="running", ready=12, unacknowledged=0, depth=12, consumers=0, active_consumers=0,
        growth_per_second=2.0, publish_per_second=2.0, nobody_consumes_since=at(-300), nobody_since_at_least=False, first_seen_at=NOON, changed_at=NOON,
    )  # fmt: skip
    evaluation = Evaluation()
    for seconds in (0, 60):
        Broker.objects.update(polled_at=at(seconds), tried_at=at(seconds))
        evaluation.look_at(Broker.objects.get(), at(seconds))
        maintenance.work(seconds)
    assert receiver.received == [("opened", "mail is growing and nobody consumes it")]
    text = receiver.messages[0].text
    for words in ("[critical] mail is growing and nobody consumes it", "prod /, queue mail", "since 2026-11-24 11:55:00 UTC", "What to do: "):
        assert words in text
    Queue.objects.update(consumers=1, active_consumers=1, growth_per_second=-2.0)
    for seconds in (120, 240):
        Broker.objects.update(polled_at=at(seconds), tried_at=at(seconds))
        evaluation.look_at(Broker.objects.get(), at(seconds))
        maintenance.work(seconds)
    assert [event for event, _ in receiver.received] == ["opened", "recovered"]
