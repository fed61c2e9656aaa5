"""Failures are counted once in their groups, whatever happens between a look and the next; resolved groups open again; all of it is bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from brokers.models import Broker
from workers import store
from workers.models import FailedTask, FailureCursor, FailureEvent, FailureGroup, FailureHour, FailurePart, Task
from workers.store.failure_kinds import Limits
from workers.store.failures import begin_look, finish_look

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line {}, in pay\n    charge()\nshop.Declined: no\n'
SMALL = Limits(groups=6, messages=3, names=3, at_once=7)
pytestmark = pytest.mark.django_db


@pytest.fixture
def broker() -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=NOON)


def fail(broker: Broker, uuid: str, exception: str = "Declined('card 17')", at: datetime = NOON, **fields: Any) -> Task:
    """A task that failed; again, where it is there."""
    known: dict[str, Any] = {"name": "shop.pay", "worker": "a@web-1", "queue": "mail", "traceback": TRACEBACK.format(17), "vhost": "/", "state": "FAILURE"}
    known |= {"exception": exception, "ended_at": at, "first_seen_at": at, "changed_at": at, **fields}
    return Task.objects.update_or_create(broker=broker, uuid=uuid, defaults=known)[0]


def counts() -> dict[str, int]:
    return dict(FailureGroup.objects.order_by("pk").values_list("message", "count"))


def test_failures_of_one_kind_are_one_group_with_its_tasks_workers_and_hours(broker: Broker) -> None:
    fail(broker, "1")
    fail(broker, "2", "Declined('card 18')", LATER, traceback=TRACEBACK.format(19), worker="b@web-2")
    fail(broker, "3", "Declined('expired')", NOON + timedelta(hours=1), name="shop.renew")
    fail(broker, "4", state="SUCCESS")
    assert store.count_failures(NOON + timedelta(hours=1)) == 3
    assert counts() == {"card …": 2, "expired": 1}
    group = FailureGroup.objects.get(message="card …")
    assert (group.exception, group.place, group.first_at, group.last_at) == ("Declined", "shop/pay.py in pay", NOON, LATER)
    assert "line 19" in group.sample_traceback and group.sample_exception == "Declined('card 18')"
    parts = FailurePart.objects.filter(group=group).values_list("kind", "name", "count")
    assert set(parts) == {("task", "shop.pay", 2), ("worker", "a@web-1", 1), ("worker", "b@web-2", 1)}
    assert [count for _, count in FailureHour.objects.order_by("hour").values_list("hour", "count")] == [2, 1]


def test_each_failure_is_counted_once_and_one_that_was_stored_late_is_not_missed(broker: Broker) -> None:
    fail(broker, "1")
    assert [store.count_failures(LATER), store.count_failures(LATER)] == [1, 0]
    fail(broker, "2", changed_at=LATER - timedelta(seconds=20))  # its transaction was not over
    fail(broker, "1", changed_at=LATER)  # a later event changed its row, not its end
    assert [store.count_failures(LATER), store.count_failures(LATER)] == [1, 0]
    assert counts() == {"card …": 2}


def test_a_task_that_fails_again_counts_again_and_one_that_succeeds_later_stays_counted(broker: Broker) -> None:
    fail(broker, "1")
    store.count_failures(NOON)
    fail(broker, "1", "Declined('expired')", LATER)
    store.count_failures(LATER)
    fail(broker, "1", at=LATER + timedelta(minutes=1), state="SUCCESS")
    store.count_failures(LATER + timedelta(minutes=1))
    assert counts() == {"card …": 1, "expired": 1}
    assert FailedTask.objects.get().group.message == "expired"


def test_a_look_that_was_cut_off_leaves_nothing_and_the_next_counts_all(broker: Broker) -> None:
    fail(broker, "1")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        store.count_failures(NOON)
        raise ZeroDivisionError
    assert counts() == {} and not FailureCursor.objects.exists()
    store.count_failures(NOON)
    assert counts() == {"card …": 1}


def test_of_two_processes_that_look_at_once_one_counts(broker: Broker) -> None:
    fail(broker, "1")
    one, other = begin_look(NOON), begin_look(NOON)
    assert [finish_look(one), finish_look(other)] == [True, False]
    assert counts() == {"card …": 1}


def test_any_number_of_messages_and_exceptions_is_a_bounded_number_of_groups_and_every_failure_is_in_one(broker: Broker) -> None:
    letters = "abcdefghij"
    for at, letter in enumerate(letters):
        fail(broker, f"m{at}", f"Declined('{letter}')", NOON + timedelta(seconds=at), name=f"shop.{letter}")
    for at, letter in enumerate(letters):
        fail(broker, f"e{at}", f"E{letter}()", NOON + timedelta(minutes=1, seconds=at))
    assert store.count_failures(LATER, SMALL) == 20
    assert FailureGroup.objects.count() == 7
    assert sum(FailureGroup.objects.values_list("count", flat=True)) == 20
    others = FailureGroup.objects.get(exception="")
    assert (others.message, others.count) == ("*", 8)
    parts = FailurePart.objects.filter(group__exception="Declined", group__message="*", kind="task").values_list("name", "count")
    assert dict(parts) == {"shop.d": 1, "shop.e": 1, "shop.f": 1, "": 4}


def test_a_resolved_group_that_fails_again_opens_by_itself_and_one_whose_failure_came_late_does_not(broker: Broker) -> None:
    fail(broker, "1")
    store.count_failures(NOON)
    group = FailureGroup.objects.get()
    assert store.resolve_failures(group, "ada", "rolled back", LATER) and not store.resolve_failures(group, "bo", "", LATER)
    fail(broker, "2", at=LATER - timedelta(seconds=1))
    store.count_failures(LATER)
    group.refresh_from_db()
    assert (group.resolved_at, group.resolved_by, group.count) == (LATER, "ada", 2)
    fail(broker, "3", at=LATER + timedelta(seconds=1))
    store.count_failures(LATER)
    group.refresh_from_db()
    assert (group.resolved_at, group.reopened_at, group.reopened) == (None, LATER + timedelta(seconds=1), 1)
    events = FailureEvent.objects.order_by("pk").values_list("what", "user_name", "text")
    assert list(events) == [("resolved", "ada", "rolled back"), ("failed again", "", "")]
    assert not store.reopen_failures(group, "ada", "", LATER)


def test_what_is_past_its_retention_goes_and_counts_stay(broker: Broker) -> None:
    first, _ = fail(broker, "1"), fail(broker, "2")
    fail(broker, "3", "Declined('expired')", LATER)
    store.count_failures(LATER)
    first.delete()
    store.trim_failures(LATER, days=90)
    assert FailedTask.objects.count() == 2 and counts() == {"card …": 2, "expired": 1}
    store.trim_failures(NOON + timedelta(days=20), days=90)
    assert not FailureHour.objects.exists() and counts() == {"card …": 2, "expired": 1}
    store.trim_failures(NOON + timedelta(days=20), days=90, most_groups=2)
    assert counts() == {"expired": 1}
    store.trim_failures(NOON + timedelta(days=91), days=90)
    assert counts() == {} and not FailedTask.objects.exists()
