"""From findings as stored to messages as sent: each once, whatever breaks in between."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Broker, Queue
from dashboard import store
from dashboard.findings.evaluation import Evaluation
from dashboard.models import Delivery, Finding, FindingEvent, Notice, Silence, Target
from tests.notifications.objects import NOON, at, close, stored_finding, target
from tests.notifications.outbox import Maintenance, Receiver, events

pytestmark = pytest.mark.django_db


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
