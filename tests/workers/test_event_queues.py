"""Our queue for events at a cluster: a quorum queue, to which what waits in the classic one is moved without loss and without doubles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from amqp.basic_message import Message

from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.test_watching_faults import Sender
from workers.amqp_connection import Target
from workers.receiving.event_queues import COMPARED_SECONDS, Compared, candidates
from workers.receiving.receiver import EventFeed
from workers.sending.sender import absence_text

NAME = "hareline.test.events"


@pytest.fixture
def sender(rabbitmq: TestNode, vhost: str) -> Iterator[Sender]:
    sender = Sender(rabbitmq, vhost)
    yield sender
    sender.link.close()


def a_feed(node: TestNode, vhost: str, nodes: int) -> EventFeed:
    return EventFeed([Target(node.amqp_url(vhost), vhost)], NAME, nodes=nodes)


def queues(node: TestNode, vhost: str) -> dict[str, Any]:
    return {queue["name"]: queue["type"] for queue in node.api("GET", f"queues/{vhost}")}


@pytest.mark.parametrize(("nodes", "names"), [(1, [NAME]), (2, [NAME, f"{NAME}.spare"]), (3, [f"{NAME}.quorum", NAME]), (5, [f"{NAME}.quorum", NAME])])
def test_which_queues_may_be_used_depends_on_whether_a_majority_outlives_a_node(nodes: int, names: list[str]) -> None:
    assert [queue.name for queue in candidates(NAME, nodes)] == names


def test_what_waits_in_the_classic_queue_is_handed_out_once_and_then_it_goes(rabbitmq: TestNode, vhost: str, sender: Sender) -> None:
    before = a_feed(rabbitmq, vhost, nodes=1)
    before.connect()
    before.close()
    waiting, new = [[b'{"n": %d}' % number for number in some] for some in (range(3), range(3, 6))]
    for body in waiting:
        sender.send(body)
    feed = a_feed(rabbitmq, vhost, nodes=3)
    feed.connect()
    assert queues(rabbitmq, vhost) == {NAME: "classic", f"{NAME}.quorum": "quorum"}
    for body in new:
        sender.send(body)
    sender.link.channel().basic_publish(Message(new[0]), "", NAME)  # as if it had come while both were bound
    received: list[bytes] = []
    handed = 0

    def all_came() -> bool:
        nonlocal handed
        for delivery in feed.receive(0.2, 100):
            handed += 1
            received.extend([] if delivery.again else [delivery.body])
        return handed == 7

    wait_until(all_came)
    assert sorted(received) == sorted([*waiting, *new])
    feed.acknowledge()
    feed._next_rebind = 0.0
    wait_until(lambda: feed.receive(0.1, 100) == [] and queues(rabbitmq, vhost) == {f"{NAME}.quorum": "quorum"})
    sender.send(b"last")
    wait_until(lambda: [delivery.body for delivery in feed.receive(0.2, 100)] == [b"last"])
    feed.close()


def test_a_body_is_compared_for_a_while() -> None:
    compared = Compared()
    assert [compared.is_second(b"a", 0.0), compared.is_second(b"b", 1.0), compared.is_second(b"a", 2.0)] == [False, False, True]
    assert compared.is_second(b"a", COMPARED_SECONDS + 1) is False


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("NOT_FOUND - home node 'rabbit@n1' of durable queue 'first' in vhost '/' is down or inaccessible", "its node rabbit@n1 is down"),
        ("NOT_FOUND - no queue 'nope' in vhost '/'", ""),
        (
            "NOT_FOUND - queue 'mail' in vhost '/' process is stopped by supervisor",
            "the broker can't use it now: queue 'mail' in vhost '/' process is stopped by supervisor",
        ),
    ],
)
def test_why_a_queue_takes_no_task_is_the_brokers_own_reason(reply: str, text: str) -> None:
    assert absence_text(reply) == text
