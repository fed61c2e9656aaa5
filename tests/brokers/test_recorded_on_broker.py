"""On a real broker: definitions of a recorded moment that RabbitMQ imports again, and messages that left queues unseen, against what the test itself did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import amqp
import pytest
from django.http import QueryDict

from brokers import store
from brokers.comparison import compared, of_export
from brokers.management.management_api import ManagementApi
from brokers.models import Broker
from brokers.polling.depth_poll import poll_depths
from brokers.polling.poll_memory import PollMemory
from brokers.scope import EVERYTHING
from brokers.stats import BrokerStats
from brokers.store import BrokerMemory
from dashboard.comparison.balance_page import BalancePage, Event
from dashboard.comparison.definitions import definitions_of
from tests.brokers.facts import NOON, after
from tests.brokers.polled import poll_once, save_whole_poll
from tests.brokers.routing.publishing import connected
from tests.conftest import TestNode
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
USUAL = {"durable": True, "auto_delete": False}
MADE: dict[str, Any] = {
    "exchanges": [
        {**USUAL, "name": "orders ü", "type": "topic", "internal": False, "arguments": {"alternate-exchange": "lost"}},
        {**USUAL, "name": "lost", "type": "fanout", "internal": True, "arguments": {}},
        {**USUAL, "name": "h", "type": "headers", "internal": False, "durable": False, "arguments": {}},
    ],
    "queues": [
        {**USUAL, "name": "mail", "arguments": {"x-max-length": 5, "x-message-ttl": 60_000, "x-dead-letter-exchange": ""}},
        {**USUAL, "name": "safe", "arguments": {"x-queue-type": "quorum"}},
        {**USUAL, "name": "log", "arguments": {"x-queue-type": "stream"}},
        {**USUAL, "name": "a/b", "durable": False, "arguments": {}},
        {**USUAL, "name": "short", "auto_delete": True, "arguments": {}},
    ],
    "bindings": [
        {"source": "orders ü", "destination": "mail", "destination_type": "queue", "routing_key": "order.*", "arguments": {}},
        {"source": "orders ü", "destination": "h", "destination_type": "exchange", "routing_key": "#", "arguments": {}},
        {"source": "h", "destination": "a/b", "destination_type": "queue", "routing_key": "", "arguments": {"x-match": "all", "pdf": True, "n": 3}},
        {"source": "amq.topic", "destination": "safe", "destination_type": "queue", "routing_key": "k", "arguments": {}},
    ],
    "policies": [{"name": "cap", "pattern": "^mail", "apply-to": "queues", "priority": 2, "definition": {"max-length": 7, "overflow": "reject-publish"}}],
}
OPERATOR = {"pattern": "^a/", "apply-to": "queues", "priority": 1, "definition": {"max-length": 9}}


def rows(exported: dict[str, Any]) -> dict[str, list[str]]:
    """What an export of RabbitMQ has of one virtual host, without its name."""
    kinds = ("exchanges", "queues", "bindings", "policies", "parameters")
    return {kind: sorted(json.dumps({**row, "vhost": ""}, sort_keys=True) for row in exported[kind] if row.get("name") != "short") for kind in kinds}


@pytest.fixture
def other(rabbitmq: TestNode) -> Iterator[str]:
    name = rabbitmq.new_vhost()
    yield name
    rabbitmq.api("DELETE", f"vhosts/{name}")


def test_recorded_definitions_are_imported_into_another_virtual_host_and_read_back_equal(rabbitmq: TestNode, vhost: str, other: str) -> None:
    rabbitmq.api("POST", f"definitions/{vhost}", MADE)
    rabbitmq.api("PUT", f"operator-policies/{vhost}/least", OPERATOR)
    broker = store.ensure_brokers([rabbitmq.address()], NOON)["test"]
    save_whole_poll(broker.pk, poll_once(ManagementApi(rabbitmq.address()), NOON, PollMemory()), NOON, BrokerMemory())
    broker.refresh_from_db()
    recorded = definitions_of(EVERYTHING, {"broker": "test", "vhost": vhost}, [broker], None, after(1))
    rabbitmq.api("POST", f"definitions/{other}", json.loads(json.dumps(recorded)))
    original = rabbitmq.api("GET", f"definitions/{vhost}")
    assert rows(rabbitmq.api("GET", f"definitions/{other}")) == rows(original)
    assert len(original["queues"]) == 5 and not [name for name in recorded if name in ("users", "permissions")]
    found, notes = of_export(original, vhost)
    assert (compared(of_export(recorded, vhost)[0], found, as_one=True).differences, notes) == ((), [])
    whole = definitions_of(EVERYTHING, {"broker": "test"}, [broker], None, after(1))
    mine = {kind: [row for row in of_kind if row.get("vhost") == vhost] for kind, of_kind in whole.items() if isinstance(of_kind, list) and kind != "vhosts"}
    rabbitmq.api("DELETE", f"vhosts/{other}")
    rabbitmq.api("POST", "definitions", json.loads(json.dumps({**mine, "vhosts": [{"name": vhost}], "hareline": whole["hareline"]}).replace(vhost, other)))
    assert rows(rabbitmq.api("GET", f"definitions/{other}")) == rows(original)


class Recorded:
    """Polls of a virtual host of a real broker, five seconds apart by their own account."""

    def __init__(self, node: TestNode, vhost: str) -> None:
        self.node, self.vhost, self.seconds = node, vhost, 0
        self.api, self.stored = ManagementApi(node.address()), BrokerMemory()
        self.broker: Broker = store.ensure_brokers([node.address()], NOON)["test"]

    def read(self) -> BrokerStats:
        found = poll_depths(self.api, after(self.seconds), PollMemory())  # everything anew: our clock stands while the broker's goes on
        found.queues = {key: queue for key, queue in found.queues.items() if key[0] == self.vhost}
        return found

    def poll(self, published: dict[str, int], depths: dict[str, int]) -> None:
        """Once the broker's counters and depths are those of the log."""

        def settled() -> BrokerStats | None:
            found = self.read()
            queues = {key[1]: (queue.published, queue.depth) for key, queue in found.queues.items()}
            is_so = all(queues.get(name, (None, None))[0] == count for name, count in published.items())
            is_so = is_so and all(queues[name][1] == depth for name, depth in depths.items())
            return found if is_so else None

        found = wait_until(settled, 30)
        assert found is not None
        store.save_poll(self.broker.pk, found, after(self.seconds), self.stored)
        self.seconds += 5

    def events(self) -> dict[str, list[Event]]:
        query = QueryDict(f"from={NOON:%Y-%m-%dT%H:%M:%SZ}&to={after(self.seconds):%Y-%m-%dT%H:%M:%SZ}")
        self.broker.refresh_from_db()
        page = BalancePage(EVERYTHING, query, "/", [self.broker], self.broker, self.vhost, after(self.seconds))
        return {row.queue.name: row.events for row in page.rows.items}


