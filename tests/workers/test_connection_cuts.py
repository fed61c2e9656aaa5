"""A connection that breaks in the middle of a round, on a real broker: no event is lost, none is applied twice."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter

from brokers.stats import Listener
from script.soak_parts.proxy import Proxy, proxy_of
from tests.conftest import TestNode
from tests.waiting import wait_until
from tests.workers.conftest import Watching
from tests.workers.test_watching_faults import Sender
from workers.amqp_connection import Target
from workers.errors import WatchError
from workers.models import Task
from workers.receiving.receiver import MOST_BYTES, EventFeed

EVENTS, CUTS = 4000, 30


def feed_through(proxy: Proxy, node: TestNode, vhost: str) -> EventFeed:
    return EventFeed([Target(f"amqp://{node.user}:{node.password}@127.0.0.1:{proxy.port}", vhost)], "hareline.test.events")


def test_every_message_is_handed_out_exactly_once_however_often_the_connection_is_cut(rabbitmq: TestNode, vhost: str) -> None:
    choose = random.Random(7)
    sender = Sender(rabbitmq, vhost)
    with proxy_of(rabbitmq.ports["amqp"]) as proxy:
        feed = feed_through(proxy, rabbitmq, vhost)
        feed.connect()
        bodies = [b'{"type": "task-started", "hostname": "w@h", "uuid": "%d"}' % number for number in range(EVENTS)]
        for body in bodies:
            sender.send(body)
        applied: Counter[bytes] = Counter()
        for cut in range(CUTS + 1):
            feed.close()
            proxy.cut_after_bytes = None if cut == CUTS else choose.randrange(2_000, 200_000)
            with contextlib.suppress(WatchError):
                feed.connect()
                while received := feed.receive(0.3, choose.choice([1, 50, 500])):
                    applied.update(delivery.body for delivery in received if not delivery.again)
                    if choose.random() < 0.3:
                        feed.acknowledge()
        assert feed.receive(0.1, 1) == []
        feed.acknowledge()
        feed.close()
    sender.link.close()
    assert applied == Counter(bodies)


def test_nothing_is_acknowledged_twice(rabbitmq: TestNode, vhost: str) -> None:
    sender = Sender(rabbitmq, vhost)
    feed = EventFeed([Target(rabbitmq.amqp_url(vhost), vhost)], "hareline.test.events")
    feed.connect()
    for _ in range(3):
        sender.send(b"{}")
        wait_until(lambda: feed.receive(0.5, 1))
        for _ in range(2):
            feed.acknowledge()
            assert feed.receive(0.05, 1) == []
    assert feed.connected
    feed.close()
    sender.link.close()


def test_large_messages_are_received_a_few_at_a_time_so_that_what_they_hold_is_stored_soon(rabbitmq: TestNode, vhost: str) -> None:
    sender = Sender(rabbitmq, vhost)
    feed = EventFeed([Target(rabbitmq.amqp_url(vhost), vhost)], "hareline.test.events")
    feed.connect()
    for _ in range(30):
        sender.send(b" " * (MOST_BYTES // 10))
    counts = []
    while sum(counts) < 30:
        counts.append(len(feed.receive(10, 2000 if len(counts) < 2 else 10)))
        feed.acknowledge()
    assert feed.receive(0.05, 1) == []
    assert not feed.is_behind
    feed.close()
    sender.link.close()
    assert counts == [10, 10, 10]


def test_what_arrived_before_the_break_is_handed_out_before_it_is_reported(rabbitmq: TestNode, vhost: str) -> None:
    sender = Sender(rabbitmq, vhost)
    with proxy_of(rabbitmq.ports["amqp"]) as proxy:
        feed = feed_through(proxy, rabbitmq, vhost)
        feed.connect()
        feed.close()
        for number in range(1000):
            sender.send(b'{"type": "task-started", "hostname": "w@h", "uuid": "%d"}' % number)
        proxy.cut_after_bytes = 60_000
        feed.connect()
        found = len(feed.receive(10, 1000))
        assert 0 < found < 1000
        assert feed.connected
        with contextlib.suppress(WatchError):
            feed.receive(1, 1)
        assert not feed.connected
    sender.link.close()


def test_tasks_and_counts_are_right_after_cuts_amid_the_traffic(rabbitmq: TestNode, vhost: str, watching: Watching) -> None:
    sender = Sender(rabbitmq, vhost)
    published = 0

    def publish(count: int) -> None:
        nonlocal published
        for kind in ("task-received", "task-started", "task-succeeded"):
            for number in range(published, published + count):
                event = {"type": kind, "hostname": "w@h", "timestamp": time.time(), "uuid": str(number), "name": "shop.add", "clock": number}
                sender.send(json.dumps(event).encode())
        published += count

    with proxy_of(rabbitmq.ports["amqp"]) as proxy:
        watching.start(inspects=False, listeners=(Listener("", "amqp", proxy.port),))
        watching.wait_for_source(lambda source: source.state == "receiving")
        for round_ in range(1, 6):
            proxy.cut_after_bytes = 20_000
            publish(200)
            proxy.cut()
            wait_until(lambda least=2 * round_: proxy.cuts >= least, 20)
        proxy.cut_after_bytes = None
        proxy.cut()
        wanted = {f"task-{kind}": published for kind in ("received", "started", "succeeded")}
        found = watching.wait_for("w@h", lambda worker: sum(worker.event_counts.values()) >= 3 * published)
        assert found.event_counts == wanted
        watching.stop()
        assert Task.objects.filter(vhost=vhost, state="SUCCESS").count() == Task.objects.filter(vhost=vhost).count() == published
        source = watching.source()
        assert source is not None
        assert (source.events, source.refused_events) == (3 * published, 0)
    sender.link.close()
