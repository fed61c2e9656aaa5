"""Nothing is lost or sent twice unmarked where the target, the database or the process fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection

from dashboard.findings.notified import event_text
from dashboard.models import Delivery, DeliveryItem, FindingEvent, Notice, Target
from dashboard.notifications.delivering import Deliverer
from dashboard.notifications.messages import Message
from dashboard.notifications.sending import Outcome
from tests.notifications.objects import at, close, stored_finding, target
from tests.notifications.outbox import Maintenance, Receiver, events
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


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
    assert event_text(FindingEvent(kind="not notified", text=events(mail)[0][1]), with_names=False) == "a target could not be reached"


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
            ended.wait(60)
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


def test_a_target_whose_key_is_lost_fails_with_a_sentence(receiver: Receiver, maintenance: Maintenance) -> None:
    target(secret="gAAAAA")
    stored_finding()
    maintenance.work(1)
    assert "decrypted" in Target.objects.get().last_error
    assert receiver.tried == []


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
