"""Queues that come and go at each poll: rows, changes, versions and history stay bounded."""

from __future__ import annotations

import pytest
from django.db.models.functions import Length

from brokers import store
from brokers.models import Change, Queue, Snapshot, TopologyVersion
from brokers.store import BrokerMemory
from brokers.store.retention import Most, trim_history
from tests.brokers.facts import a_broker, a_poll, a_queue, a_topology, after

pytestmark = pytest.mark.django_db
POLLS, AT_ONCE = 130, 40
MOST = Most(gone=100, changes=30, versions=5)


@pytest.mark.nightly
def test_rows_changes_versions_and_frames_are_bounded() -> None:
    broker, memory = a_broker(), BrokerMemory()
    lasting = a_queue("mail", ready=3, unacknowledged=0)
    for number in range(POLLS):
        names = [f"job-{number}-{index}" for index in range(AT_ONCE)]
        topology = {"/": a_topology(*[("jobs", name, name) for name in names[:3]])}
        store.save_topology(broker.pk, topology, None, None, None, after(5 * number), memory)
        store.save_poll(broker.pk, a_poll(after(5 * number), lasting, *(a_queue(name, ready=1) for name in names)), after(5 * number), memory)
        if number % 12 == 11:  # once a minute, as the maintenance does
            trim_history(after(5 * number), 48, MOST)
    assert len(memory.queues) == 1 + 2 * AT_ONCE  # a queue is gone after the second list without it
    assert Queue.objects.filter(gone_at=None).count() == 1 + 2 * AT_ONCE
    assert Queue.objects.exclude(gone_at=None).count() <= MOST.gone + 12 * AT_ONCE
    assert (Change.objects.count() <= MOST.changes + 12 * 12, TopologyVersion.objects.count() <= MOST.versions + 12) == (True, True)
    keyframes = Snapshot.objects.filter(kind="queues", is_key=True).annotate(size=Length("data")).order_by("at").values_list("size", flat=True)
    assert len(keyframes) == 3
    assert keyframes[2] < 1.5 * keyframes[1]


def test_the_last_deleted_are_kept_and_a_queue_that_lasted_long_among_them() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for number in range(20):
        queues = [a_queue(f"job-{number}")] + [a_queue("mail")] * (number < 17)
        store.save_poll(broker.pk, a_poll(after(5 * number), *queues), after(5 * number), memory)
    trim_history(after(100), 48, Most(gone=3))
    assert list(Queue.objects.exclude(gone_at=None).order_by("pk").values_list("name", flat=True)) == ["mail", "job-16", "job-17"]
