"""Since when nobody consumes a queue: exact where we saw the last consumer leave, else "at least", and from anew after a gap in the polls."""

from __future__ import annotations

from datetime import datetime

import pytest

from brokers import store
from brokers.models import Broker, Queue
from brokers.stats import NodeStats
from tests.brokers.facts import a_broker, a_poll, a_queue, after

pytestmark = pytest.mark.django_db
RESTARTED = "restarted"


@pytest.mark.parametrize(
    ("polls", "since", "at_least"),
    [
        ([(0, 0)], 0, True),  # so it was when we first looked
        ([(0, 0), (5, 0), (10, 0)], 0, True),
        ([(0, 1), (5, 0), (10, 0)], 5, False),  # seen leaving
        ([(0, 1), (5, None), (10, 0)], 10, True),
        ([(0, 1), (5, 0), (10, "failed"), (15, 0)], 15, True),  # it may have had consumers meanwhile
        ([(0, 1), (5, "failed"), (10, 0)], 10, True),
        ([(0, 1), (5, 0), (10, "failed"), (15, 1), (20, 0)], 20, False),
        ([(0, 1), (5, 0), (60, 0)], 60, True),  # nobody polled for a while
        ([(0, 1), (5, 0), (10, RESTARTED)], 10, True),  # the broker was started anew between two polls
        ([(0, 1), (5, RESTARTED), (10, 0)], 5, True),
        ([(0, 0), (5, 1)], None, None),
        ([(0, 0), (5, None)], None, None),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_since_when(polls: list[tuple[int, int | str | None]], since: int | None, at_least: bool | None, restarted: bool) -> None:
    """`restarted`: another poller stores each poll."""
    broker, memory = a_broker(), store.BrokerMemory()
    for seconds, seen in polls:
        memory = store.BrokerMemory() if restarted else memory
        if seen == "failed":
            store.save_failure(broker.pk, Broker.UNREACHABLE, "refused", after(seconds), 1.0, memory)
            continue
        consumers = 0 if seen == RESTARTED else seen
        node = NodeStats("rabbit@a", True, uptime_ms=1000 if seen == RESTARTED else 10_000_000)
        store.save_poll(broker.pk, a_poll(after(seconds), a_queue("mail", ready=0, consumers=consumers, memory_bytes=9), nodes=[node]), after(seconds), memory)
    queue = Queue.objects.get()
    wanted: datetime | None = None if since is None else after(since)
    assert (queue.nobody_consumes_since, queue.nobody_since_at_least) == (wanted, at_least)
