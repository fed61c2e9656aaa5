"""A queue that only one of the broker's lists has, as a quorum queue without a leader, is never said to be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from brokers import store
from brokers.models import Queue
from brokers.polling.poll_memory import LastRead, PollMemory
from brokers.stats import BrokerStats
from dashboard.layout.queue_levels import queue_level
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, queue
from tests.brokers.polled import poll_once
from tests.fault_server import Answer, FaultServer

MEMBERS = ["rabbit@a", "rabbit@b", "rabbit@c"]
MANY = {f"q{number}": 1 for number in range(1001)}


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def quorum(**reported: Any) -> dict[str, Any]:
    return queue("orders", type="quorum", members=MEMBERS, online=MEMBERS, leader="rabbit@a", messages_ready=4, consumers=1, **reported)


def unmeasured() -> dict[str, Any]:
    """As the columns have a quorum queue whose leader has measured nothing yet."""
    return {name: value for name, value in quorum().items() if not name.startswith("messages")}


def nodes(*running: str) -> list[dict[str, Any]]:
    return [{"name": name, "running": name in running} for name in MEMBERS]


@pytest.mark.django_db
def test_it_stays_critical_without_a_leader_and_is_the_same_row_when_the_leader_is_back(broker: FakeManagement) -> None:
    broker.set_queues({"orders": 4})
    api, memory = broker.api(), PollMemory()
    row, kept = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory()
    whole, lost = ([quorum()], [quorum()]), ([quorum()], [])
    found = []
    for number, (lists, running) in enumerate(((whole, MEMBERS), (lost, ["rabbit@b"]), (lost, ["rabbit@b"]), (lost, MEMBERS), (whole, MEMBERS))):
        broker.set("queues", *lists)
        broker.set("nodes", nodes(*running))
        at = after(5 * number)
        store.save_poll(row.pk, poll_once(api, at, memory).stats, at, kept)
        (stored,) = Queue.objects.select_related("broker")
        found.append((queue_level(stored, stored.broker, at).reason, stored.depth))
    assert found == [
        ("holds 4 messages; how fast they leave is unknown", 4),
        ("has no majority: 1 of 3 members online", None),
        ("has no leader: 1 of 3 members online, no majority", None),
        ("has no leader", None),
        ("holds 4 messages; how fast they leave is unknown", 4),
    ]


def leaderless(stats: BrokerStats) -> dict[str, str | None]:
    return {found.name: found.leader for found in stats.queues.values() if found.type == "quorum"}


def test_with_many_queues_the_columns_show_what_the_totals_lack_as_often_as_their_cost_permits(broker: FakeManagement) -> None:
    rows = [queue(name, messages_ready=1) for name in MANY]
    broker.set_queues(MANY, reported=1002)
    api, memory, found = broker.api(), PollMemory(), []
    for seconds in (0, 40, 45):
        if seconds == 45:
            memory.depths.columns_read = LastRead(after(40), 9.0)
        broker.set("queues", rows, [*rows, quorum()])  # totals, columns
        broker.requested()
        stats = poll_once(api, after(seconds), memory).stats
        found.append((broker.requested().count("queues"), stats.lists_all, leaderless(stats)))
    assert found == [(2, True, {"orders": None}), (2, True, {"orders": ""}), (1, False, {"orders": ""})]


def test_without_the_columns_a_shorter_list_proves_nothing(broker: FakeManagement) -> None:
    broker.set_queues({"orders": 4})
    api, memory = broker.api(), PollMemory()
    broker.set("queues", [quorum()], [quorum()])
    poll_once(api, NOON, memory)
    broker.set("queues", Answer(status=500), [])
    stats = poll_once(api, after(5), memory).stats
    assert (list(stats.queues), stats.lists_all) == ([("/", "orders")], False)


def test_the_zero_of_a_new_leader_that_has_measured_nothing_is_unknown(broker: FakeManagement) -> None:
    broker.set_queues({"orders": 4})
    zero = quorum() | {"messages_ready": 0}
    api, memory, found = broker.api(), PollMemory(), []
    for number, columns in enumerate((unmeasured(), zero)):
        broker.set("queues", [columns], [zero])
        found.append(poll_once(api, after(5 * number), memory).stats.queues["/", "orders"].ready)
    assert found == [None, 0]


def test_with_many_queues_a_zero_is_believed_at_the_second_poll_of_a_leader(broker: FakeManagement) -> None:
    rows = [queue(name, messages_ready=1) for name in MANY]
    broker.set_queues(MANY, reported=1002)
    api, memory, found = broker.api(), PollMemory(), []
    for seconds, leader in ((0, "rabbit@a"), (5, "rabbit@a"), (10, "rabbit@b"), (15, "rabbit@b")):
        totals = [*rows, quorum() | {"messages_ready": 0, "leader": leader}]
        broker.set("queues", totals, [*rows, unmeasured()])
        found.append(poll_once(api, after(seconds), memory).stats.queues["/", "orders"].ready)
    assert found == [None, 0, None, 0]
