"""The short form of `script/soak cluster`: two nodes, polled here instead of by processes; each is lost and comes back, and an
alarm is raised and cleared. What is shown of either loss is in test_recorded_cluster.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import amqp
import pytest
from amqp.basic_message import Message

from brokers import store
from brokers.addresses import parse_brokers
from brokers.models import Broker, Queue
from dashboard.layout.queue_levels import queue_level
from script.soak_parts.cluster import Cluster, Member
from script.soak_parts.cluster_run import ClusterRun, ShownQueue
from tests.findings.looking import Looking, values
from tests.waiting import wait_until
from workers.amqp_connection import Target
from workers.errors import WatchError
from workers.receiving.receiver import EventFeed

AWAY = ("broker_away prod", "broker_flapping prod")
"""Until the poller has turned to the other node, the broker does not respond."""
pytestmark = [pytest.mark.django_db]


class Polled:
    """Polls whenever it is looked at, shows the tables, and lets the rules look; `explained`: {rule and object: what its finding was under} of all found."""

    def __init__(self, cluster: Cluster) -> None:
        (self.address,) = parse_brokers(f"prod={cluster.brokers_url}", {})
        self.pk = store.ensure_brokers([self.address], datetime.now(UTC))["prod"].pk
        self.looking = Looking(self.address, Broker.objects.get(pk=self.pk))
        self.explained: dict[str, set[str]] = {}

    def queues(self) -> list[ShownQueue]:
        now = datetime.now(UTC)
        found = []
        for name, one in self.looking.look(now=now).items():
            self.explained.setdefault(name, set()).add(f"{one.under.rule} {one.under.name}" if one.under else "")
        for queue in Queue.objects.select_related("broker"):
            level = queue_level(queue, queue.broker, now)
            found.append(ShownQueue(queue.name, queue.depth, level.word, level.reason, queue.gone_at is not None))
        return found

    def alarms(self) -> list[str]:
        self.queues()
        return [alarm["node"] for alarm in Broker.objects.get(pk=self.pk).alarms]


class Watched:
    """The events queue of Hareline, which is on the first node; what it hands out of events that are published through the second one."""

    def __init__(self, cluster: Cluster) -> None:
        first, second = cluster.nodes
        self.feed = EventFeed([Target(node.amqp_url(), "/") for node in (first, second)], "hareline.test.events", nodes=2)
        self.received: list[bytes] = []
        self._sender = amqp.Connection(host=f"127.0.0.1:{second.ports['amqp']}", userid=second.user, password=second.password)
        self._sender.connect()
        self._channel = self._sender.channel()
        self._channel.exchange_declare("celeryev", "topic", durable=True, auto_delete=False)
        self.feed.connect()

    def close(self) -> None:
        self.feed.close()
        self._sender.close()

    def send(self, body: bytes) -> None:
        """Publishes an event and waits until something new came."""
        self._channel.basic_publish(Message(body), "celeryev", "worker.heartbeat")
        wait_until(self._take, seconds=60)

    def lose(self, first: Member) -> None:
        first.pause()
        wait_until(lambda: self._take() or self.feed.queue.endswith(".spare"), seconds=60)
        self.send(b"while it is away")

    def bring_back(self, first: Member) -> None:
        first.resume()
        wait_until(self._is_back, seconds=60)
        self.send(b"after")

    def _is_back(self) -> bool:
        self.feed._next_rebind = 0.0
        self._take()
        return self.feed.connected and self.feed.queue == "hareline.test.events"

    def _take(self) -> bool:
        """True if something new came; connects again where the connection broke."""
        try:
            if not self.feed.connected:
                self.feed.connect()
            found = [delivery.body for delivery in self.feed.receive(0.3, 100) if not delivery.again]
            self.feed.acknowledge()
        except WatchError:
            return False
        self.received.extend(found)
        return bool(found)


@pytest.mark.nightly
def test_each_queue_is_shown_once_and_no_event_is_lost_through_the_loss_of_a_node(tmp_path: Path) -> None:
    with Cluster(tmp_path, statistics_interval_ms=500).running() as cluster:
        polled, watched = Polled(cluster), Watched(cluster)
        run = ClusterRun(cluster, polled, look_seconds=0.3)
        run.plant()
        run.whole("planted")
        watched.send(b"before")
        run.lose(0, watched.lose, watched.bring_back)
        watched.close()
        run.lose(1, Member.pause, Member.resume)
        run.alarm(1)
        _assert_disk_alarm(cluster.nodes[0], polled.looking)
        cured = [set(polled.looking.look(ahead=seconds)) for seconds in (60, 120)][1]
    assert run.report.faults == []
    down = {f"node_down {node.name}" for node in cluster.nodes}
    assert polled.explained.keys() >= down | {"publishers_blocked prod"}
    assert polled.explained["queue_unavailable both"] & down
    waiting = {f"no_consumer {name}" for name in ("first", "second", "both")}
    expected = down | waiting | {name.replace("no_consumer", "queue_unavailable") for name in waiting} | {"publishers_blocked prod", *AWAY}
    assert polled.explained.keys() <= expected
    assert cured == waiting
    assert run.report.looks > 6
    assert watched.received == [b"before", b"while it is away", b"after"]


def _assert_disk_alarm(node: Member, looking: Looking) -> None:
    """The node requires more free disk than there is."""
    node.evaluate(f"rabbit_disk_monitor:set_disk_free_limit({10**18}).")
    free = f"Free disk of {node.name}"
    found = wait_until(lambda: (one := looking.look().get("publishers_blocked prod")) and free in values(one) and one, seconds=60)
    assert (found.level, values(found)[free].partition(", ")[2]) == ("critical", "limit 1,000,000 TB")
    node.evaluate("rabbit_disk_monitor:set_disk_free_limit(50000000).")
    wait_until(lambda: "publishers_blocked prod" not in looking.look(ahead=15), seconds=60)


@pytest.mark.nightly
def test_two_nodes_that_lost_each_other_are_partitioned_with_all_else_under_it(tmp_path: Path) -> None:
    with Cluster(tmp_path, statistics_interval_ms=500).running() as cluster:
        polled = Polled(cluster)
        ClusterRun(cluster, polled, look_seconds=0.3).plant()
        _assert_partitioned(cluster, polled.looking)


def _assert_partitioned(cluster: Cluster, looking: Looking) -> None:
    """What each of them reports is the evidence."""
    first, second = cluster.nodes
    first.cut_off(second)
    wait_until(lambda: f"node_down {second.name}" in looking.look(), seconds=60)
    first.reach_again(second)
    found = wait_until(lambda: looking.look().get("partition prod"), seconds=60)
    listed = {node["name"]: node["partitions"] for node in first.api("GET", "nodes") if node.get("partitions")}
    assert listed[first.name] == [second.name]
    assert values(found)[first.name] == f"cut off from {second.name}"
    down = wait_until(lambda: looking.look().get(f"node_down {second.name}"), seconds=60)
    assert (down.under_id, found.level) == (found.pk, "critical")
    alone = {name for name, one in looking.look().items() if one.under_id is None}
    assert alone - {"no_consumer first", "no_consumer second", "no_consumer both"} == {"partition prod"}
    second.pause()
    second.resume()
    wait_until(lambda: "partition prod" not in looking.look() or "partition prod" not in looking.look(ahead=15), seconds=60)
