"""Storing polls that failed, or could not be stored, and what a restart begins with."""

from __future__ import annotations

import pytest

from brokers import queries, store
from brokers.models import Broker, Change, Snapshot
from brokers.scope import EVERYTHING
from brokers.store import BrokerMemory
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, after
from tests.brokers.test_store import texts, the_queue

pytestmark = pytest.mark.django_db


def test_a_failure_is_shown_with_its_beginning_and_no_number_becomes_zero() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=5), overview={"ready": 5}), NOON, memory)
    for seconds in (5, 10):
        store.save_failure(broker.pk, "unreachable", "connection refused at prod:15672", after(seconds), 3.0, memory)
    down = Broker.objects.get()
    assert (down.state, down.since, down.reason, down.polled_at, down.tried_at) == (
        "unreachable", after(5), "connection refused at prod:15672", NOON, after(10),
    )  # fmt: skip
    assert (down.ready, the_queue("mail").ready, down.revision) == (5, 5, 3)
    store.save_poll(broker.pk, a_poll(after(15), a_queue("mail", ready=5), overview={"ready": 5}), after(15), memory)
    up = Broker.objects.get()
    assert (up.state, up.since, up.reason) == ("up", after(15), "")
    assert texts(broker) == ["prod responds again; it was unreachable since 2026-05-04 12:00:05 UTC", "prod is unreachable: connection refused at prod:15672"]
    assert list(Snapshot.objects.filter(kind="queues").values_list("is_key", flat=True)) == [True, True, True]


def test_an_outage_begins_with_the_poll_that_failed_and_ends_with_the_answer() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON), NOON, memory)
    store.save_failure(broker.pk, "unreachable", "no answer", after(35), 30_000, memory, began_at=after(5))
    assert Broker.objects.get().since == after(5)
    late = a_poll(after(40))
    late.took_ms = 25_000
    store.save_poll(broker.pk, late, after(65), memory)
    assert Change.objects.latest("at").at == after(65)


def test_a_poll_that_can_not_be_stored_leaves_nothing_behind_and_the_next_one_works() -> None:
    broker, memory = a_broker(), BrokerMemory()
    store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=1)), NOON, memory)
    broken = a_poll(after(5), a_queue("mail", ready=2), a_queue("broken", ready="many"))
    with pytest.raises(ValueError, match="ready"):
        store.save_poll(broker.pk, broken, after(5), memory)
    assert (the_queue("mail").ready, Broker.objects.get().polled_at) == (1, NOON)
    store.save_poll(broker.pk, a_poll(after(10), a_queue("mail", ready=2)), after(10), memory)
    assert the_queue("mail").ready == 2
    assert queries.history(EVERYTHING, broker.pk, "queues", the_queue("mail").pk, ["ready"], NOON, after(10), 5).values == {"ready": [1, 1, 2]}


def test_a_restart_starts_with_a_keyframe_of_all_queues() -> None:
    broker = a_broker()
    queues = [a_queue("mail", ready=1), a_queue("idle", ready=7)]
    store.save_poll(broker.pk, a_poll(NOON, *queues), NOON, BrokerMemory())
    store.save_poll(broker.pk, a_poll(after(5), *queues), after(5), BrokerMemory())
    found = queries.sparklines(EVERYTHING, broker.pk, "queues", [the_queue("mail").pk, the_queue("idle").pk], "ready", NOON, after(5), 2)
    assert list(found.values()) == [[1, 1], [7, 7]]


def test_a_keyframe_is_written_every_five_minutes() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for number in range(121):
        store.save_poll(broker.pk, a_poll(after(5 * number)), after(5 * number), memory)
    keys = Snapshot.objects.filter(kind="queues", is_key=True).values_list("at", flat=True)
    assert list(keys) == [NOON, after(300), after(600)]
