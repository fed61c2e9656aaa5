"""What two nodes of RabbitMQ 3.10.8 answered while one and then the other was away (recorded with `script.soak_parts.cluster`), replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brokers import store
from brokers.models import Broker, Node, Queue
from brokers.polling.poll_memory import PollMemory
from dashboard.layout.levels import node_level
from dashboard.layout.queue_levels import queue_level
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement
from tests.brokers.polled import poll_once, save_whole_poll
from tests.fault_server import FaultServer

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "cases" / "cluster" / "two_nodes_3.10.8.json").read_text())
TRUE = {"first": 5, "second": 7, "both": 3}
LOST = {"n2 away": {"second", "both"}, "n1 away": {"first", "both"}}
pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def answer(broker: FakeManagement, phase: str, many: bool) -> None:
    """`many`: as a broker with more than a thousand queues, whose columns are not read at each poll; the others are left out of the answers."""
    recorded = RECORDED[phase]
    overview = dict(recorded["overview"])
    if many:
        totals = overview["object_totals"]
        overview["object_totals"] = totals | {"queues": totals["queues"] + len(OTHERS)}
        broker.set("queues", recorded["totals"] + OTHERS, recorded["columns"] + OTHERS)
    else:
        broker.set("queues", recorded["columns"], recorded["totals"])
    broker.set("overview", overview)
    broker.set("nodes", recorded["nodes"])


OTHERS = [
    {"vhost": "/", "name": f"q{number}", "type": "classic", "state": "running", "messages_ready": 0, "messages_unacknowledged": 0} for number in range(1001)
]


def replay(broker: FakeManagement, many: bool) -> dict[str, dict[str, tuple[int | None, str]]]:
    """{phase: {queue: (depth, level's reason)}} after one poll of a moment, or two of what lasted; the depths of every poll are right or unknown."""
    row, memory, polls, shown, api = store.ensure_brokers([broker.address()], NOON)["prod"], store.BrokerMemory(), PollMemory(), {}, broker.api()
    for number, phase in enumerate(name for name in RECORDED for _ in range(1 if "just" in name else 2)):
        answer(broker, phase, many)
        at = after(5 * number)
        save_whole_poll(row.pk, poll_once(api, at, polls), at, memory, lambda: True)
        found = list(Queue.objects.filter(name__in=TRUE).select_related("broker"))
        assert sorted(queue.name for queue in found) == sorted(TRUE), phase
        assert [(queue.name, queue.depth) for queue in found if queue.gone_at or queue.depth not in (None, TRUE[queue.name])] == [], phase
        shown[phase] = {queue.name: (queue.depth, queue_level(queue, queue.broker, at).reason) for queue in found}
    return shown


@pytest.mark.parametrize("many", [False, True])
def test_each_queue_is_one_row_with_its_depth_or_lost_with_the_reason(broker: FakeManagement, many: bool) -> None:
    shown = replay(broker, many)
    for phase, queues in shown.items():
        lost = LOST.get(phase, set())
        assert {name for name, (_, reason) in queues.items() if reason.startswith(("is down", "has no"))} == lost, phase
        if phase not in ("just declared", "n1 just back"):
            assert {name: depth for name, (depth, _) in queues.items() if name not in lost} == {name: TRUE[name] for name in TRUE.keys() - lost}, phase
    assert shown["n1 away"]["both"] == (None, "has no leader: 1 of 2 members online, no majority")
    assert shown["n1 away"]["first"] == (None, "is down")
    assert shown["n2 away"]["both"] == (3, "has no majority: 1 of 2 members online")


def test_a_lost_node_and_an_alarm_are_said_of_the_node(broker: FakeManagement) -> None:
    replay(broker, many=False)
    last = Broker.objects.get()
    assert [(alarm["node"], alarm["resource"]) for alarm in last.alarms] == [("rabbit@n2", "memory")]
    assert [node_level(node, last, last.polled_at or NOON).reason for node in Node.objects.order_by("name")] == [
        "is running",
        "blocks publishers: memory alarm",
    ]
    texts = set(last.change_set.values_list("text", flat=True))
    assert {"Node rabbit@n2 is down", "Node rabbit@n2 is running again", "Node rabbit@n1 is down", "Memory alarm on rabbit@n2: publishers are blocked"} <= texts
    assert not [text for text in texts if "deleted" in text or "added" in text]