def verdicts(event: Event) -> dict[str, str]:
    return {cause.name: cause.verdict for cause in event.causes}


@pytest.mark.nightly  # fifteen polls, each once the broker has refreshed its counters: most of a minute
def test_purged_expired_and_dropped_messages_are_named_as_far_as_the_evidence_allows(rabbitmq: TestNode, vhost: str) -> None:
    arguments: dict[str, dict[str, Any]] = {"purged": {}, "expired": {"x-message-ttl": 1}, "dropped": {"x-max-length": 20}, "kept": {}}
    definitions = {"queues": [{**USUAL, "name": name, "arguments": found} for name, found in arguments.items()], "exchanges": [], "bindings": []}
    rabbitmq.api("POST", f"definitions/{vhost}", definitions)
    topology = poll_once(ManagementApi(rabbitmq.address()), NOON, PollMemory()).topologies or {}
    recorded, log = Recorded(rabbitmq, vhost), dict.fromkeys(arguments, 0)
    with connected(rabbitmq, vhost) as connection:
        channel = connection.channel()
        for step in range(9):
            for name in arguments:
                for _ in range(60 if step else 1):
                    channel.basic_publish(amqp.Message(b""), routing_key=name)
                log[name] += 60 if step else 1
            recorded.poll(log, {"expired": 0, "dropped": min(20, log["dropped"]), "purged": log["purged"], "kept": log["kept"]})
            if not step:
                store.save_topology(recorded.broker.pk, {vhost: topology[vhost]}, None, None, None, NOON)
        channel.queue_purge("purged")
    for _ in range(6):
        recorded.poll(log, {"purged": 0, "kept": log["kept"]})
    events = recorded.events()
    assert set(events) == {"purged", "expired", "dropped"}
    assert verdicts(events["purged"][0]) == {
        "Purge": "possible", "Expiry": "possible under a condition", "Drop by a length limit": "ruled out", "Deleted and made again": "ruled out",
    }  # fmt: skip
    assert f"{log['purged']:,} messages left, without a delivery" in events["purged"][0].text
    assert verdicts(events["expired"][0]) == {"Expiry": "possible", "Delivered, not acknowledged": "ruled out", "Drop by a length limit": "ruled out"}
    assert verdicts(events["dropped"][0]) == {
        "Drop by a length limit": "possible", "Expiry": "possible under a condition", "Delivered, not acknowledged": "ruled out",
    }  # fmt: skip
