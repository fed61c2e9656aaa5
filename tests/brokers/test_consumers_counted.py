"""A number of consumers that was counted before a depth says nothing about it: that nobody consumes counts once both are of the same moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from brokers import store
from brokers.models import Broker, Queue
from brokers.parts import Parts
from brokers.polling import depth_sources
from brokers.polling.poll_memory import DepthMemory
from brokers.stats import QueueStats
from tests.brokers.facts import a_broker, a_poll, a_queue, after

Seen = tuple[int, int, int, int, bool]
"""(second of the poll, second at which consumers were counted, ready, unacknowledged, consumers counted with the messages); none was counted."""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("polls", "consumers", "since"),
    [
        ([(0, 0, 4, 0, False)], 0, 0),
        ([(0, -7, 4, 0, True)], 0, 0),  # the statistics have the same depth
        ([(0, -7, 4, 0, False)], None, 0),  # none as of seven seconds earlier
        ([(0, -7, 0, 0, False)], 0, 0),  # nothing waits
        ([(0, -7, 0, 0, False), (5, -2, 281, 20, False)], None, None),  # a burst to a queue that got its consumer just before
        ([(0, -7, 4, 0, False), (5, -2, 9, 0, False)], None, 0),
        ([(0, -7, 0, 0, False), (5, -2, 281, 20, False), (10, 3, 270, 20, False)], None, None),  # they were taken after the count
        ([(0, -7, 4, 0, False), (5, -2, 9, 0, False), (10, 3, 12, 0, False)], 0, 0),  # since then, though it was not sure until now
        ([(0, -7, 4, 0, False), (5, -2, 4, 0, False), (10, 3, 4, 0, False)], 0, 0),  # nothing flows, and it becomes sure all the same
        ([(0, 0, 9, 0, False), (5, 0, 0, 9, False)], None, None),  # somebody took them
        ([(0, 0, 9, 0, False), (5, 0, 9, 0, False), (30, 0, 9, 0, False)], None, 30),  # nobody counted for a while
    ],
)
def test_nobody_consumes_once_that_is_as_new_as_the_depth(polls: list[Seen], consumers: int | None, since: int | None) -> None:
    broker, memory = a_broker(), store.BrokerMemory()
    for seconds, counted, ready, unacknowledged, together in polls:
        seen = a_queue("mail", ready=ready, unacknowledged=unacknowledged, consumers=0, memory_bytes=9, counted_together=together)
        poll = a_poll(after(seconds), seen)
        poll.consumers_at = after(counted)
        store.save_poll(broker.pk, poll, after(seconds), memory)
    queue = Queue.objects.get()
    assert (queue.consumers, queue.nobody_consumes_since) == (consumers, None if since is None else after(since))
    assert Broker.objects.get().consumers_at == after(polls[-1][1])


@pytest.mark.django_db
@pytest.mark.parametrize(("ready", "consumers"), [(4, None), (0, 0)])
def test_consumers_of_which_nobody_knows_when_they_were_counted_have_no_moment_and_show_no_lack(ready: int, consumers: int | None) -> None:
    broker = a_broker()
    poll = a_poll(after(0), a_queue("mail", ready=ready, unacknowledged=0, consumers=0, memory_bytes=9), consumers_at=None)
    store.save_poll(broker.pk, poll, after(0), store.BrokerMemory())
    assert Broker.objects.get().consumers_at is None
    assert Queue.objects.get().consumers == consumers


def test_columns_with_other_depths_than_the_totals_are_older() -> None:
    class Api:
        def queues_columns(self) -> list[QueueStats]:
            return [a_queue("same", ready=3, unacknowledged=0, consumers=0), a_queue("burst", ready=0, unacknowledged=0, consumers=0)]

        def queues_totals(self) -> list[QueueStats]:
            return [a_queue("same", ready=3, unacknowledged=0), a_queue("burst", ready=381, unacknowledged=20)]

    queues, _ = depth_sources._columns_and_totals(Api(), DepthMemory(), Parts({}, after(0)))  # type: ignore[arg-type]
    assert {key[1]: queue.counted_together for key, queue in queues.items()} == {"same": True, "burst": False}
    assert timedelta(seconds=5) < depth_sources.STATISTICS_LAG
