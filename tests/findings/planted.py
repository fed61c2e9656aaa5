"""Problems planted on a real broker, polled by a clock of the test: minutes pass at once, while every number is the broker's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import amqp
from django.test import Client

from brokers import store
from brokers.models import Broker
from brokers.polling.poll_memory import PollMemory
from brokers.queries import kept
from dashboard.findings.evaluation import Evaluation
from dashboard.models import Finding, User
from tests.brokers.management import InstantApi
from tests.brokers.polled import poll_once, save_whole_poll
from tests.conftest import TestNode
from tests.waiting import wait_until


class Planted:
    """A virtual host with problems; `open()` are those that Hareline found there after the last poll."""

    def __init__(self, node: TestNode, vhost: str, step_seconds: float = 5.0, began: datetime | None = None) -> None:
        self.node, self.vhost = node, vhost
        address = node.address()
        self.broker = store.ensure_brokers([address], datetime.now(UTC))[address.name]
        self.api, self.step = InstantApi(address), timedelta(seconds=step_seconds)
        self.memory, self.stored = PollMemory(), store.BrokerMemory(step_seconds, statistics_seconds=step_seconds)
        self.evaluation, self.at = Evaluation(), began or datetime.now(UTC)
        self._links: list[amqp.Connection] = []
        self.channel = self._connect().channel()
        self.published: dict[str, int] = {}

    def _connect(self) -> amqp.Connection:
        port = self.node.ports["amqp"]
        link = amqp.Connection(f"127.0.0.1:{port}", userid=self.node.user, password=self.node.password, virtual_host=self.vhost)
        link.connect()
        self._links.append(link)
        return link

    def consumer(self, queue: str, prefetch: int = 0, priority: int | None = None) -> Consumer:
        return Consumer(self._connect(), queue, prefetch, priority)

    def declare(self, queue: str, **arguments: Any) -> None:
        self.channel.queue_declare(
            queue, durable=True, auto_delete=False, arguments={f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
        )

    def publish(self, queue: str, count: int, exchange: str = "") -> None:
        for _ in range(count):
            self.channel.basic_publish(amqp.Message("x"), exchange, queue)

    def reported(self, queue: str) -> dict[str, Any]:
        """As the broker's own API has it."""
        found: dict[str, Any] = self.node.api("GET", f"queues/{self.vhost}/{queue}")
        return found

    def settle(self) -> None:
        """Returns when the broker's statistics show what happened until now: what is published to this queue is counted there."""
        self.declare("marks")
        self.published["marks"] = self.published.get("marks", 0) + 1
        self.publish("marks", 1)
        self.channel.queue_purge("marks")
        wait_until(lambda: self.reported("marks").get("message_stats", {}).get("publish") == self.published["marks"], 60)

    def poll(self, times: int = 1) -> None:
        """Polls, stores and lets the rules look, each time a step later."""
        for _ in range(times):
            self.at += self.step
            found = poll_once(self.api, self.at, self.memory)
            assert save_whole_poll(self.broker.pk, found, self.at, self.stored)
            self.evaluation.look_at(Broker.objects.get(pk=self.broker.pk), self.at)

    def open(self) -> dict[tuple[str, str], Finding]:
        """By (rule, name) the open findings of this virtual host. Other tests use the same broker."""
        return {(one.rule, one.name): one for one in Finding.objects.filter(closed_at=None, vhost=self.vhost)}

    def marks(self) -> dict[str, list[str]]:
        """The titles of findings on the map, by the name of what they stand at; of all rules."""
        kept.forget()
        person, client = User.objects.get_or_create(username="ada", defaults={"is_superuser": True, "is_staff": True})[0], Client()
        client.force_login(person)
        nodes = client.get("/api/v1/map", {"broker": self.broker.name, "vhost": self.vhost}).json()["nodes"]
        return {node["name"]: [mark["text"] for mark in node["marks"]] for node in nodes if node["marks"]}

    def end(self) -> None:
        for link in self._links:
            link.close()


class Consumer:
    """A consumer of a queue over a connection of its own, which takes messages and acknowledges when the test says so."""

    def __init__(self, link: amqp.Connection, queue: str, prefetch: int, priority: int | None) -> None:
        self.link, self.channel = link, link.channel()
        self.taken: list[int] = []
        self.channel.basic_qos(0, prefetch, False)
        arguments = None if priority is None else {"x-priority": priority}
        self.channel.basic_consume(queue, callback=lambda message: self.taken.append(message.delivery_tag), arguments=arguments)

    def acknowledge(self, count: int) -> None:
        """Takes so many messages and acknowledges them."""
        for _ in range(count):
            self.channel.basic_ack(self._take())

    def requeue(self, count: int) -> None:
        """Takes so many messages and returns each to its queue."""
        for _ in range(count):
            self.channel.basic_reject(self._take(), requeue=True)

    def reject(self, count: int) -> None:
        """Takes so many messages and returns none to its queue."""
        for _ in range(count):
            self.channel.basic_reject(self._take(), requeue=False)

    def _take(self) -> int:
        while not self.taken:
            self.link.drain_events(timeout=60)
        return self.taken.pop(0)

    def leave(self) -> None:
        self.link.close()
