"""One cause is one message, what nobody watches any more is over, and storing a form changes only what the form has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import Broker
from brokers.scope import EVERYTHING
from dashboard import queries, store
from dashboard.models import Delivery, DeliveryItem, Finding, FindingEvent, Notice, Silence, Target
from dashboard.notifications.messages import Item, composed
from dashboard.notifications.planning import LEAST_GROUP_SECONDS, Planner
from dashboard.notifications.targets import unusable
from tests.notifications.objects import NOON, at, close, stored_finding, target

pytestmark = pytest.mark.django_db


def test_even_without_grouping_a_message_waits_for_what_explains_its_finding() -> None:
    target(group_seconds=0)
    effect = stored_finding("mail")
    Planner().round(at(0))
    (waiting,) = Delivery.objects.all()
    assert waiting.due_at == at(LEAST_GROUP_SECONDS)
    cause = stored_finding("w1", at(2))
    Finding.objects.filter(pk=effect.pk).update(under=cause)
    Planner().round(at(2))
    assert store.begin_attempt(waiting, at(5))
    assert [item.finding.name for item in DeliveryItem.objects.select_related("finding")] == ["w1"]


def test_nobody_is_notified_of_what_a_silenced_finding_explains_and_the_history_says_why() -> None:
    target()
    cause = stored_finding("w1", rule="worker_gone")
    effect = stored_finding("mail", under=cause)
    Silence.objects.create(rule="worker_gone", broker="*", vhost="*", name="*", reason="known", until=at(3600), begun_at=at(-1), user_name="ann")
    assert Planner().round(at(0)) == 0
    texts = dict(FindingEvent.objects.filter(kind="not notified").values_list("finding__name", "text"))
    assert texts == {"w1": "silenced until 2026-11-24 13:00 UTC", "mail": "explained by another finding, which is silenced until 2026-11-24 13:00 UTC"}
    assert effect.under_id == cause.pk


def test_findings_of_a_broker_that_is_no_longer_configured_count_nowhere_and_are_closed() -> None:
    target()
    mail = stored_finding()
    Planner().round(at(0))
    assert [one.pk for one in queries.open_findings(EVERYTHING)] == [mail.pk]
    Broker.objects.update(configured=False)
    assert queries.open_findings(EVERYTHING) == queries.unexplained_open() == queries.findings_to_decide([]) == []
    assert (store.close_of_other_brokers(at(60)), store.close_of_other_brokers(at(61))) == (1, 0)
    mail.refresh_from_db()
    assert (mail.closed_at, mail.close_reason) == (at(60), "its broker is no longer configured")
    assert Planner().round(at(62)) == 1  # who was notified of it learns that it is over, and why
    assert not Notice.objects.get().open
    text = composed("d", "recovered", [Item(mail, "recovered", "i")], "", at(62)).text
    assert "Not watched any more: its broker is no longer configured" in text


def test_storing_the_form_of_a_target_leaves_what_was_stored_of_it_meanwhile() -> None:
    stored, open_form = target(), Target.objects.get()
    store.missed(stored.pk, "it refused the connection", 0.0, at(0))
    open_form.name = "oncall"
    assert store.save_target(open_form, {"name"})
    row = Target.objects.get()
    assert (row.name, row.failures, row.last_error, row.next_try_at) == ("oncall", 1, "it refused the connection", None)
    store.remove_target(stored.pk)
    assert not store.save_target(open_form, {"name"})
    assert not Target.objects.exists()


def test_targets_to_which_nothing_can_be_planned_are_listed_unless_they_are_paused() -> None:
    target()
    target(name="broken", selection={"levels": 3})
    target(name="paused", selection={"levels": 3}, paused=True)
    ((name, why, since),) = unusable(timezone.now())
    assert (name, since) == ("broken", NOON) and why.startswith("What is stored of it can't be used")


def test_an_incident_has_the_same_key_from_opening_to_recovery_and_another_one_the_next_time() -> None:
    mail = stored_finding()
    (opened,) = composed("d1", "opened", [Item(mail, "opened", "i1")], "", at(0)).incidents
    close(mail, at(60))
    mail.refresh_from_db()
    (over,) = composed("d2", "recovered", [Item(mail, "recovered", "i2")], "", at(61)).incidents
    assert (opened.is_over, over.is_over, opened.key == over.key) == (False, True, True)
    mail.opened_at += timedelta(hours=1)
    assert composed("d3", "opened", [Item(mail, "opened", "i3")], "", at(0)).incidents[0].key != opened.key
    assert composed("d4", "digest", [Item(mail, "opened", "i3")], "", at(0)).incidents == []
